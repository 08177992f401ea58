"""`mailtwist ban`: who is kept out, by an admin or by the limits, and an end to it."""

import os
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Sequence
from dataclasses import dataclass
from getpass import getuser
from ipaddress import IPv4Network, IPv6Network, ip_network

from mailtwist.app.cli.answer import moment, print_json, print_rows
from mailtwist.app.cli.command import Command
from mailtwist.app.cli.inside import CannotDo, Inside, person_named, run_inside
from mailtwist.auth.api import Directory, SupportsListing
from mailtwist.auth.bans import Network, covering, network_in, subject_of
from mailtwist.auth.buckets import keys_of
from mailtwist.auth.places import client_of
from mailtwist.config.limits import LimitsSettings
from mailtwist.config.problems import shown
from mailtwist.config.values import Duration
from mailtwist.state.api import Durable, Volatile
from mailtwist.state.process import durable, volatile
from mailtwist.state.records import Ban

LONGEST_REASON = 200
WHOM = "an address, a network, or a login name"


def arguments(parser: ArgumentParser) -> None:
    words = parser.add_subparsers(dest="word", required=True, metavar="WORD")
    listed = words.add_parser("list", help="who is kept out, or may not guess any more")
    add = words.add_parser("add", help="nobody gets in from there, or as this account, devices included")
    lift = words.add_parser("lift", help="an end to it; what was counted is forgotten")
    for one in (listed, add, lift):
        one.add_argument("--json", action="store_true", help="answer in JSON")
    add.add_argument("whom", metavar="WHOM", help=WHOM)
    add.add_argument(
        "--for", dest="time", metavar="TIME", type=_time, default=Duration(86400), help="1 d by default"
    )
    add.add_argument("--reason", default="", help="for the list")
    lift.add_argument("whom", metavar="WHOM", nargs="*", help=f"{WHOM}, as in the list")
    lift.add_argument("--all", action="store_true", help="all that is in the list")


def _time(text: str) -> Duration:
    try:
        time = Duration.parse(text)
    except ValueError as error:
        raise ArgumentTypeError(str(error)) from None
    if not time:
        raise ArgumentTypeError("it has to be more than nothing")
    return time


@dataclass(frozen=True, slots=True)
class _States:
    """Admins' bans are in the durable state, what the limits did is in the volatile one."""

    durable: Durable
    volatile: Volatile
    settings: LimitsSettings

    async def all(self) -> list[Ban]:
        return [*await self.durable.bans(), *await self.volatile.bans()]

    async def lift(self, subject: str) -> None:
        await self.durable.lift(subject)
        await self.volatile.lift(subject)
        await self.volatile.clear(keys_of(subject, self.settings))


async def work(inside: Inside, chosen: Namespace) -> int:
    directories: list[Directory] = list(inside.parts("directory").values())
    states = _States(durable(inside), volatile(inside), inside.settings(LimitsSettings))
    await inside.begin()
    if chosen.word == "list":
        return await _list(states, directories, chosen)
    if chosen.word == "add":
        return await _add(states, inside, chosen)
    return await _lift(states, inside, directories, chosen)


async def _list(states: _States, directories: Sequence[Directory], chosen: Namespace) -> int:
    print_rows(
        await _rows(states, directories), ("whom", "until", "by", "reason"), chosen.json, "nobody is kept out"
    )
    return 0


async def _rows(states: _States, directories: Sequence[Directory]) -> list[dict[str, str]]:
    names = {
        person.account: person.name
        for directory in directories
        if isinstance(directory, SupportsListing)
        for person in await directory.people()
    }
    return [_row(ban, names) for ban in sorted(await states.all(), key=lambda ban: (ban.until, ban.subject))]


def _row(ban: Ban, names: dict[str, str]) -> dict[str, str]:
    account = _account(ban.subject)
    name = names.get(account, "")
    whom = ban.subject.replace(f"account {account}", f"account {name}", 1) if name else ban.subject
    return {
        "whom": whom,
        "subject": ban.subject,
        "name": name,
        "until": moment(ban.until),
        "by": ban.by or "limits",
        "reason": ban.reason,
    }


def _account(subject: str) -> str:
    """Its id; '' when it is not about an account."""
    kind, _, whom = subject.partition(" ")
    return whom.partition(" from ")[0] if kind == "account" else ""


# -- keeping out
async def _add(states: _States, inside: Inside, chosen: Namespace) -> int:
    subject, name = await _subject(inside, chosen.whom)
    until = inside.clock.now() + chosen.time
    reason = shown(chosen.reason, LONGEST_REASON)
    await states.durable.lift(subject)
    await states.durable.ban(Ban(subject, reason, until, who_types()))
    if chosen.json:
        print_json({"done": "banned", "subject": subject, "name": name, "until": moment(until)})
    else:
        print(f"banned until {moment(until)}: {name or subject}")
    return 0


async def _subject(inside: Inside, text: str) -> tuple[str, str]:
    """How it is called in the list, and the login name of an account."""
    net = _network(text)
    if net is not None:
        return subject_of(net), ""
    _, person = await person_named(inside, text)
    return f"account {person.account}", person.name


def who_types() -> str:
    """Who typed the command."""
    try:
        return os.environ.get("SUDO_USER") or getuser()
    except (KeyError, OSError):  # a user id without a name
        return str(os.getuid())


def _network(text: str) -> Network | None:
    """What an operator means by it; None when it is no network.  A client of IPv6 is its /64, and IPv4 within
    IPv6 is IPv4."""
    try:
        net: Network = ip_network(text)
    except ValueError:
        if "/" not in text:
            return None
        raise CannotDo(f'"{shown(text)}" is not a network; write it like 192.0.2.0/24') from None
    mapped = _mapped(net)
    if mapped is not None:
        return mapped
    return ip_network(client_of(str(net[0]))) if net.version == 6 and net.prefixlen > 64 else net


def _mapped(net: Network) -> IPv4Network | None:
    if not isinstance(net, IPv6Network) or net.prefixlen < 96 or net[0].ipv4_mapped is None:
        return None
    return IPv4Network((net[0].ipv4_mapped, net.prefixlen - 96))


# -- letting in again
async def _lift(states: _States, inside: Inside, directories: Sequence[Directory], chosen: Namespace) -> int:
    if bool(chosen.whom) == chosen.all:
        raise CannotDo("say who, or --all")
    bans = await states.all()
    listed = {row["subject"]: row["whom"] for row in await _rows(states, directories)}
    wanted = [ban.subject for ban in bans] if chosen.all else []
    for text in chosen.whom:
        wanted += [subject for subject, whom in listed.items() if whom == text] or await _meant(
            inside, text, bans
        )
    for subject in dict.fromkeys(wanted):
        await states.lift(subject)
    lifted = sorted({ban.subject for ban in bans} & set(wanted))
    left = [ban for ban in bans if ban.subject not in lifted]
    still = sorted({ban.subject for text in chosen.whom for ban in _still(text, left)})
    if chosen.json:
        print_json({"done": "lifted", "subjects": lifted, "still": still})
        return 0
    told = ", ".join(listed.get(subject, subject) for subject in lifted)
    print(f"lifted: {told or 'nothing; what was counted is forgotten'}")
    for subject in still:
        print(f"still kept out with all of it: {subject}")
    return 0


async def _meant(inside: Inside, text: str, bans: Sequence[Ban]) -> list[str]:
    """The subjects that `text` means: its own, and those in the list that are about a part of it."""
    if any(ban.subject == text for ban in bans):
        return [text]
    net = _network(text)
    if net is not None:
        return [subject_of(net), *(ban.subject for ban in bans if _within(ban, net))]
    account = await _account_named(inside, text, bans)
    return [f"account {account}", *(ban.subject for ban in bans if _account(ban.subject) == account)]


async def _account_named(inside: Inside, text: str, bans: Sequence[Ban]) -> str:
    """An account's id, by its login name or as it stands in the list."""
    plain = text.removeprefix("account ")
    if any(_account(ban.subject) == plain for ban in bans):
        return plain
    _, person = await person_named(inside, plain)
    return person.account


def _within(ban: Ban, net: Network) -> bool:
    """It is about a part of `net`, or about an account from there."""
    found = network_in(ban) or _network_behind(ban)
    return found is not None and found.version == net.version and found.subnet_of(net)  # type: ignore[arg-type]


def _network_behind(ban: Ban) -> Network | None:
    _, has, client = ban.subject.rpartition(" from ")
    return network_in(Ban(f"address {client}", "", 0)) if has else None


def _still(text: str, left: Sequence[Ban]) -> Sequence[Ban]:
    net = _network(text) if not text.startswith(("account ", "address ", "network ")) else None
    return covering(left, net) if net is not None else ()


def run(chosen: Namespace) -> int:
    return run_inside(work, chosen)


command = Command("lists who is kept out, bans, and lifts bans and locks", run, arguments)
