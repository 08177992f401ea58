"""`mailtwist policy`: whom the rules on the second factor would keep out."""

from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Mapping, Sequence
from typing import cast

from mailtwist.app.cli.answer import moment, print_json, print_rows
from mailtwist.app.cli.command import Command
from mailtwist.app.cli.inside import Inside, run_inside
from mailtwist.auth.api import Directory, DoorName, Person, SupportsListing
from mailtwist.auth.policy import Policy, Rule, the_policy
from mailtwist.state.process import durable
from mailtwist.state.records import LoginRecord

DAY = 86400.0
KEPT = 30  # days of history
ENROLLED = "enrolled"
"""Instead of a rule: whoever has a factor needs its codes."""

COLUMNS = ("name", "rule", "from", "protocol", "client", "address", "last", "logins")


def arguments(parser: ArgumentParser) -> None:
    words = parser.add_subparsers(dest="word", required=True, metavar="WORD")
    report = words.add_parser(
        "report", help="who logs in without a code where the rules want one, or will, and who has no factor"
    )
    days = f"of how many days; by default {KEPT}, which is what is kept"
    report.add_argument("--days", type=_days, default=KEPT, metavar="N", help=days)
    report.add_argument("--json", action="store_true", help="answer in JSON")


def _days(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 0 < int(text[:4]) <= KEPT:
        raise ArgumentTypeError(f"a number of days, 1 to {KEPT}")
    return int(text)


async def work(inside: Inside, chosen: Namespace) -> int:
    policy, state = inside.one(the_policy), durable(inside)
    directories: Mapping[str, Directory] = inside.parts("directory")
    await inside.begin()
    now = inside.clock.now()
    reporting = _Reporting(policy, tuple(directories.values()), now)
    failing = await reporting.failing(await state.without_code(now - chosen.days * DAY))
    without = await reporting.without_factor()
    if chosen.json:
        print_json({"days": chosen.days, "would_fail": failing, "not_enrolled": without})
        return 0
    print_rows(
        failing, COLUMNS, False, f"nobody whom the rules would keep out logged in in {chosen.days} days"
    )
    print()
    print_rows(without, ("name", "rule", "from"), False, "everybody who can be listed has enrolled")
    return 0


class _Reporting:
    """By the rules of today, whatever they were at the time of a login."""

    def __init__(self, policy: Policy, directories: tuple[Directory, ...], now: float) -> None:
        self._policy = policy
        self._directories = directories
        self._now = now
        self._people: dict[str, Person | None] = {}
        self._enrolled: dict[str, bool] = {}

    async def failing(self, records: Sequence[LoginRecord]) -> list[dict[str, object]]:
        """A row for each account, protocol, program and address, the latest first."""
        rows: dict[tuple[str, ...], dict[str, object]] = {}
        for record in records:
            person = await self._person(record.name)
            if person is None or person.account != record.account or not person.enabled:
                continue
            rule = self._policy.rule(person, cast(DoorName, record.protocol), record.address, self._now)
            name, begins = await self._against(rule, person)
            if not name:
                continue
            key = (record.account, record.protocol, record.client, record.address)
            row = rows.setdefault(key, _row(person, name, begins, record))
            row["logins"] = cast(int, row["logins"]) + record.count
        return list(rows.values())

    async def without_factor(self) -> list[dict[str, object]]:
        """Those of directories that can be listed, with the rule that holds for them by IMAP anywhere."""
        found: list[dict[str, object]] = []
        for directory in self._directories:
            for person in await directory.people() if isinstance(directory, SupportsListing) else ():
                if person.enabled and not await self._has_enrolled(person):
                    rule = self._policy.rule(person, "imap", "", self._now)
                    name, begins = await self._against(rule, person)
                    found.append({"name": person.name, "rule": name or rule.name, "from": begins})
        return found

    async def _against(self, rule: Rule, person: Person) -> tuple[str, str]:
        """What a login without a code would fail by, and from which day on, if that is still to come."""
        if rule.factor == "required":
            return rule.name, ""
        if await self._has_enrolled(person):
            return ENROLLED, ""
        return rule.would, moment(rule.since)[:10] if rule.since else ""

    async def _has_enrolled(self, person: Person) -> bool:
        if person.account not in self._enrolled:
            self._enrolled[person.account] = await self._policy.enrolled(person)
        return self._enrolled[person.account]

    async def _person(self, name: str) -> Person | None:
        if name not in self._people:
            self._people[name] = None
            for directory in self._directories:
                if person := await directory.find(name):
                    self._people[name] = person
                    break
        return self._people[name]


def _row(person: Person, rule: str, begins: str, record: LoginRecord) -> dict[str, object]:
    return {
        "name": person.name,
        "account": person.account,
        "rule": rule,
        "from": begins,
        "protocol": record.protocol,
        "client": record.client,
        "address": record.address,
        "last": moment(record.last or record.at),
        "logins": 0,
    }


def run(chosen: Namespace) -> int:
    return run_inside(work, chosen)


command = Command("reports whom the rules on the second factor would keep out", run, arguments)
