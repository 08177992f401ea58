"""`mailtwist user import`: people of another server, with the hashes of their passwords."""

from argparse import ArgumentParser, Namespace
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

from mailtwist.app.cli.answer import print_json
from mailtwist.app.cli.command import FAILED
from mailtwist.app.cli.inside import CannotDo, Inside
from mailtwist.app.cli.user_import_files import READERS, Found, Options, Refused
from mailtwist.auth.api import Directory
from mailtwist.auth.directories.hashes import CLEAR, scheme_of
from mailtwist.auth.endings import Endings
from mailtwist.auth.hashed import Hashed, SupportsHashed
from mailtwist.auth.names import BadName, canonical_domain
from mailtwist.config.problems import shown

MAIL_PROTECTOR = "mail_protector"
WHY = "password-changed"
STAYS_DISABLED = "he is disabled here, and stays so; mailtwist user enable lets him in again"


def import_arguments(parser: ArgumentParser) -> None:
    kinds = {
        "passwd": "/etc/passwd with /etc/shadow",
        "htpasswd": "a file of Apache's htpasswd",
        "dovecot": "a passwd-file of Dovecot's",
        MAIL_PROTECTOR: "the Redis of mail_protector, which tells names and no passwords",
    }
    what = "; ".join(f"{kind}: {words}" for kind, words in kinds.items())
    parser.add_argument("--from", dest="kind", choices=tuple(kinds), required=True, help=what)
    parser.add_argument("source", metavar="FILE", help="the file, or redis://host:port/database")
    parser.add_argument("--dry-run", action="store_true", help="tell what would be done, and do nothing")
    here = "who is here already gets the password of the file; by default nothing of his changes"
    parser.add_argument("--replace", action="store_true", help=here)
    domain = "the domain of names without one; by default that of the config"
    parser.add_argument("--domain", metavar="NAME", help=domain)
    parser.add_argument("--shadow", metavar="FILE", type=Path, help="where the hashes of a passwd file are")
    first = "users of a passwd file below this are the system's: 1000"
    parser.add_argument("--first-uid", metavar="UID", type=int, default=1000, help=first)
    read = "the password of the Redis is the first line of standard input"
    parser.add_argument("--password-stdin", action="store_true", help=read)


@dataclass
class Plan:
    """What is to become of each line."""

    new: list[Found] = field(default_factory=list)
    replaced: list[Hashed] = field(default_factory=list)
    here: list[str] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def people(self) -> list[Hashed]:
        return [*(Hashed(one.name, one.stored, one.enabled) for one in self.new), *self.replaced]


async def import_files(inside: Inside, directory: SupportsHashed, endings: Endings, chosen: Namespace) -> int:
    """The exit status: FAILED when a line was refused.  All others are here then, in one step."""
    options = Options(_domain(inside, chosen), chosen.first_uid, chosen.shadow, inside.clock.now())
    reader = READERS[chosen.kind]
    lines = await inside.threads.run(lambda: list(reader(Path(chosen.source), options)))
    plan = await _planned(inside.parts("directory"), directory, lines, replace=chosen.replace)
    if not chosen.dry_run:
        await directory.take(plan.people)
        for one in plan.replaced:
            await endings.account(one.account, WHY)
    _tell(plan, chosen)
    return FAILED if plan.refused else 0


def _domain(inside: Inside, chosen: Namespace) -> str:
    if chosen.domain is None:
        return inside.login.default_domain or ""
    try:
        return canonical_domain(chosen.domain)
    except BadName as bad:
        raise CannotDo(f'"{shown(chosen.domain)}" cannot be a domain: {bad}') from None


async def _planned(
    directories: Mapping[str, Directory],
    directory: SupportsHashed,
    lines: Iterable[Found | Refused],
    *,
    replace: bool,
) -> Plan:
    plan, seen = Plan(), dict[str, str]()
    for line in lines:
        refused = line if isinstance(line, Refused) else _refused(directory, line, seen)
        if refused is not None:
            plan.refused.append(refused)
        elif isinstance(line, Found):
            await _place(plan, directories, directory, line, replace)
    return plan


def _refused(directory: SupportsHashed, line: Found, seen: dict[str, str]) -> Refused | None:
    first = seen.setdefault(line.name, line.where)
    if first != line.where:
        return Refused(line.where, f"{shown(line.name)} is in {first} already; the first one counts")
    useless = directory.useless(line.stored)
    return Refused(line.where, f"{shown(line.name)}: {useless}") if useless else None


async def _place(
    plan: Plan, directories: Mapping[str, Directory], directory: SupportsHashed, line: Found, replace: bool
) -> None:
    """A name that means somebody in a directory that is asked before this one would never come here."""
    for title, one in directories.items():
        here = cast(object, one) is directory
        person = await one.find(line.name)
        if person is not None and not (here and person.name == line.name):
            words = f"{shown(line.name)} is {shown(person.name)} in [directory:{title}]"
            plan.refused.append(Refused(line.where, words))
            return
        if person is not None and not replace:
            plan.here.append(line.name)
            return
        if person is not None:
            enabled = line.enabled and person.enabled
            plan.replaced.append(Hashed(line.name, line.stored, enabled, person.account))
            if line.enabled and not enabled:
                plan.notes.append(f"{shown(line.name)}: {STAYS_DISABLED}")
            return _note(plan, line)
        if here:
            break
    plan.new.append(line)
    _note(plan, line)


def _note(plan: Plan, line: Found) -> None:
    disabled = () if line.enabled else ("he may not log in there, and is disabled here",)
    plan.notes += [f"{shown(line.name)}: {words}" for words in (*disabled, *line.notes)]


# -- what is told
def _tell(plan: Plan, chosen: Namespace) -> None:
    refused = [{"where": one.where, "reason": one.reason} for one in plan.refused]
    replaced = [one.name for one in plan.replaced]
    if chosen.json:
        new = [one.name for one in plan.new]
        told = {"imported": new, "replaced": replaced, "here": plan.here, "refused": refused}
        print_json({"dry_run": chosen.dry_run, **told, "notes": plan.notes})
        return
    for one in plan.refused:
        print(f"{one.where}: {one.reason}")
    for words in plan.notes:
        print(words)
    for scheme, many in sorted(Counter(scheme_of(one.stored) for one in plan.people).items()):
        print(f"{many} with {scheme}{_anew(scheme)}")
    verbs = ("would be imported", "would be replaced") if chosen.dry_run else ("imported", "replaced")
    print(
        f"{len(plan.new)} {verbs[0]}, {len(replaced)} {verbs[1]}, {len(plan.here)} already here,"
        f" {len(refused)} refused"
    )


def _anew(scheme: str) -> str:
    if scheme in CLEAR:
        return ", made to a hash at once"
    return "" if scheme == "ARGON2ID" else ", made anew at each one's login"
