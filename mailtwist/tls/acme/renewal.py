"""The clock of renewal: each certificate is ordered when it is missing or due, the default name's first."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from math import inf
from random import random
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall

from mailtwist.config.rate import Rate
from mailtwist.kit.clock import Clock
from mailtwist.kit.events import Event
from mailtwist.kit.spawn import spawn
from mailtwist.kit.trouble import Trouble
from mailtwist.tls.acme.api import Issued, KeyKind, Note, Store
from mailtwist.tls.acme.due import DAY, about, loud_from
from mailtwist.tls.acme.keys import Keys
from mailtwist.tls.acme.ordering import Item, Ordering
from mailtwist.tls.acme.problem import NotIssued
from mailtwist.tls.acme.shelf import Kept, Shelf
from mailtwist.tls.acme.status import Status, not_here, status
from mailtwist.tls.acme.strangers import Strangers
from mailtwist.tls.acme.trying import Trying
from mailtwist.tls.acme.wanted import WantedNames
from mailtwist.tls.ending import tell
from mailtwist.tls.names import covers

WAKE = 600.0
"""Seconds: so often it is looked what is due, whatever the clock did meanwhile."""

SHORTEST = 15.0
EACH = 0.02
"""Seconds between two such looks at least, and so many more for each name: they cost something."""

LOOK = 3600.0
"""Seconds after which DNS is asked again which names point here, and which keys are published."""

FIRST_LOOK = 5.0
AT_ONCE = 4
"""Orders beside each other: one that waits for DNS holds up no other."""

LOUD = "loud"

NO_CERTIFICATE = Event(
    "acme.no_certificate", "{section}: there is no certificate for {names} yet: {error}", "error"
)
LOOK_FAILED = Event("acme.look_failed", "{section}: what is due cannot be found out: {error}", "error")


class Renewal:
    """Of one section.  `start` and `stop` are for the process that renews; the others may be called in any
    process that has the store, beside it."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        shelf: Shelf,
        trying: Trying,
        keys: Keys,
        kinds: Sequence[KeyKind],
        wanted: WantedNames,
        default: str,
        section: str = "",
        chance: Callable[[], float] = random,
        strangers: Rate | None = None,
    ) -> None:
        """`strangers`: what authorities issue below one domain, if it is limited."""
        self.wanted = wanted
        self._strangers = Strangers(store, clock, wanted, strangers)
        self._store = store
        self._clock = clock
        self._kinds = tuple(kinds)
        self._default = default
        self._section = section
        self._chance = chance
        self._shelf = shelf
        self.ordering = Ordering(store, clock, trying, keys, shelf, chance)
        self._kept: Mapping[tuple[str, KeyKind], Kept] = {}
        self._queue: dict[Item, float] = {}
        self._demanded: set[str] = set()
        self._busy: set[Item] = set()
        self._workers = 0
        self._under_way: set[Deferred[Any]] = set()
        self._timer: IDelayedCall | None = None
        self._looked_at = -LOOK - 1
        self._running = self._looking = self._once_more = False

    # -- the clock
    async def start(self) -> None:
        """What needs no question is ordered at once; DNS and the directories are asked a moment later, when
        all of the process has begun."""
        self._running = True
        self._looked_at = self._clock.seconds() - LOOK + FIRST_LOOK
        self._wake_in(0)

    async def stop(self) -> None:
        """Orders are called off; what they have presented is withdrawn when this returns."""
        self._running = False
        self._queue.clear()
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        for work in list(self._under_way):
            work.cancel()
        while self._under_way:
            await next(iter(self._under_way))

    def asked(self, name: str) -> None:
        """A stranger wants a certificate for `name`, in a handshake that does not wait for it."""
        if self._running and (wait := self._strangers.asked(name)) is not None:
            self._wake_in(wait)

    def look_soon(self) -> None:
        """DNS and the directories are asked which names are wanted now."""
        self._looked_at = self._clock.seconds() - LOOK
        self._wake_in(1)

    def _wake_in(self, seconds: float) -> None:
        if not self._running:
            return
        if self._timer is not None and self._timer.active():
            if self._timer.getTime() - self._clock.seconds() <= seconds:
                return
            self._timer.cancel()
        self._timer = self._clock.later(seconds, self._wake)

    def _wake(self) -> None:
        if self._looking:
            self._once_more = True
        else:
            self._looking = True
            self._begin(self._looked(), "looking which certificates are due")

    def _begin(self, work: Any, purpose: str) -> None:
        done = spawn(work, purpose)
        if not done.called:
            self._under_way.add(done)
            done.addBoth(self._ended, done)

    def _ended(self, result: Any, done: Deferred[Any]) -> Any:
        self._under_way.discard(done)
        return result

    async def _looked(self) -> None:
        wait = WAKE
        try:
            wait = await self.look()
        except Trouble as error:
            LOOK_FAILED.log(section=self._section, error=error.detail or str(error))
        finally:
            self._looking = False
            self._wake_in(0 if self._once_more else wait)
            self._once_more = False
            self._go_on()

    def _go_on(self) -> None:
        while self._has_work and self._workers < AT_ONCE:
            self._workers += 1
            self._begin(self._worked_off(), "ordering certificates")

    @property
    def _has_work(self) -> bool:
        """Not while it is looked what is due: then two would write the same notes."""
        return self._running and not self._looking and bool(self._queue)

    async def _worked_off(self) -> None:
        """What is in the queue, the most important first."""
        try:
            while self._has_work:
                item = min(self._queue, key=self._queue.__getitem__)
                del self._queue[item]
                await self._cared_for(item)
        finally:
            self._workers -= 1

    async def _cared_for(self, item: Item) -> None:
        self._busy.add(item)
        try:
            again = await self.ordering.cared_for(item, self._kept.get((item.name, item.kind)))
            self._wake_in(max(again - self._clock.now(), self._shortest))
        except Trouble as error:
            LOOK_FAILED.log(section=self._section, error=error.detail or str(error))
        finally:
            self._busy.discard(item)

    # -- what is due
    async def look(self) -> float:
        """What is due is in the queue; in so many seconds it is time to look again."""
        self._kept = kept = await self._shelf.all()
        await self._look_for_names(kept)
        self._demanded = {one.name for one in self.wanted.current if one.why == "demand"}
        soonest = min(WAKE, self._looked_at + LOOK - self._clock.seconds(), self._strangers.wait)
        now = self._clock.now()
        for item in self.items():
            if item in self._busy:
                continue
            try:
                soonest = min(soonest, await self._looked_at_one(item, kept.get((item.name, item.kind)), now))
            except Trouble as error:  # its note cannot be written: the others' can
                LOOK_FAILED.log(section=self._section, error=f"{item.name}: {error.detail or error}")
        await self._drop_unwanted(kept, now)
        return max(soonest, 1.0)

    async def _looked_at_one(self, item: Item, kept: Kept | None, now: float) -> float:
        """In so many seconds it is to be looked at again; when it is due now, it is in the queue."""
        note = await self._noted(item, kept, now)
        when = self.ordering.when(item, kept, note, now)
        if when > now:
            return max(when - now, self._shortest)
        if item not in self._queue and await self._may_be_had(item, kept):
            self._queue[item] = self._rank(item, kept)
        return inf

    async def _look_for_names(self, kept: Mapping[tuple[str, KeyKind], Kept]) -> None:
        """All of them now and then; those that strangers ask for between."""
        now = self._clock.seconds()
        if (all_of_them := now >= self._looked_at + LOOK) or self._strangers.wait == 0:
            self._strangers.looked()
            if all_of_them:
                self._looked_at = now
            await self.wanted.look([name for name, _ in kept], not all_of_them)

    async def _may_be_had(self, item: Item, kept: Kept | None) -> bool:
        return (
            kept is not None or item.name not in self._demanded or await self._strangers.has_room(item.name)
        )

    @property
    def _shortest(self) -> float:
        return max(SHORTEST, EACH * len(self.wanted.current))

    def items(self) -> list[Item]:
        return [Item(one.names, kind) for one in self.wanted.current for kind in self._kinds]

    async def _noted(self, item: Item, kept: Kept | None, now: float) -> Note:
        """The note, and what is to be said aloud is said."""
        old = note = await self._store.note(item.name, item.kind)
        if kept is not None:
            note = about(note, kept.bundle, self._chance)
        note = self._loud(item, kept, note, now)
        if note != old:
            await self._store.set_note(item.name, item.kind, note)
        return note

    def _loud(self, item: Item, kept: Kept | None, note: Note, now: float) -> Note:
        """Each day, while it is near its end, or missing for more than a day."""
        missing = kept is None and note.failures and now - note.failing_since >= DAY
        if not missing and (kept is None or now < loud_from(kept.bundle)):
            return note
        last = note.facts.get(LOUD)
        if isinstance(last, float | int) and 0 <= now - last < DAY:
            return note
        if kept is not None:
            tell(self._section, kept.bundle, now, note.error)
        else:
            names = ", ".join(item.names)
            NO_CERTIFICATE.log(section=self._section, names=names, error=note.error)
        return replace(note, facts={**note.facts, LOUD: now})

    def _rank(self, item: Item, kept: Kept | None) -> float:
        """The smallest first: the default name, then what is missing, then what ends first, and then what is
        missing for strangers."""
        if covers(item.names, self._default):
            return -2.0
        if kept is None and item.name in self._demanded:
            return inf
        return -1.0 if kept is None else kept.bundle.not_after

    async def _drop_unwanted(self, kept: Mapping[tuple[str, KeyKind], Kept], now: float) -> None:
        """What is not wanted any more is served to its end, and stays while nobody can tell whether it is: a
        key that is pinned goes with it."""
        wanted = {(item.name, item.kind) for item in self.items()}
        for key, its in kept.items():
            if key not in wanted and its.bundle.expired(now) and self.wanted.knows(key[0]):
                await self._store.forget(*key)

    # -- for operators
    async def status(self) -> list[Status]:
        """Of all that there are and all that are wanted, in their order; then what is not wanted."""
        kept = dict(await self._shelf.all())
        if not self._running:
            await self.wanted.look([name for name, _ in kept])
        found = []
        for one in self.wanted.current:
            for kind in self._kinds:
                note = await self._store.note(one.name, kind)
                its = kept.pop((one.name, kind), None)
                found.append(await self._status(one.names, kind, one.why, its, note))
        for (name, kind), its in kept.items():
            note = await self._store.note(name, kind)
            found.append(await self._status(its.bundle.names, kind, "", its, note))
        return found + [not_here(name, why) for name, why in self.wanted.not_here.items()]

    async def _status(
        self, names: tuple[str, ...], kind: KeyKind, why: str, kept: Kept | None, note: Note
    ) -> Status:
        found = status(names, kind, why, kept, note, self._clock.now())
        digest, following = await self.ordering.digests(names[0], kind, kept)
        return replace(found, digest=digest, next_digest=following)

    async def renew(self, name: str, force: bool = False, next_key: bool = False) -> list[Issued]:
        """The certificates for `name` (one for each kind of key), ordered if they are missing, due, or
        `force` is said.  `next_key`: also pinned ones with the next key, whatever is published of it.
        `NotIssued`, with kind busy when another process is at it."""
        items = await self._items_for(name)
        return [await self.ordering.ordered(item, force or next_key, next_key) for item in items]

    async def revoke(self, name: str, reason: int = 0, again: bool = True) -> int:
        """The certificates for `name` are revoked, and new ones ordered, unless `again` is False: then they
        are forgotten.  How many they were.  `reason` is one of rfc5280#5.3.1; after 1 (keyCompromise) the
        key is not used again, whatever is pinned.  `NotIssued`."""
        kept = [its for (known, _), its in (await self._shelf.all()).items() if known == name]
        for its in kept:
            await self.ordering.revoke(its, reason)
        for its in kept:
            if again:
                await self.ordering.ordered(Item(_names_of(its), its.issued.key_kind), True)
            else:
                await self._store.forget(its.issued.name, its.issued.key_kind)
        return len(kept)

    async def _items_for(self, name: str) -> list[Item]:
        if not self._running:
            await self.wanted.look([one for one, _ in await self._shelf.all()])
        found = [item for item in self.items() if name in item.names]
        if not found:
            why = self.wanted.not_here.get(name, f"{name} is not wanted by the config")
            raise NotIssued("unwanted", why, temporary=False)
        return found


def _names_of(kept: Kept) -> tuple[str, ...]:
    """The first is that of the order."""
    return tuple(dict.fromkeys([kept.issued.name, *kept.bundle.names]))
