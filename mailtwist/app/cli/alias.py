"""`mailtwist alias`: addresses that stand for others."""

from argparse import ArgumentParser, Namespace

from mailtwist.app.cli.answer import print_json, print_rows
from mailtwist.app.cli.command import Command
from mailtwist.app.cli.inside import CannotDo, Inside, canonical_name, run_inside
from mailtwist.auth.api import Alias, SupportsAliasChanges
from mailtwist.auth.names import BadName, canonical_domain
from mailtwist.config.problems import shown
from mailtwist.delivery.api import SupportsRecipients
from mailtwist.delivery.expansion import Astray, Found
from mailtwist.delivery.recipients import Recipients

NO_DIRECTORY = (
    'no directory of this config keeps aliases that can be changed; write "[directory:people]" with'
    ' "type = sqlite"'
)
NO_TARGET = 'no target of this config delivers here; write "[target:local]" with "type = mailbox"'


def arguments(parser: ArgumentParser) -> None:
    words = parser.add_subparsers(dest="word", required=True, metavar="WORD")
    add = words.add_parser("add", help="mail for an address goes to others, or to more of them")
    remove = words.add_parser("remove", help="it does not, or not to these")
    for one in (add, remove):
        whole = "the address; @example.org is whatever nobody has in that domain"
        one.add_argument("address", metavar="ADDRESS", help=whole)
    add.add_argument("targets", metavar="TARGET", nargs="+", help="an address or a login name of this server")
    remove.add_argument("targets", metavar="TARGET", nargs="*", help="which ones; by default all")
    listed = words.add_parser("list", help="all aliases, and whom they reach")
    for one in (add, remove, listed):
        one.add_argument("--json", action="store_true", help="answer in JSON")
        one.add_argument(
            "--directory", metavar="NAME", help="the section [directory:NAME]; by default the first that can"
        )


async def work(inside: Inside, chosen: Namespace) -> int:
    directory = _directory(inside, chosen.directory)
    recipients = _recipients(inside)
    await inside.begin()
    if chosen.word == "list":
        rows = [await _row(recipients[0], alias) for alias in await directory.aliases()]
        print_rows(rows, ("alias", "targets", "reaches"), chosen.json, "there are no aliases")
        return 0
    address = _address(inside, chosen.address)
    targets = list(dict.fromkeys(canonical_name(inside, target) for target in chosen.targets))
    if chosen.word == "add":
        whole = Alias(address, tuple(dict.fromkeys([*await directory.alias(address), *targets])))
        await _must_lead_somewhere(recipients, whole)
        alias: Alias | None = await directory.add_alias(address, targets)
    else:
        alias = await directory.remove_alias(address, targets)
    _tell(chosen, {"add": "added", "remove": "removed"}[chosen.word], alias or Alias(address, ()))
    return 0


async def _must_lead_somewhere(recipients: list[Recipients], alias: Alias) -> None:
    """Were it there, mail for it would be taken, and each of its targets would reach somebody here."""
    domain = alias.address.rpartition("@")[2]
    trying = [one.trying(alias) for one in recipients]
    taking = [one for one in trying if await one.serves(domain)]
    if not taking:
        raise CannotDo(f'mail for {domain} is not taken: the "domains" of the targets leave it out')
    found = await _found(taking[0], alias.address)
    if found.in_circles:
        raise CannotDo(f"{alias.address} would lead back to {found.in_circles[0]}, which is nobody")
    for name in found.lost:
        raise CannotDo(await _why_lost(trying, name))


async def _why_lost(recipients: list[Recipients], name: str) -> str:
    _, at, domain = name.rpartition("@")
    if at and not any([await one.serves(domain) for one in recipients]):
        return (
            f"{name} is not on this server: mail cannot be sent on to other hosts yet; an alias leads to"
            " accounts of this server only"
        )
    return f"there is nobody called {name}"


async def _found(recipients: Recipients, address: str) -> Found:
    try:
        return await recipients.expanded(address)
    except Astray as astray:
        raise CannotDo(astray.detail) from None


async def _row(recipients: Recipients, alias: Alias) -> dict[str, object]:
    try:
        found = await recipients.expanded(alias.address)
    except Astray:
        found = Found()
    people = [person.name for person, _ in found.people.values()]
    return {"alias": alias.address, "targets": list(alias.targets), "reaches": people or "nobody"}


def _address(inside: Inside, text: str) -> str:
    if not text.startswith("@"):
        address = canonical_name(inside, text)
        if "@" not in address:
            raise CannotDo(f'"{shown(text)}" is no address; write it with its domain')
        return address
    try:
        return f"@{canonical_domain(text[1:])}"
    except BadName as bad:
        raise CannotDo(f'"{shown(text)}" cannot be: {bad}') from None


def _recipients(inside: Inside) -> list[Recipients]:
    """Those of the targets; where there are none, aliases mean nothing."""
    targets = inside.parts("target").values()
    found = [target.recipients for target in targets if isinstance(target, SupportsRecipients)]
    if not found:
        raise CannotDo(NO_TARGET)
    return found


def _directory(inside: Inside, name: str | None) -> SupportsAliasChanges:
    directories = dict(inside.parts("directory"))
    if name is not None and name not in directories:
        raise CannotDo(f"there is no section [directory:{name}]")
    for title, directory in directories.items():
        if isinstance(directory, SupportsAliasChanges) and name in (None, title):
            return directory
    raise CannotDo(NO_DIRECTORY)


def _tell(chosen: Namespace, what: str, alias: Alias) -> None:
    if chosen.json:
        print_json({"done": what, "alias": alias.address, "targets": list(alias.targets)})
    else:
        leads = f"leads to {', '.join(alias.targets)}" if alias.targets else "is no alias any more"
        print(f"{alias.address}: {leads}")


def run(chosen: Namespace) -> int:
    return run_inside(work, chosen)


command = Command("adds, lists and removes addresses that stand for others", run, arguments)
