"""`mailtwist app-password`: a password for one mail program, which can be ended alone."""

import sys
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Callable
from getpass import getpass
from typing import TypeVar

from mailtwist.app.cli.answer import moment, print_json, print_rows
from mailtwist.app.cli.command import Command
from mailtwist.app.cli.inside import CannotDo, Inside, person_named, run_inside
from mailtwist.app.cli.remembered import label_of, revoke_arguments, revoked, rows_of
from mailtwist.auth.api import Directory, LoginRefused, Person, SupportsOpening
from mailtwist.auth.endings import the_endings
from mailtwist.auth.issuing import AppPasswords, Issued, Wanted, the_app_passwords
from mailtwist.auth.names import LONGEST_SECRET, clean
from mailtwist.auth.notices import the_notices
from mailtwist.config.network import Networks
from mailtwist.config.values import Duration
from mailtwist.gateway.api import Errand, SupportsSealed
from mailtwist.gateway.errand import KINDS
from mailtwist.state.process import durable
from mailtwist.state.records import APP_PASSWORD

T = TypeVar("T")

PROTOCOLS = ("imap", "pop3", "smtp", "sieve", "http")
COLUMNS = ("id", "label", "state", "protocols", "networks", "last_used", "last_address", "expires")


def arguments(parser: ArgumentParser) -> None:
    words = parser.add_subparsers(dest="word", required=True, metavar="WORD")
    add = words.add_parser("add", help="a new one; it is shown once")
    listed = words.add_parser("list", help="those of an account")
    revoke = words.add_parser("revoke", help="it does not get in any more, and who is in by it goes out")
    reseal = words.add_parser("reseal", help="the password that is sealed in one has changed")
    for one in (add, listed, revoke, reseal):
        one.add_argument("name", metavar="NAME", help="the login name")
        one.add_argument("--json", action="store_true", help="answer in JSON")
    _add_arguments(add)
    listed.add_argument("--all", action="store_true", help="those that have ended, too")
    revoke_arguments(revoke)
    lines = "read both from standard input: the app password, and on a line of its own the one to be sealed"
    reseal.add_argument("--password-stdin", action="store_true", help=lines)


def _add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--label", default="", help="which program it is for")
    parser.add_argument(
        "--protocol",
        action="append",
        default=[],
        choices=PROTOCOLS,
        help="it is for this one; by default all",
    )
    parser.add_argument(
        "--network",
        action="append",
        default=[],
        type=_read(_networks),
        help="it works from there only, such as 192.0.2.0/24",
    )
    parser.add_argument("--life", type=_read(Duration.parse), help='how long it works, such as "90 days"')
    parser.add_argument("--idle", type=_read(Duration.parse), help="after so long without a use it is over")
    parser.add_argument(
        "--password-stdin",
        action="store_true",
        help="read the password to be sealed, where one is needed, from standard input",
    )


async def work(inside: Inside, chosen: Namespace) -> int:
    for room in ("directory", "upstream", "route"):
        inside.parts(room)
    state, endings = durable(inside), inside.one(the_endings)
    given, notices = inside.one(the_app_passwords), inside.one(the_notices)
    await inside.begin()
    directory, person = await person_named(inside, chosen.name)
    if chosen.word == "add":
        issued = await _added(inside, given, directory, person, chosen)
        facts = {"device": issued.device.id, "label": issued.device.label, "by": "an administrator"}
        await notices.put(person.account, "app-password-added", name=person.name, **facts)
        return _shown(issued, chosen)
    if chosen.word == "reseal":
        return await _resealed(inside, given, directory, person, chosen)
    known = [one for one in await state.devices(person.account) if one.kind == APP_PASSWORD]
    if chosen.word == "revoke":
        return await revoked(endings, known, inside.clock.now(), chosen)
    rows = rows_of(known, inside, all=chosen.all)
    print_rows(rows, COLUMNS, chosen.json, f"{person.name} has no app password")
    return 0


async def _added(
    inside: Inside, given: AppPasswords, directory: Directory, person: Person, chosen: Namespace
) -> Issued:
    for name, longest in (("life", inside.login.app_passwords), ("idle", inside.login.app_password_idle)):
        wanted = getattr(chosen, name)
        if wanted is not None and wanted <= 0:
            raise CannotDo(f"--{name} has to be more than nothing")
        if wanted is not None and wanted > longest:
            raise CannotDo(f"--{name} can be {Duration(longest).written()} at most; [login] says so")
    wanted = Wanted(
        label_of(chosen.label),
        tuple(dict.fromkeys(chosen.protocol)),
        tuple(str(network) for networks in chosen.network for network in networks),
        chosen.life,
        chosen.idle,
    )
    password = None
    if isinstance(directory, SupportsOpening):
        password = _one_line("The account's own password: ", chosen.password_stdin)
        await _check(directory, person, password)
    elif behind := await _behind(inside, person):
        password = _one_line("The password at the server behind: ", chosen.password_stdin)
        await _check_behind(behind, person, password)
    return await given.issue(person.account, wanted, password)


async def _resealed(
    inside: Inside, given: AppPasswords, directory: Directory, person: Person, chosen: Namespace
) -> int:
    secret = _one_line("The app password: ", chosen.password_stdin)
    behind = None if isinstance(directory, SupportsOpening) else await _behind(inside, person)
    if behind is None:
        password = _one_line("The account's own password: ", chosen.password_stdin)
        await _check(directory, person, password)
    else:
        password = _one_line("The password at the server behind: ", chosen.password_stdin)
        await _check_behind(behind, person, password)
    device = await given.reseal(person.account, secret, password)
    if device is None:
        raise CannotDo("that is no living app password with another one in it")
    print_json({"done": "resealed", "id": device.id}) if chosen.json else print(f"{device.id}: resealed")
    return 0


async def _behind(inside: Inside, person: Person) -> SupportsSealed | None:
    """The server behind us for this person that wants a password which is sealed; None where none does."""
    sealed = {
        name: upstream
        for name, upstream in inside.parts("upstream").items()
        if isinstance(upstream, SupportsSealed) and upstream.sealed
    }
    if len(sealed) > 1:
        for route in inside.parts("route").values():
            for kind in KINDS.values():
                named = await route.upstream(person.name, kind)
                if named in sealed:
                    return sealed[named]
        raise CannotDo(f"no route says which of these is for {person.name}: {', '.join(sealed)}")
    return next(iter(sealed.values()), None)


async def _check_behind(upstream: SupportsSealed, person: Person, password: bytes) -> None:
    """What is sealed should open something: the server behind is asked, as with a login."""
    kind = next((kind for kind in KINDS.values() if upstream.serves(kind)), None)
    if kind is None:
        return
    try:
        session = await upstream.open(
            Errand(kind, person.account, person.name, person.name.encode(), password, vault=True)
        )
    except LoginRefused:
        raise CannotDo("that is not the password at the server behind") from None
    await session.close()


async def _check(directory: Directory, person: Person, password: bytes) -> None:
    if not await directory.accepts(person, password):
        raise CannotDo("that is not the account's password")


def _shown(issued: Issued, chosen: Namespace) -> int:
    device = issued.device
    if chosen.json:
        print_json({"id": device.id, "password": issued.text, "expires": moment(device.expires_at)})
    else:
        unused = f"; unused, until {moment(device.ends_at)}" if device.ends_at < device.expires_at else ""
        print(f"{issued.text}\nIt is shown once, and works until {moment(device.expires_at)}{unused}.")
    return 0


def _one_line(words: str, from_stdin: bool) -> bytes:
    try:
        text = sys.stdin.buffer.readline(LONGEST_SECRET + 3).rstrip(b"\r\n") if from_stdin else _typed(words)
    except EOFError:
        raise CannotDo("nothing was typed; a program writes it to --password-stdin") from None
    if not clean(b"user", text):
        raise CannotDo(f"a password has 1 to {LONGEST_SECRET} octets and no control characters")
    return text


def _typed(words: str) -> bytes:
    return getpass(words).encode("utf-8", "surrogateescape")


def _networks(text: str) -> Networks:
    """Nothing, as of a variable that a script has not set, would mean everywhere."""
    if not (networks := Networks.parse(text)):
        raise ValueError("no network is named; leave --network out for everywhere")
    return networks


def _read(parse: Callable[[str], T]) -> Callable[[str], T]:
    """argparse says what is wrong."""

    def read(text: str) -> T:
        try:
            return parse(text)
        except ValueError as error:
            raise ArgumentTypeError(str(error)) from None

    return read


def run(chosen: Namespace) -> int:
    return run_inside(work, chosen)


command = Command("gives out, lists and revokes passwords for single mail programs", run, arguments)
