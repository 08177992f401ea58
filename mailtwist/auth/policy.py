"""Who needs a second factor, where, and from when on."""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from mailtwist.auth.api import DoorName, Person
from mailtwist.auth.factors.api import Factor, factors_for
from mailtwist.auth.notices import Notices, the_notices
from mailtwist.config.login import LoginSettings
from mailtwist.config.part import Assembly
from mailtwist.config.policy import Day, PolicySettings
from mailtwist.kit.events import Event
from mailtwist.kit.spawn import spawn
from mailtwist.kit.trouble import Trouble
from mailtwist.state.api import Durable
from mailtwist.state.process import durable

NOT_REMINDED = Event("policy.not_reminded", "{account} is not told of {rule} yet: {error}", "warn")

LOGIN = "login"
WEEK = 7 * 86400.0
HOUR = 3600.0
NEVER = float("inf")
MOST = 10_000


@dataclass(frozen=True, slots=True)
class Rule:
    """What holds for a login.  `name` is the section that says so: `policy:staff`, or `login`.  `would` is
    the one under which it would fail without a code, although it gets in now: one that only reports, or one
    that counts from `since` on (seconds since 1970; 0: no day is set).  `remind`: its owner is to be told."""

    factor: Literal["required", "optional", "report-only"]
    name: str
    would: str = ""
    since: float = 0.0
    remind: bool = False


@dataclass(frozen=True, slots=True)
class _Login:
    """What conditions are about."""

    domain: str
    groups: frozenset[str]
    protocol: str
    address: str


class _Section:
    """One `[policy:...]`."""

    def __init__(self, name: str, settings: PolicySettings) -> None:
        self.title = f"policy:{name}"
        self.factor = settings.factor
        self.remind = float(settings.remind)
        self.begins = _begin(settings.from_, 0.0)
        self.ends = _begin(settings.until, NEVER)
        self._settings = settings
        self._groups = frozenset(group.casefold() for group in settings.groups)

    def covers(self, login: _Login) -> bool:
        """Its conditions hold, whatever the day."""
        its = self._settings
        return (
            (not its.domains or login.domain in its.domains)
            and (not its.groups or not self._groups.isdisjoint(login.groups))
            and (not its.protocols or login.protocol in its.protocols)
            and (not its.networks or its.networks.contains(login.address))
        )

    def counts(self, now: float) -> bool:
        return self.begins <= now < self.ends


class Policy:
    """`[policy:...]` in the order of the file, then `[login]`.  Nothing here knows more about a name that
    nobody has than about others: it has no groups, and the domain that was typed."""

    def __init__(
        self,
        settings: LoginSettings,
        sections: Mapping[str, PolicySettings],
        factors: Sequence[Factor],
        durable: Durable,
        notices: Notices,
    ) -> None:
        self._login = settings
        self._sections = tuple(_Section(name, its) for name, its in sections.items())
        self._factors = tuple(factors)
        self._durable = durable
        self._notices = notices
        self._asked: OrderedDict[str, float] = OrderedDict()

    def rule(self, person: Person, protocol: DoorName, address: str, now: float) -> Rule:
        """For a login of `person`, or of the pseudo-person of a name that nobody has."""
        groups = frozenset(group.casefold() for group in person.groups)
        login = _Login(home_domain(person), groups, protocol, address)
        sections = [section for section in self._sections if section.covers(login)]
        first = next((one for one in sections if one.counts(now)), None)
        factor, name = (first.factor, first.title) if first else (self._login.factor, LOGIN)
        if factor == "required":
            return Rule(factor, name)
        would, since, remind = self._coming(sections, now)
        if factor == "report-only":
            would = name
        return Rule(factor, name, would, since, bool(since) and now >= since - remind)

    def _coming(self, sections: Sequence[_Section], now: float) -> tuple[str, float, float]:
        """The first section to come that requires a code, the day, and how long before it people are told."""
        days = {day: one.remind for one in sections for day in (one.begins, one.ends) if now < day < NEVER}
        for day in sorted(days):
            first = next((one for one in sections if one.counts(day)), None)
            factor, title = (first.factor, first.title) if first else (self._login.factor, LOGIN)
            if factor == "required":
                return title, day, first.remind if first else days[day]
        return "", 0.0, 0.0

    async def needs_code(self, rule: Rule, person: Person) -> bool:
        """Who has enrolled needs a code under every rule."""
        enrolled = await self.enrolled(person)
        return rule.factor == "required" or enrolled

    async def enrolled(self, person: Person) -> bool:
        """He has a factor, or had until the last one was taken away.  All are asked, whatever the first
        says."""
        has = [await factor.enrolled(person.account) for factor in factors_for(person, self._factors)]
        had = await self._durable.enrolled(person.account)
        return had or any(has)

    def noted(self, rule: Rule, account: str, name: str, now: float) -> None:
        """`account` got in without a code: its owner is told of the day on which that ends, once a week.
        Never waits, never fails."""
        if rule.remind and now - self._asked.get(account, 0.0) >= HOUR:
            self._asked[account] = now
            self._asked.move_to_end(account)
            if len(self._asked) > MOST:
                self._asked.popitem(last=False)
            spawn(self._remind(rule, account, name, now), "telling of a rule to come")

    async def _remind(self, rule: Rule, account: str, name: str, now: float) -> None:
        try:
            due = await self._durable.tell_once(f"factor-coming {account}", now, WEEK)
        except Trouble as error:
            self._asked.pop(account, None)
            NOT_REMINDED.log(account=account, rule=rule.would, error=str(error))
            return
        if due:
            date = datetime.fromtimestamp(rule.since, UTC).date()
            self._notices.tell(account, "factor-coming", name=name, date=date.isoformat())


def home_domain(person: Person) -> str:
    """That of his login name, or of his first address; '' when he has neither.  Whatever name he logs in by:
    an alias in another domain leads to no other rule and no other grammar."""
    names = (person.name, *person.addresses[:1])
    return next((name.rpartition("@")[2] for name in names if "@" in name), "")


def the_policy(assembly: Assembly) -> Policy:
    """For `assembly.one`."""
    return Policy(
        assembly.login,
        assembly.several(PolicySettings),
        tuple(assembly.parts("factor").values()),
        durable(assembly),
        assembly.one(the_notices),
    )


def _begin(day: Day | None, otherwise: float) -> float:
    return otherwise if day is None else day.begins
