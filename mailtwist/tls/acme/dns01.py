"""dns-01: the authority looks for a TXT record below the name; the only one for wildcards.  rfc8555#8.4"""

from base64 import urlsafe_b64encode
from collections.abc import Coroutine
from hashlib import sha256
from typing import Any

from twisted.internet.defer import DeferredLock

from mailtwist.config.dns import the_dns
from mailtwist.kit.clock import Clock
from mailtwist.kit.dns import Dns, DnsAway, Served
from mailtwist.kit.events import Event
from mailtwist.kit.spawn import uninterrupted
from mailtwist.kit.trouble import Trouble
from mailtwist.kit.within import pause
from mailtwist.tls.acme.api import Challenge, Kind, Store
from mailtwist.tls.acme.shared import Shared
from mailtwist.tls.dns.api import NotPublished, Propagation, Publisher

LABEL = "_acme-challenge."
NOT_THERE = "_acme-challenge-of-nobody."
NO_PUBLISHER = 'there is nobody to write records; make a section [dns:NAME] and write "dns = NAME"'
FIRST, LONGEST = 1.0, 15.0
"""Seconds between two looks at the servers of the zone, longer each time."""

KEPT = 30 * 24 * 3600.0
LEFT_OVER = 24 * 3600.0
"""Seconds after which a record that we remember and nobody has removed was left by a process that died."""

SHOWN = Event("acme.record_added", "{name} has a TXT record for {wanted}", "debug")
NOT_REMOVED = Event(
    "acme.record_left", "the TXT record {value} of {name} is still there; remove it: {error}", "warn"
)


class Dns01:
    """`acme.api.Solver`.  Where `_acme-challenge` is a CNAME the record goes to where it leads: the zone that
    is written can be another one than that of the name.  Each value is removed by itself."""

    kind: Kind = "dns-01"

    def __init__(self, publisher: Publisher | None, dns: Dns, store: Store, clock: Clock) -> None:
        self._publisher = publisher
        self._dns = dns
        self._store = store
        self._clock = clock
        self._shared = Shared()
        self._where: dict[tuple[str, str], str] = {}
        self._added: set[tuple[str, str]] = set()
        self._locks: dict[str, DeferredLock] = {}

    async def can(self, challenge: Challenge) -> str:
        return "" if self._publisher is not None else NO_PUBLISHER

    async def present(self, challenge: Challenge) -> None:
        publisher = self._theirs()
        value = value_of(challenge.key_authorization)
        key = (challenge.name, value)
        self._shared.take(key)
        target = self._where.get(key) or await self._target(challenge.name)
        self._where[key] = target
        await self._sweep(publisher, target)
        await self._alone(target, self._add(publisher, target, value))
        SHOWN.log(name=target, wanted=challenge.name)
        await self._there(target, value, publisher.propagation)

    async def withdraw(self, challenge: Challenge) -> None:
        value = value_of(challenge.key_authorization)
        key = (challenge.name, value)
        if not self._shared.give(key) or (target := self._where.pop(key, None)) is None:
            return
        if target in {self._where.get(other) for other in self._where if other[1] == value}:
            return
        try:
            await self._alone(target, self._remove(self._theirs(), target, value))
        except Trouble:
            self._where.setdefault(key, target)  # so that it can be tried again
            raise

    def _theirs(self) -> Publisher:
        if self._publisher is None:
            raise NotPublished(NO_PUBLISHER, "5.3.5")
        return self._publisher

    async def _target(self, name: str) -> str:
        """Where the record goes: CNAMEs are followed, as authorities do.  One that stands for all names
        (`*.example.org`) does not count: a record of its own takes its place."""
        answer = await self._dns.txt(LABEL + name)
        if answer.aliases and (await self._dns.cname(NOT_THERE + name)).records[:1] == answer.aliases[:1]:
            return LABEL + name
        return answer.canonical

    async def _alone(self, target: str, change: Coroutine[Any, Any, None]) -> None:
        """One change of a name after the other; each goes on to its end, also when its order is called off:
        what is removed afterwards is removed."""
        lock = self._locks.setdefault(target, DeferredLock())

        async def in_turn() -> Trouble | None:
            await lock.acquire()
            try:
                await change
                return None
            except Trouble as trouble:
                return trouble
            finally:
                lock.release()
                if not lock.locked:
                    self._locks.pop(target, None)

        if (trouble := await uninterrupted(in_turn())) is not None:
            raise trouble

    async def _add(self, publisher: Publisher, target: str, value: str) -> None:
        """It is remembered first: who dies now is cleaned up after."""
        now = self._clock.now()
        await self._store.show(self.kind, _noted(target, value), f"{now:.0f}".encode(), now + KEPT)
        await publisher.add(target, value)
        self._added.add((target, value))

    async def _remove(self, publisher: Publisher, target: str, value: str) -> None:
        """Also one that could not be added, as far as we know; that it cannot be removed is no news then."""
        try:
            await publisher.remove(target, value)
        except Trouble as error:
            if (target, value) in self._added:
                NOT_REMOVED.log(name=target, value=value, error=error.detail or error.public)
                raise
        self._added.discard((target, value))
        await self._store.hide(self.kind, _noted(target, value))

    async def _sweep(self, publisher: Publisher, target: str) -> None:
        """What a process that died has left under the same name goes: servers have a bound of values."""
        for noted, written in (await self._store.showing(self.kind)).items():
            name, _, value = noted.partition(" ")
            if name == target and self._clock.now() - _moment(written) > LEFT_OVER:
                self._added.add((name, value))
                try:
                    await self._alone(target, self._remove(publisher, target, value))
                except Trouble:
                    pass  # the log has it; the new record counts

    # -- is it there?
    async def _there(self, name: str, value: str, when: Propagation) -> None:
        """Whoever the authority asks has it.  `NotPublished` when that takes too long."""
        until = self._clock.seconds() + when.most
        step = FIRST
        while missing := await self._missing(name, value, when):
            if self._clock.seconds() + step > until:
                raise NotPublished(
                    f"the TXT record of {name} is not there after {when.most:.0f} s: {missing}"
                )
            await pause(self._clock, step)
            step = min(2 * step, LONGEST)
        if when.besides:
            await pause(self._clock, when.besides)

    async def _missing(self, name: str, value: str, when: Propagation) -> str:
        """Where it is not; '' when it is everywhere."""
        try:
            if when.how == "servers":
                return lacking(await self._dns.authoritative(name, "TXT"), value)
            if when.how == "resolver":
                return "" if value in (await self._dns.txt(name)).records else "the resolver has none"
            return ""
        except DnsAway as away:
            return away.detail


def value_of(key_authorization: str) -> str:
    """What the record says (rfc8555#8.4)."""
    return urlsafe_b64encode(sha256(key_authorization.encode()).digest()).rstrip(b"=").decode()


def lacking(served: tuple[Served, ...], value: str) -> str:
    """Which servers answer without it; '' when all that answer have it.  A server that is silent is one that
    the authority cannot hear either; one at least has to say something."""
    without = [one for one in served if one.answer is not None and value not in one.answer.records]
    if without:
        return f"not at {', '.join(map(str, without[:5]))}"
    if any(one.answer is not None for one in served):
        return ""
    return "; ".join(f"{one}: {one.why}" for one in served[:5])


def _moment(written: bytes) -> float:
    """When it was noted; long ago when that is damaged."""
    return float(written) if written.isdigit() else 0.0


def _noted(target: str, value: str) -> str:
    return f"{target} {value}"


def build(settings: Any, assembly: Any, source: Any) -> Dns01:
    publisher = assembly.part("dns", settings.dns) if settings.dns else None
    return Dns01(publisher, assembly.one(the_dns), source.store, assembly.clock)
