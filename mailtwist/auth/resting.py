"""A second factor whose service is away is left alone for a while: nobody waits for it in vain, in turn."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

from mailtwist.auth.api import AccountUnavailable, LoginUnavailable
from mailtwist.auth.factors.api import Factor
from mailtwist.auth.factors.elsewhere import FactorAway
from mailtwist.auth.turnstile import standing_aside_if_slow
from mailtwist.config.login import LoginSettings
from mailtwist.config.part import Assembly
from mailtwist.kit.clock import Clock
from mailtwist.kit.events import Event

T = TypeVar("T")

AWAY = Event(
    "factor.away",
    "[factor:{factor}] {reason}: logins that need it are temporary trouble for {seconds} s",
    "error",
)
BACK = Event("factor.back", "[factor:{factor}] answers again")

TOGETHER = 60.0
"""Seconds within which trouble adds up."""

ALONE = 3600.0
"""Seconds for which it is remembered that somebody had trouble while another one had none."""

LONGEST = 60.0


class Rest:
    """Of one factor.  It begins when the service did not answer to so many (`directory_troubles`) different
    clients within a minute with no answer between: one alone may be the reason, by a name, say, that the
    service chokes on.  For `directory_pause` nobody asks it then, and after that one at a time tries; each
    failure doubles the pause, up to a minute.

    Where one is enough for that (`certain`), it is not as long as the last time it was he alone: while he
    could not be asked, somebody else could.  He neither begins a rest then, nor makes one longer; else who
    logs in again and again as somebody who cannot be asked keeps all others out."""

    def __init__(self, name: str, clock: Clock, settings: LoginSettings) -> None:
        self._name = name
        self._clock = clock
        self._most = settings.directory_troubles
        self._first_pause = self._pause = float(settings.directory_pause)
        self._until = 0.0
        self._resting = False
        self._tried_by: object | None = None
        self._troubles: dict[str, float] = {}
        self._begun_by = ""
        self._alone: dict[str, float] = {}

    def check(self, *, beside: bool = False) -> None:
        """`LoginUnavailable` when nobody may ask it now.  `beside`: also beside somebody who tries."""
        tried = self._tried_by is not None and not beside
        if self._resting and (tried or self._clock.seconds() < self._until):
            raise LoginUnavailable("factor-away")

    async def asked(self, ask: Callable[[], Awaitable[T]], who: str, *, certain: bool = False) -> T:
        """What it answers; `LoginUnavailable` while it is away.  `who` is what counts as one client.
        `certain`: he has shown that he knows something, and could tell from the difference; so one is
        enough, and who has come so far does not have to come again because another one tries."""
        self.check(beside=certain)
        me = object()
        if self._resting and self._tried_by is None:
            self._tried_by = me
        try:
            with standing_aside_if_slow(self._clock):
                answer = await ask()
        except AccountUnavailable:
            raise
        except LoginUnavailable as trouble:
            self._away(self._why(trouble), who, certain, me)
            raise
        finally:
            if self._tried_by is me:
                self._tried_by = None
        self._back(who)
        return answer

    def _is_alone(self, who: str) -> bool:
        now = self._clock.seconds()
        self._alone = {one: then for one, then in self._alone.items() if then > now - ALONE}
        return who in self._alone or who == self._begun_by

    def _why(self, trouble: LoginUnavailable) -> str:
        """Words of anybody else's may have a secret in them."""
        if isinstance(trouble, FactorAway):
            return trouble.detail.removeprefix(f"[factor:{self._name}] ")
        return trouble.reason

    def _away(self, reason: str, who: str, certain: bool, me: object) -> None:
        now = self._clock.seconds()
        if self._resting:
            if self._tried_by is me and not (certain and self._is_alone(who)):
                self._rest(reason, now, who)
            return
        self._troubles = {one: then for one, then in self._troubles.items() if then > now - TOGETHER}
        self._troubles[who] = now
        if (certain and not self._is_alone(who)) or len(self._troubles) >= self._most:
            self._rest(reason, now, who)

    def _rest(self, reason: str, now: float, who: str) -> None:
        pause, self._pause = self._pause, min(LONGEST, 2 * self._pause)
        self._resting, self._until, self._begun_by = True, now + pause, who
        self._troubles.clear()
        AWAY.log(factor=self._name, reason=reason, seconds=round(pause, 1))

    def _back(self, who: str) -> None:
        self._troubles.clear()
        self._alone.pop(who, None)
        if self._resting:
            if who != self._begun_by:
                self._alone[self._begun_by] = self._clock.seconds()
            self._begun_by = ""
            self._resting, self._tried_by, self._pause = False, None, self._first_pause
            BACK.log(factor=self._name)


class Rests:
    """That of each factor."""

    def __init__(self, factors: Mapping[str, Factor], clock: Clock, settings: LoginSettings) -> None:
        self._clock = clock
        self._settings = settings
        self._rests = [(factor, Rest(name, clock, settings)) for name, factor in factors.items()]

    def of(self, factor: Any) -> Rest:
        found = next((rest for one, rest in self._rests if one is factor), None)
        if found is None:
            found = Rest(factor.kind, self._clock, self._settings)
            self._rests.append((factor, found))
        return found


def the_rests(assembly: Assembly) -> Rests:
    """For `assembly.one`."""
    return Rests(assembly.parts("factor"), assembly.clock, assembly.login)
