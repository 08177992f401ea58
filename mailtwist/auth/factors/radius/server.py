"""One RADIUS server: whether it answers, and how long it is left alone when it does not.  rfc5080#2.2"""

from collections.abc import Sequence

from twisted.internet.interfaces import IDelayedCall

from mailtwist.auth.factors.radius.packets import Answer, Facts, Question
from mailtwist.auth.factors.radius.source import IDENTIFIERS, Source, Unreachable, Waiting
from mailtwist.config.secret import Secret
from mailtwist.kit.clock import Clock
from mailtwist.kit.events import Event
from mailtwist.kit.steps import step

DROPPED = Event(
    "radius.dropped",
    "[factor:{factor}] {count} datagrams from {server} were dropped; the last one {why}",
    "warn",
)

SILENT = "no answer within"

TOLD = 60.0
"""Seconds before the same server's bad answers are told again."""

SOURCES = 16
"""Ports of our own towards one server, when there are more than `IDENTIFIERS` questions for each."""

IDLE = 30.0
"""Seconds after which a port of our own that nobody uses is given back; the next one is another."""

REST = 30.0
"""Seconds for which a server that was silent comes after all others."""

LIVES = 1.5
"""Seconds in which a server has to say whether it lives."""


class Silent(Exception):
    """There is no answer; `why` is for the log.  It `lives` all the same: something else takes its time."""

    def __init__(self, why: str, lives: bool = False) -> None:
        super().__init__(why)
        self.why = why
        self.lives = lives


class Server:
    """At one address.  `identity` is what it is told of us with each question; `status`: it may be asked
    whether it lives."""

    def __init__(
        self,
        factor: str,
        address: str,
        port: int,
        secret: Secret,
        clock: Clock,
        *,
        identity: Facts = (),
        status: bool = True,
    ) -> None:
        self.name = f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
        self._factor = factor
        self._at = (address, port)
        self._secret = secret
        self._clock = clock
        self._identity = tuple(identity)
        self._status = status
        self._sources: list[Source] = []
        self._heard = float("-inf")
        self._rests_until: float | None = None
        self._tried = False
        self._dropped, self._told = 0, float("-inf")
        self._later: IDelayedCall | None = None

    @property
    def awake(self) -> bool:
        """It answered last time; or it has rested, and nobody else is finding out whether it is back."""
        if self._rests_until is None:
            return True
        return self._clock.seconds() >= self._rests_until and not self._tried

    @property
    def sources(self) -> Sequence[Source]:
        return self._sources

    async def ask(
        self, facts: Facts, password: str, failover: float, seconds: float, last: bool = True
    ) -> Answer:
        """The answer within `seconds`.  When there is none after `failover`, it is asked whether it lives; if
        it does, or is the `last`, it has all the time.  `Silent`."""
        began = self._clock.seconds()
        probing = self._rests_until is not None and not self._tried
        self._tried = self._tried or probing
        try:
            waiting = self._asked((*self._identity, *facts), password)
            try:
                return await self._answer(waiting, failover, began + seconds, last)
            finally:
                waiting.end()
                self._tidy()
        except Unreachable as error:
            raise self._silent(error.why, lives=False) from None
        finally:
            self._tried = self._tried and not probing

    async def _answer(self, waiting: Waiting, failover: float, ends: float, last: bool) -> Answer:
        began = self._clock.seconds()
        lives = False
        answer = await waiting.within(min(failover, (ends - began) / 2))
        if answer is None:
            answer, lives = await self._while_probed(waiting, began, self._left(ends))
        if answer is None and (last or lives):
            step("{server} takes its time", server=self.name)
            answer = await waiting.within(self._left(ends))
        if answer is None:
            waited = self._clock.seconds() - began
            raise self._silent(f"{SILENT} {waited:.3g} s{_but(waiting.dropped)}", lives)
        return answer

    async def _while_probed(
        self, waiting: Waiting, since: float, seconds: float
    ) -> tuple[Answer | None, bool]:
        """The answer, should it come meanwhile, and whether the server lives.  One that is not asked for that
        lives if it has answered anybody `since` then."""
        if not self._status:
            return None, self._heard >= since
        now = self._clock.seconds()
        probe = self._asked(self._identity, None)
        try:
            answer = await waiting.within(min(LIVES, seconds))
        finally:
            probe.end()
        return answer, self._heard >= now

    def _left(self, ends: float) -> float:
        return max(0.0, ends - self._clock.seconds())

    def _asked(self, facts: Facts, password: str | None) -> Waiting:
        return self._source().ask(lambda id: Question(id, self._secret, facts, password))

    # -- what is known of it
    def _answered(self) -> None:
        self._heard = self._clock.seconds()
        self._rests_until = None

    def _silent(self, why: str, lives: bool) -> Silent:
        if not lives:
            self._rests_until = self._clock.seconds() + REST
        step("{server}: {why}", server=self.name, why=why)
        return Silent(f"{self.name}: {why}", lives)

    def _drop(self, why: str) -> None:
        """Told once in a while: whoever can send them can send many."""
        self._dropped += 1
        now = self._clock.seconds()
        if now - self._told >= TOLD:
            DROPPED.log(factor=self._factor, server=self.name, count=self._dropped, why=why)
            self._dropped, self._told = 0, now

    # -- our ports
    def _source(self) -> Source:
        self._sources = [source for source in self._sources if not source.closed]
        for source in self._sources:
            if not source.full:
                return source
        if len(self._sources) == SOURCES:
            raise Silent(f"{self.name}: {SOURCES * IDENTIFIERS} questions wait for an answer")
        self._sources.append(Source(*self._at, self._clock, self._answered, self._drop))
        return self._sources[-1]

    def _tidy(self) -> None:
        if self._later is None and any(source.idle for source in self._sources):
            self._later = self._clock.later(IDLE, self._give_back)

    def _give_back(self) -> None:
        self._later = None
        for source in [one for one in self._sources if one.idle]:
            self._sources.remove(source)
            source.close()

    def stop(self) -> None:
        """All ports are given back."""
        if self._later is not None:
            self._later.cancel()
            self._later = None
        for source in self._sources:
            source.close()
        self._sources.clear()


def _but(dropped: str) -> str:
    return f" that can be believed; one {dropped}" if dropped else ""
