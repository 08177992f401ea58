"""How often a person is asked on his phone: one prompt at a time, and few that he does not say yes to."""

from collections.abc import Awaitable, Callable
from math import ceil
from typing import TypeVar

from twisted.internet.defer import CancelledError

from mailtwist.auth.api import AccountUnavailable, LoginRefused
from mailtwist.auth.buckets import key_of
from mailtwist.auth.flight import LEASE, Renewing
from mailtwist.auth.refusals import ASKED_AGAIN_AFTER
from mailtwist.config.limits import LimitsSettings
from mailtwist.config.part import Assembly
from mailtwist.kit.clock import Clock
from mailtwist.kit.events import Event
from mailtwist.kit.spawn import spawn
from mailtwist.state.api import Volatile
from mailtwist.state.keys import IDENTITY, Keys
from mailtwist.state.process import keys, volatile
from mailtwist.state.records import Bucket, Charge

T = TypeVar("T")

NOT_ASKED = Event("approval.not_asked", "{account} was not asked about a login: {reason}", "warn")

UNDER_WAY, ENOUGH = "asked-already", "asked-enough"

LONGEST_PAUSE = 6 * 3600.0
LEASE_OF_CHARGE = 90.0


class PromptLimits:
    """One for the process; what processes have in common is in the volatile state.

    Whoever is here has shown the right password, so nothing of this may be seen from outside: all that is no
    yes is `LoginRefused`, like a wrong password, and leaves when that does."""

    def __init__(self, volatile: Volatile, keys: Keys, clock: Clock, settings: LimitsSettings) -> None:
        self._volatile = volatile
        self._keys = keys
        self._clock = clock
        self._rates = {"prompts": settings.prompts, "prompts_long": settings.prompts_long}

    async def asked(self, account: str, ask: Callable[[], Awaitable[T | None]]) -> T | None:
        """What came of `ask`, which has asked him: None is no yes, and counts.  `LoginRefused` when he is
        being asked about another login, or was asked too often; `AccountUnavailable` when that has been said
        of him alone as often: he may have been asked each time."""
        work = self._keys.mac(IDENTITY, self._keys.versions(IDENTITY)[0], "prompt", account)
        leader = await self._volatile.lead(work, LEASE)
        if leader is None:
            raise self._not_asked(account, UNDER_WAY)
        renewing = Renewing(self._volatile, self._clock, work, leader)
        try:
            return await self._charged(account, ask)
        finally:
            renewing.stop()
            spawn(self._volatile.settle(work, leader, None), "ending a prompt")

    async def pause(self, account: str) -> float:
        """For how long he is not asked about the same client again, who may be a program that comes each
        minute: twice as long each time today."""
        rate = self._rates["prompts_long"]
        spent = await self._volatile.spent(self._buckets(account)[1].key, rate.seconds)
        return float(min(LONGEST_PAUSE, ASKED_AGAIN_AFTER * 2 ** min(16, max(0, ceil(spent) - 1))))

    async def _charged(self, account: str, ask: Callable[[], Awaitable[T | None]]) -> T | None:
        lost = await self._volatile.charge(self._lost(account), LEASE_OF_CHARGE)
        if not isinstance(lost, Charge):
            raise AccountUnavailable(self._not_asked(account, ENOUGH).reason)
        try:
            answer = await self._counted(account, ask)
        except AccountUnavailable:
            await self._volatile.keep(lost)
            raise
        except BaseException:
            spawn(self._volatile.refund(lost), "a prompt that did not get lost")
            raise
        await self._volatile.refund(lost)
        return answer

    async def _counted(self, account: str, ask: Callable[[], Awaitable[T | None]]) -> T | None:
        charge = await self._volatile.charge(self._buckets(account), LEASE_OF_CHARGE)
        if not isinstance(charge, Charge):
            raise self._not_asked(account, ENOUGH)
        try:
            answer = await ask()
        except CancelledError:  # the client is gone; the prompt was there
            spawn(self._volatile.keep(charge), "counting a prompt")
            raise
        except BaseException:
            await self._volatile.refund(charge)
            raise
        await (self._volatile.keep(charge) if answer is None else self._volatile.refund(charge))
        return answer

    def _buckets(self, account: str) -> list[Bucket]:
        return [
            Bucket(key_of(name, rate, account), rate.number, rate.seconds)
            for name, rate in self._rates.items()
        ]

    def _lost(self, account: str) -> list[Bucket]:
        """For a short time only: who was away for an hour is asked again soon after it."""
        rate = self._rates["prompts"]
        return [Bucket(key_of("prompts_lost", rate, account), rate.number, rate.seconds)]

    def _not_asked(self, account: str, reason: str) -> LoginRefused:
        NOT_ASKED.log(account=account, reason=reason)
        return LoginRefused(reason)


def the_prompt_limits(assembly: Assembly) -> PromptLimits:
    """For `assembly.one`."""
    settings = assembly.settings(LimitsSettings)
    return PromptLimits(volatile(assembly), keys(assembly), assembly.clock, settings)
