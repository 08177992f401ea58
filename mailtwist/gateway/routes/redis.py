"""Which server behind us is whose, as a Redis says that others fill: provisioning, or a control panel."""

import re
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal, Self

from mailtwist.auth.api import LoginUnavailable
from mailtwist.config.part import Assembly, Part
from mailtwist.config.problems import shown
from mailtwist.config.settings import setting
from mailtwist.config.values import AtMost, Duration, PartName
from mailtwist.config.words import split
from mailtwist.gateway.api import Kind
from mailtwist.kit.clock import Clock
from mailtwist.kit.events import Event
from mailtwist.state.api import StateAway
from mailtwist.state.redis.connection import Reach
from mailtwist.state.redis.link import ErrorReply
from mailtwist.state.redis.settings import RedisSettings, reached
from mailtwist.state.redis.supervised import Supervised

AWAY = Event("route.redis_away", "[route:{route}] Redis at {place} is away: {why}", "error")
BACK = Event("route.redis_back", "[route:{route}] Redis at {place} is back")
SAID_NO = Event("route.redis_said_no", "[route:{route}] Redis at {place} does not answer: {why}", "error")

REMEMBERED = 10_000
"""Answers; the one that was not asked for longest goes first."""

LONGEST = 256
"""Octets of the name of a section."""

AGAIN = 60.0
"""Seconds before the same trouble is told again."""

_PLACES = re.compile(r"\{([^{}]*)\}")


class Keys(tuple[str, ...]):
    """Keys in the order in which they are asked, with `{name}`, `{local}`, `{domain}` or `{kind}` in them."""

    kind: ClassVar[str] = "keys"

    @classmethod
    def parse(cls, text: str) -> Self:
        found = cls(split(text))
        for key in found:
            for place in _PLACES.findall(key):
                if place not in ("name", "local", "domain", "kind"):
                    raise ValueError(
                        f'"{shown(key)}": there is no "{{{shown(place)}}}"; write "{{name}}", "{{local}}",'
                        ' "{domain}" or "{kind}"'
                    )
        return found

    def of(self, name: str, kind: Kind) -> Sequence[bytes]:
        """Those of somebody; who has no domain has no key with one."""
        local, _, domain = name.rpartition("@") if "@" in name else (name, "", "")
        facts = {"name": name, "local": local, "domain": domain, "kind": kind}
        return [
            _PLACES.sub(lambda place: facts[place[1]], key).encode("utf-8", "surrogatepass")
            for key in self
            if domain or "{domain}" not in key
        ]

    def __str__(self) -> str:
        return ", ".join(self)


@dataclass(frozen=True)
class Settings(RedisSettings):
    """Who goes where, in Redis: the value of a key is the name of an [upstream:...] section."""

    keys: Keys = setting(
        Keys(("route:{name}", "route:{domain}")),
        words="The keys that are asked for, the first that is there counts: `{name}` is the login name,"
        " `{local}` and `{domain}` what stands before and behind its @, `{kind}` one of imap, pop3,"
        " submission, smtp, lmtp, sieve.",
    )
    default: Annotated[str | None, PartName("upstream")] = setting(
        None, words="For whom there is no key; left out: he cannot log in."
    )
    remember: Annotated[Duration, AtMost(3600)] = setting(
        Duration(10), words="How long an answer is used again; a user who moves is noticed after that."
    )
    when_away: Literal["temporary", "default"] = setting(
        "temporary",
        words="What happens while Redis is away: temporary trouble, or everybody goes to the default.",
    )


class RedisRoute:
    """`gateway.api.Route`."""

    def __init__(self, settings: Settings, name: str, reach: Reach, clock: Clock) -> None:
        self._settings = settings
        self._name = name
        self._clock = clock
        self._place = str(settings.url)
        self._known: OrderedDict[tuple[bytes, ...], tuple[float, str | None]] = OrderedDict()
        self._is_away = False
        self._told: tuple[str, float] = ("", 0.0)
        self.connection = Supervised(
            lambda: reach.commands(lambda report: None),
            reach.still_right,
            clock,
            reach.timeout,
            self._here,
            self._away,
        )

    async def start(self) -> None:
        """It has been tried; if it was not there, the log says so, and it is tried on."""
        self.connection.start()
        await self.connection.outcome()

    async def stop(self) -> None:
        await self.connection.stop()

    async def upstream(self, name: str, kind: Kind) -> str | None:
        keys = self._settings.keys.of(name, kind)
        try:
            return await self._answer(tuple(keys)) if keys else self._settings.default
        except StateAway as away:
            if self._settings.when_away == "default":
                return self._settings.default
            raise LoginUnavailable(f"[route:{self._name}] {away.detail}") from None

    async def _answer(self, keys: tuple[bytes, ...]) -> str | None:
        now = self._clock.seconds()
        known = self._known.get(keys)
        if known is not None and now < known[0]:
            return known[1]
        found = _first(await self._asked(keys)) or self._settings.default
        if self._settings.remember:
            self._known[keys] = (now + self._settings.remember, found)
            self._known.move_to_end(keys)
            if len(self._known) > REMEMBERED:
                self._known.popitem(last=False)
        return found

    async def _asked(self, keys: tuple[bytes, ...]) -> Sequence[object]:
        link = await self.connection.link()
        try:
            values: Sequence[object] = await link.ask(b"MGET", *keys)
        except ErrorReply as error:
            why = str(error)[:300]
            self._tell(SAID_NO, why)
            raise StateAway(f"Redis said {why}") from None
        return values

    def _here(self) -> None:
        if self._is_away:
            BACK.log(route=self._name, place=self._place)
        self._is_away, self._told = False, ("", 0.0)

    def _away(self, why: str) -> None:
        self._is_away = True
        self._tell(AWAY, why)

    def _tell(self, event: Event, why: str) -> None:
        now = self._clock.seconds()
        what = why.partition(" ")[0]
        if self._told[0] != what or now >= self._told[1]:
            self._told = (what, now + AGAIN)
            event.log(route=self._name, place=self._place, why=why)


def _first(values: Sequence[object]) -> str | None:
    """The first value that there is.  `StateAway` when it can be no name: he has a server, we do not know
    which."""
    for value in values:
        if isinstance(value, bytes):
            name = value.decode("utf-8", "replace").strip() if len(value) <= LONGEST else ""
            if not (name and name.isprintable()):
                raise StateAway(f"the value {shown(repr(value), 60)} is no name of an [upstream:...]")
            return name
    return None


def build(settings: Settings, assembly: Assembly) -> RedisRoute:
    """ValueError when the settings do not go together."""
    if settings.when_away == "default" and settings.default is None:
        raise ValueError('"when_away = default" needs a default; write "default = NAME"')
    reach = reached(settings, assembly.clock, only_reads=True)
    return RedisRoute(settings, assembly.name, reach, assembly.clock)


async def check(settings: Settings, assembly: Assembly) -> list[tuple[str, str]]:
    """It is reached once, and nothing is written."""
    try:
        link = await reached(settings, assembly.clock, only_reads=True).commands(lambda report: None)
    except (StateAway, ValueError) as error:
        return [("url", f"Redis cannot be used: {getattr(error, 'detail', error)}")]
    link.give_up("it has been tried")
    await link.lost()
    return []


part = Part(Settings, build, check)
