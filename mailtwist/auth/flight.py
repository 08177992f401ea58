"""Connections that come at once with the same string: one is judged, the others hear how it went."""

import json
from collections.abc import Awaitable, Callable
from dataclasses import astuple, dataclass, replace
from typing import Self

from twisted.internet.interfaces import IDelayedCall

from mailtwist.auth.turnstile import stand_aside
from mailtwist.kit.clock import Clock
from mailtwist.kit.spawn import spawn
from mailtwist.state.api import Volatile

LEASE = 15.0
"""Seconds after which somebody else may judge when nothing was heard of the leader: his process has died."""

RENEWED = LEASE / 3


@dataclass(frozen=True, slots=True)
class Word:
    """How it went with a string: `refused` or `away` has the reason, or it passed.  Then `device` is the id
    of the device it became, and `mark` that of the session.  `client` is who was judged
    (`places.client_of`).  Nothing in it is secret."""

    refused: str = ""
    away: str = ""
    device: str = ""
    mark: int = -1
    client: str = ""
    both: bool = False

    def octets(self) -> bytes:
        return json.dumps(astuple(self)).encode()

    @classmethod
    def from_octets(cls, octets: bytes) -> Self:
        return cls(*json.loads(octets))


class Flight:
    """One for the process; what processes have in common is in the volatile state."""

    def __init__(self, volatile: Volatile, clock: Clock) -> None:
        self._volatile = volatile
        self._clock = clock

    async def alone(
        self, work: bytes, client: str, lead: Callable[[], Awaitable[Word | None]]
    ) -> Word | None:
        """What another connection of the same `client` heard a moment ago, which came while that one was at
        `work` (a keyed hash of the string); None for who has led himself, when nobody else did.  What `lead`
        returns is for those who follow; None leaves them to be judged themselves, and so does a leader who is
        called off.  Somebody else with this string waits and is judged himself, and so is everybody whose
        `client` is ''."""
        while True:
            leader = await self._volatile.lead(work, LEASE)
            if leader is not None:
                await self._led(work, leader, client, lead)
                return None
            stand_aside()
            octets = await self._volatile.follow(work)
            if octets is not None and client:
                word = Word.from_octets(octets)
                if word.client == client:
                    return word

    async def _led(
        self, work: bytes, leader: str, client: str, lead: Callable[[], Awaitable[Word | None]]
    ) -> None:
        renewing = Renewing(self._volatile, self._clock, work, leader)
        octets = None
        try:
            word = await lead()
            octets = None if word is None else replace(word, client=client).octets()
        finally:
            renewing.stop()
            spawn(self._volatile.settle(work, leader, octets), "telling others how a login went")


class Renewing:
    """The lease of a leader who is still at work, renewed in time: a decision may wait in a line, or for a
    directory, longer than it takes to see that a process has died."""

    def __init__(self, volatile: Volatile, clock: Clock, work: bytes, leader: str) -> None:
        self._volatile = volatile
        self._clock = clock
        self._work = work
        self._leader = leader
        self._next: IDelayedCall | None = clock.later(RENEWED, self._renew)

    def stop(self) -> None:
        call, self._next = self._next, None
        if call is not None and call.active():
            call.cancel()

    def _renew(self) -> None:
        self._next = self._clock.later(RENEWED, self._renew)
        spawn(self._volatile.renew(self._work, self._leader, LEASE), "renewing the lease of a login")
