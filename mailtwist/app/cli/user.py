"""`mailtwist user`: who has an account here."""

import sys
from argparse import ArgumentParser, Namespace
from getpass import getpass
from typing import Any

from mailtwist.app.cli.answer import print_json, print_rows
from mailtwist.app.cli.command import Command
from mailtwist.app.cli.groups import change_groups, group_arguments
from mailtwist.app.cli.inside import CannotDo, Inside, canonical_name, person_named, run_inside
from mailtwist.app.cli.mail_protector import tell_names
from mailtwist.app.cli.quotas import change_quota, quota_arguments, store_named
from mailtwist.app.cli.user_import import MAIL_PROTECTOR, import_arguments, import_files
from mailtwist.auth.api import Person, SupportsListing, SupportsPeople
from mailtwist.auth.endings import Endings, the_endings
from mailtwist.auth.hashed import SupportsHashed
from mailtwist.auth.names import LONGEST_SECRET, clean
from mailtwist.state.api import Durable
from mailtwist.state.process import durable

NO_DIRECTORY = (
    'no directory of this config can be listed or changed here; write "[directory:people]" with'
    ' "type = sqlite", or, where people are at the server behind, add and remove them there'
)


def arguments(parser: ArgumentParser) -> None:
    words = parser.add_subparsers(dest="word", required=True, metavar="WORD")
    add = words.add_parser("add", help="a new account; asks for its password")
    add.add_argument("--address", action="append", default=[], help="one more address that gets mail")
    add.add_argument("--alias", action="append", default=[], help="one more name that logs in, without mail")
    known = {
        "passwd": "another password",
        "disable": "nobody gets in, and mail is refused",
        "enable": "as before",
        "remove": "the account with its tokens and devices; its mail stays",
    }
    parsers = {"add": add, **{word: words.add_parser(word, help=help) for word, help in known.items()}}
    for word in ("add", "passwd"):
        read = "read the password from the first line of standard input"
        parsers[word].add_argument("--password-stdin", action="store_true", help=read)
    revoke = "and revoke all devices and app passwords"
    parsers["passwd"].add_argument("--revoke-devices", action="store_true", help=revoke)
    for one in parsers.values():
        one.add_argument("name", metavar="NAME", help="the login name, mostly an address")
    quota = parsers["quota"] = words.add_parser("quota", help="how much mail an account may have")
    quota_arguments(quota)
    parsers["list"] = words.add_parser("list", help="all accounts")
    parsers["import"] = words.add_parser(
        "import", help="people of another server, with their passwords' hashes"
    )
    import_arguments(parsers["import"])
    group = words.add_parser("group", help="who is in which group; rules on the second factor may ask for it")
    for one in (*parsers.values(), *group_arguments(group)):
        one.add_argument("--json", action="store_true", help="answer in JSON")
        one.add_argument(
            "--directory", metavar="NAME", help="the section [directory:NAME]; by default the first"
        )


async def work(inside: Inside, chosen: Namespace) -> int:
    if chosen.word == "quota":
        return await _quota(inside, chosen)
    if chosen.word == "list":
        return await _listed(inside, chosen)
    if chosen.word == "import":
        return await _imported(inside, chosen)
    directory: SupportsPeople = _directory(inside, chosen.directory)
    state, endings = durable(inside), inside.one(the_endings)
    await inside.begin()
    if chosen.word == "group":
        return await change_groups(inside, directory, chosen)
    if chosen.word == "add":
        _tell(chosen, "added", await _added(inside, directory, chosen))
    else:
        person = await _known(inside, directory, chosen.name)
        await _changed(directory, state, endings, person, chosen)
        _tell(chosen, {"passwd": "changed"}.get(chosen.word, f"{chosen.word}d"), person)
    return 0


async def _changed(
    directory: SupportsPeople, state: Durable, endings: Endings, person: Person, chosen: Namespace
) -> None:
    """Whoever is logged in as this person is logged out: he comes back by what holds now, or not at all."""
    if chosen.word == "passwd":
        await directory.set_password(person, new_password(chosen.password_stdin))
        await endings.account(person.account, "password-changed")
        if chosen.revoke_devices:
            await endings.devices(person.account, "password-changed")
    elif chosen.word == "remove":
        await directory.remove(person)
        await state.forget_account(person.account)
        await endings.said()
    else:
        await directory.set_enabled(person, chosen.word == "enable")
        await endings.account(person.account, f"{chosen.word}d")


async def _listed(inside: Inside, chosen: Namespace) -> int:
    directory: SupportsListing = _directory(inside, chosen.directory, SupportsListing)
    await inside.begin()
    rows = [_row(person) for person in await directory.people()]
    print_rows(rows, ("name", "enabled", "addresses", "groups"), chosen.json, "there is nobody")
    return 0


async def _quota(inside: Inside, chosen: Namespace) -> int:
    inside.parts("directory")
    store = store_named(inside, chosen.store)
    await inside.begin()
    _, person = await person_named(inside, chosen.name)
    await change_quota(store, person, chosen)
    return 0


async def _imported(inside: Inside, chosen: Namespace) -> int:
    if chosen.kind == MAIL_PROTECTOR:
        return await tell_names(inside, chosen)
    directory: SupportsHashed = _directory(inside, chosen.directory, SupportsHashed)
    endings = inside.one(the_endings)
    await inside.begin()
    return await import_files(inside, directory, endings, chosen)


async def _added(inside: Inside, directory: SupportsPeople, chosen: Namespace) -> Person:
    name = canonical_name(inside, chosen.name)
    addresses = [canonical_name(inside, address) for address in chosen.address]
    aliases = [canonical_name(inside, alias) for alias in chosen.alias]
    if plain := [address for address in addresses if "@" not in address]:
        raise CannotDo(f'"{plain[0]}" is no address; write it with its domain')
    return await directory.add(name, new_password(chosen.password_stdin), addresses, aliases)


async def _known(inside: Inside, directory: SupportsPeople, name: str) -> Person:
    _, person = await person_named(inside, name)
    if person not in await directory.people():
        raise CannotDo(f"{person.name} is in a directory that cannot be changed here")
    return person


def _directory(inside: Inside, name: str | None, able: Any = SupportsPeople) -> Any:
    """The one that is named, or the first that is `able`."""
    directories = dict(inside.parts("directory"))
    if name is not None and name not in directories:
        raise CannotDo(f"there is no section [directory:{name}]")
    for title, directory in directories.items():
        if isinstance(directory, able) and name in (None, title):
            return directory
    raise CannotDo(NO_DIRECTORY)


def new_password(from_stdin: bool) -> bytes:
    """The octets of a password, typed twice or read from standard input."""
    password = _piped() if from_stdin else _typed()
    if not clean(b"user", password):
        raise CannotDo(f"a password has 1 to {LONGEST_SECRET} octets and no control characters")
    return password


def _piped() -> bytes:
    line = sys.stdin.buffer.readline(LONGEST_SECRET + 3)
    return line.removesuffix(b"\n").removesuffix(b"\r")


def _typed() -> bytes:
    try:
        password, again = getpass("Password: "), getpass("The same again: ")
    except EOFError:
        raise CannotDo("no password was typed; a program writes it to --password-stdin") from None
    if password != again:
        raise CannotDo("the two are not the same")
    return password.encode("utf-8", "surrogateescape")


def _tell(chosen: Namespace, what: str, person: Person) -> None:
    if chosen.json:
        print_json({"done": what, **_row(person)})
    else:
        print(f"{person.name}: {what}")


def _row(person: Person) -> dict[str, object]:
    return {
        "name": person.name,
        "account": person.account,
        "enabled": person.enabled,
        "addresses": list(person.addresses),
        "groups": list(person.groups),
    }


def run(chosen: Namespace) -> int:
    return run_inside(work, chosen)


command = Command("adds, lists and changes accounts", run, arguments)
