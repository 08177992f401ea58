"""Scripts run in Redis: by their names, whole where the server does not know them, and errors told once."""

from collections.abc import Sequence
from functools import cache
from typing import Any

from mailtwist.kit.clock import Clock
from mailtwist.kit.events import Event
from mailtwist.state.api import StateAway
from mailtwist.state.redis.connection import Reach
from mailtwist.state.redis.health import Report
from mailtwist.state.redis.link import ErrorReply
from mailtwist.state.redis.supervised import Supervised
from mailtwist.state.volatile.redis.scripts import NOW, Script, script

AGAIN = 60.0  # seconds before an event that is still so is logged again
NOT_MASTER = ("READONLY", "LOADING", "MASTERDOWN", "NOAUTH", "UNBLOCKED")
"""After these another connection is needed."""

AWAY = Event(
    "state.redis_away",
    "Redis at {place} is away: {why}; saved strings work on, new codes are {codes} until it is back",
    "error",
)
BACK = Event("state.redis_back", "Redis at {place} is back after {seconds:.1f} s")
SAID_NO = Event("state.redis_said_no", "Redis at {place} did not do what it was asked for: {why}", "error")


class Calls:
    """Scripts by way of the one connection for commands."""

    def __init__(self, reach: Reach, place: str, clock: Clock, codes: str, now: str = NOW) -> None:
        self.connection = Supervised(
            lambda: reach.commands(self._seen),
            reach.still_right,
            clock,
            reach.timeout,
            self._here,
            self._away,
        )
        self.on_back: list[Any] = []
        self._script = cache(lambda body: script(body, now))
        self._place = place
        self._clock = clock
        self._codes = codes
        self._away_since: float | None = None
        self._told: dict[str, float] = {}

    async def run(self, body: str, keys: Sequence[bytes], *arguments: bytes) -> Any:
        """The answer; `StateAway` in time when there is none."""
        link = await self.connection.link()
        one: Script = self._script(body)
        rest = (b"%d" % len(keys), *keys, *arguments)
        try:
            try:
                return await link.ask(b"EVALSHA", one.sha, *rest)
            except ErrorReply as error:
                if not str(error).startswith("NOSCRIPT"):
                    raise
            return await link.ask(b"EVAL", one.text, *rest)
        except ErrorReply as error:
            why = str(error)[:300]
            if self._is_news(why.partition(" ")[0]):
                SAID_NO.log(place=self._place, why=why)
            if why.startswith(NOT_MASTER):
                link.give_up(why)
            raise StateAway(f"Redis said {why}") from None

    def _is_news(self, what: str) -> bool:
        """It was not logged a moment ago, however often it happens."""
        now = self._clock.seconds()
        if now < self._told.get(what, now):
            return False
        self._told = {one: until for one, until in self._told.items() if until > now}
        self._told[what] = now + AGAIN
        return True

    def _seen(self, report: Report) -> None:
        report.warn(self._place)

    def _here(self) -> None:
        since, self._away_since = self._away_since, None
        if since is not None:
            BACK.log(place=self._place, seconds=self._clock.seconds() - since)
        for call in self.on_back:
            call()

    def _away(self, why: str) -> None:
        if self._away_since is None:
            self._away_since = self._clock.seconds()
            self._told.pop(why, None)
        if self._is_news(why):
            AWAY.log(place=self._place, why=why, codes=self._codes)
