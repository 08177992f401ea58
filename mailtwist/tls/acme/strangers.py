"""Names that strangers ask for: looked at once a minute, and given only their share of what is issued."""

from collections.abc import Iterable
from math import inf

from mailtwist.config.rate import Rate
from mailtwist.kit.clock import Clock
from mailtwist.tls.acme.api import Store
from mailtwist.tls.acme.buckets import registered_domain
from mailtwist.tls.acme.wanted import WantedNames

SOON = 1.0
EVERY = 60.0
"""Seconds between two looks that strangers cause: each costs questions to DNS, and reading what is kept."""


def least(rates: Iterable[Rate | None]) -> Rate | None:
    """The one that lets fewest pass; None: nobody limits."""
    return min((one for one in rates if one), key=lambda one: one.number / one.seconds, default=None)


class Strangers:
    """`rate` is what an authority issues below one registered domain; the half of it is for names that were
    not asked for by strangers."""

    def __init__(self, store: Store, clock: Clock, wanted: WantedNames, rate: Rate | None) -> None:
        self._store = store
        self._clock = clock
        self._wanted = wanted
        self._rate = rate
        self._look_at: float | None = None
        self._looked = -EVERY

    def asked(self, name: str) -> float | None:
        """In so many seconds it is to be looked at; None: it is not, or that is known already."""
        if not self._wanted.demand(name) or self._look_at is not None:
            return None
        now = self._clock.seconds()
        self._look_at = max(now + SOON, self._looked + EVERY)
        return self._look_at - now

    @property
    def wait(self) -> float:
        """Seconds until they are to be looked at."""
        return inf if self._look_at is None else max(0.0, self._look_at - self._clock.seconds())

    def looked(self) -> None:
        """All that were asked for are looked at now."""
        self._look_at, self._looked = None, self._clock.seconds()

    async def has_room(self, name: str) -> bool:
        """A certificate for `name` may be ordered that there was none for; it is counted."""
        if self._rate is None:
            return True
        number = max(1, self._rate.number // 2)
        bucket = f"strangers {registered_domain(name)}"
        return not await self._store.spend(bucket, number, self._rate.seconds)
