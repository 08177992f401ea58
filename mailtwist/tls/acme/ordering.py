"""One certificate is cared for: its authority asked when to renew it, and the order made when it is time."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from twisted.internet.defer import CancelledError

from mailtwist.kit.clock import Clock
from mailtwist.kit.events import Event
from mailtwist.kit.spawn import uninterrupted
from mailtwist.kit.trouble import Trouble
from mailtwist.kit.within import TooLate, within
from mailtwist.tls.acme.alone import alone
from mailtwist.tls.acme.api import Issued, KeyKind, Note, Store
from mailtwist.tls.acme.backoff import DAY, LONGEST_PAUSE, pause
from mailtwist.tls.acme.csr import Key
from mailtwist.tls.acme.due import RENEWAL_SUGGESTED, about, asks_now, loud_from, suggested
from mailtwist.tls.acme.keys import Chosen, Keys
from mailtwist.tls.acme.problem import NotIssued
from mailtwist.tls.acme.published import digest_of
from mailtwist.tls.acme.shelf import Kept, Shelf
from mailtwist.tls.acme.trying import Trying, failed, worked
from mailtwist.tls.certificates import BadCertificate, read_bundle
from mailtwist.tls.names import covers

LONGEST = 2 * 3600.0
"""Seconds that one certificate may take, with all authorities that are asked for it."""

NO_ARI = 3600.0
"""Seconds after which an authority is asked again, that did not say when to renew."""

BETWEEN = 3600.0
"""Seconds between two renewals of one name at least, unless a tenth of its life is less."""

LOOK_AT_KEYS = 3600.0
FREE = 6
"""Tries that may be cut short without a pause: a server that is restarted some times."""

REVOKED, KEYS_LOOKED, BEGUN = "revoked", "keys_looked", "begun"
"""What a note's facts call them: why there has to be another one; when keys were looked at; how many tries
have begun and never ended."""

KEY_COMPROMISE = 1
NOT_THAT_KEY = frozenset({"badCSR", "badPublicKey"})
"""What authorities say to a key that somebody has shown them to be compromised."""

ISSUED = Event("acme.issued", "{names}: certificate ({kind}) from {authority}, valid until {until}")
NOT_ISSUED = Event(
    "acme.not_issued", "{names}: no certificate ({kind}) after {failures} tries: {error}", "error"
)
BUG = Event("acme.bug", "{names}: no certificate, by an error of our own", "error")
KEY_REFUSED = Event(
    "acme.key_refused",
    "{names}: was to be renewed long ago, and its key is taken no more ({error}): the next one is used now,"
    " published or not",
    "error",
)


@dataclass(frozen=True)
class Item:
    """One certificate that is wanted."""

    names: tuple[str, ...]
    kind: KeyKind

    @property
    def name(self) -> str:
        return self.names[0]


class Ordering:
    """Of one section."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        trying: Trying,
        keys: Keys,
        shelf: Shelf,
        chance: Callable[[], float],
    ) -> None:
        self._store = store
        self._clock = clock
        self._trying = trying
        self._keys = keys
        self._shelf = shelf
        self._chance = chance

    # -- when
    def when(self, item: Item, kept: Kept | None, note: Note, now: float) -> float:
        """When there is something to do for it, seconds since 1970."""
        if _is_missing(item, kept, note):
            return self._not_before(note, now, now)
        times = [self._not_before(note, _due(kept, note, now), now)]
        if self._asks(kept, note, now):
            times.append(now)
        else:
            times.append(note.ari_again)
        if self._keys.policy == "pin":
            times.append(_moment(note, now) + LOOK_AT_KEYS)
        return min(times)

    def _not_before(self, note: Note, when: float, now: float) -> float:
        """After a failure it is left alone; unless the clock was far ahead then."""
        again = note.again if note.again <= now + LONGEST_PAUSE else 0.0
        return max(when, again)

    def _asks(self, kept: Kept | None, note: Note, now: float) -> bool:
        return kept is not None and not kept.bundle.expired(now) and asks_now(note, now)

    # -- caring
    async def cared_for(self, item: Item, kept: Kept | None) -> float:
        """All is done that there is to do now; when to come again, seconds since 1970.  `kept` is what there
        was a moment ago."""
        now = self._clock.now()
        if kept is not None:
            note = await self._asked(item, kept, now)
            note = await self._keys_looked(item, note, now)
        else:
            note = await self._store.note(item.name, item.kind)
        if self._is_due(item, kept, note, now):
            try:
                await self.ordered(item)
            except NotIssued as error:  # it is noted, and the log has it
                if error.kind == "busy":
                    return now + 60
            kept = (await self._shelf.all()).get((item.name, item.kind))
            note = await self._store.note(item.name, item.kind)
        return self.when(item, kept, note, now)

    def _is_due(self, item: Item, kept: Kept | None, note: Note, now: float) -> bool:
        when = now if _is_missing(item, kept, note) else _due(kept, note, now)
        return self._not_before(note, when, now) <= now

    async def _asked(self, item: Item, kept: Kept, now: float) -> Note:
        """The note, after its authority was asked when to renew, if it was time."""
        old = await self._store.note(item.name, item.kind)
        note = about(old, kept.bundle, self._chance)
        if self._asks(kept, note, now):
            note = await self._suggested(item, kept, note, now)
        if note != old:
            await self._store.set_note(item.name, item.kind, note)
        return note

    async def _suggested(self, item: Item, kept: Kept, note: Note, now: float) -> Note:
        authority = self._trying.known(kept.issued.authority)
        if authority is None:
            return replace(note, ari_again=now + DAY)
        try:
            renewal = await authority.renewal(kept.bundle.leaf)
        except Trouble:
            return replace(note, ari_again=now + NO_ARI)
        new = suggested(note, kept.bundle, renewal, now, self._chance)
        if renewal is not None and renewal.explanation and new.window != note.window:
            RENEWAL_SUGGESTED.log(name=item.name, authority=authority.word, page=renewal.explanation)
        return new

    async def _keys_looked(self, item: Item, note: Note, now: float) -> Note:
        if self._keys.policy != "pin" or now < _moment(note, now) + LOOK_AT_KEYS:
            return note
        new = await self._keys.looked(item.names, item.kind, note, now)
        new = replace(new, facts={**new.facts, KEYS_LOOKED: now})
        await self._store.set_note(item.name, item.kind, new)
        return new

    # -- ordering
    async def ordered(self, item: Item, force: bool = False, next_key: bool = False) -> Issued:
        """The certificate that there is then: a new one if it was missing, due, or `force`.  `NotIssued`; why
        is noted."""
        what = f"the certificate for {item.name} ({item.kind})"
        return await alone(self._store, self._clock, what, lambda: self._ordered(item, force, next_key))

    async def _ordered(self, item: Item, force: bool, next_key: bool) -> Issued:
        kept = (await self._shelf.all()).get((item.name, item.kind))
        note = await self._store.note(item.name, item.kind)
        now = self._clock.now()
        if kept is not None and not force:
            note = about(note, kept.bundle, self._chance)
            if not self._is_due(item, kept, note, now):  # another process was faster
                return kept.issued
        note = await self._begun(item, note)
        try:
            return await within(self._clock, LONGEST, self._made(item, kept, note, next_key))
        except CancelledError:
            raise
        except Exception as error:  # also a bug: without a note it would be made again at each look
            told = _told(item, error)
            await uninterrupted(self._failed(item, note, told))
            raise told from error

    async def _begun(self, item: Item, note: Note) -> Note:
        """The note for when the try has ended.  Before, it is noted that it has begun: where that cannot be
        written nothing is ordered, and a process that dies in each try, and begins again, makes pauses."""
        cut = note.facts.get(BEGUN)
        cut = cut if isinstance(cut, int) and cut > 0 else 0
        begun = replace(note, facts={**note.facts, BEGUN: cut + 1})
        if cut >= FREE:
            begun = replace(begun, again=self._clock.now() + pause(cut - FREE + 1, 0.0, self._chance))
        await self._store.set_note(item.name, item.kind, begun)
        return replace(note, facts={name: one for name, one in note.facts.items() if name != BEGUN})

    async def _made(self, item: Item, kept: Kept | None, note: Note, next_key: bool) -> Issued:
        old = kept.issued if kept is not None else None
        now = self._clock.now()
        forced = next_key or note.facts.get(REVOKED) == KEY_COMPROMISE
        chosen = await self._keys.chosen(item.names, item.kind, old, note, now, forced)
        made = await self._trying.issued(item.names, chosen.key, old, note)
        made = replace(made, name=item.name, key_kind=item.kind, pinned=self._keys.policy == "pin")
        return await uninterrupted(self._taken(item, made, chosen, old, note))

    async def _taken(
        self, item: Item, made: Issued, chosen: Chosen, old: Issued | None, note: Note
    ) -> Issued:
        """Kept, and noted.  Nobody calls that off: the authority counts it."""
        try:
            bundle = read_bundle(made.pem, made.pem)
        except BadCertificate as bad:
            raise NotIssued("wrongCertificate", bad.words)
        await self._store.keep(made)
        note = worked(note, made)
        note = replace(note, facts={name: one for name, one in note.facts.items() if name != REVOKED})
        note = about(note, bundle, self._chance)
        await self._store.set_note(item.name, item.kind, note)
        await self._keys.used(item.name, item.kind, chosen, old)
        names, until = ", ".join(item.names), bundle.until
        ISSUED.log(names=names, kind=item.kind, authority=made.authority, until=until)
        return made

    async def _failed(self, item: Item, note: Note, error: NotIssued) -> None:
        now = self._clock.now()
        failing = max(now - note.failing_since, 0.0) if note.failing_since else 0.0
        note = failed(note, error, now, pause(note.failures + 1, failing, self._chance))
        names = ", ".join(item.names)
        if error.kind in NOT_THAT_KEY and _is_overdue(note, now) and REVOKED not in note.facts:
            note = replace(note, facts={**note.facts, REVOKED: KEY_COMPROMISE})
            KEY_REFUSED.log(names=names, error=error.words)
        NOT_ISSUED.log(names=names, kind=item.kind, failures=note.failures, error=error.words)
        await self._store.set_note(item.name, item.kind, note)

    async def digests(self, name: str, kind: KeyKind, kept: Kept | None) -> tuple[str, str]:
        """Of the key that is served, and of the next; '' for none."""
        now = None if kept is None else await self._keys.key_of(kept.issued)
        following = await self._keys.next_key(name, kind)
        return _digest(now), _digest(following)

    # -- revoking
    async def revoke(self, kept: Kept, reason: int) -> None:
        """`NotIssued`.  It is noted that there is to be another one."""
        issued = kept.issued
        authority = self._trying.known(issued.authority)
        if authority is None:
            words = f"{issued.authority}, which issued it, is not among the authorities"
            raise NotIssued("unwanted", words, temporary=False)
        key = await self._keys.key_of(issued)
        await authority.revoke(kept.bundle.leaf, reason, key)
        note = await self._store.note(issued.name, issued.key_kind)
        note = replace(note, again=0.0, facts={**note.facts, REVOKED: reason})
        await self._store.set_note(issued.name, issued.key_kind, note)


def _is_missing(item: Item, kept: Kept | None, note: Note) -> bool:
    """It is not there, not for all of its names, or revoked."""
    if kept is None or REVOKED in note.facts:
        return True
    return not all(covers(kept.bundle.names, name) for name in item.names)


def _is_overdue(note: Note, now: float) -> bool:
    """By the authority's window, which lies in the past for what it has revoked.  rfc9773#4.1"""
    return note.window is not None and note.window[1] <= now


def _due(kept: Kept | None, note: Note, now: float) -> float:
    """Not soon after it was issued: an authority, or a clock, by which what is new is due already would have
    it ordered again and again."""
    if kept is None or kept.issued.issued > now:
        return note.due
    life = kept.bundle.not_after - kept.bundle.not_before
    return max(min(note.due, loud_from(kept.bundle)), kept.issued.issued + min(BETWEEN, life / 10))


def _told(item: Item, error: Exception) -> NotIssued:
    """Why there is no certificate."""
    if isinstance(error, NotIssued):
        return error
    if isinstance(error, TooLate):
        return NotIssued("slow", f"there was no certificate for {item.name} within two hours")
    if isinstance(error, Trouble):
        return NotIssued("trouble", error.detail or str(error))
    BUG.failure(names=", ".join(item.names))
    return NotIssued("trouble", f"an error of our own, which the log has ({type(error).__name__})")


def _digest(key: Key | None) -> str:
    return "" if key is None else digest_of(key)


def _moment(note: Note, now: float) -> float:
    """When keys were looked at; never, if that is to come."""
    last = note.facts.get(KEYS_LOOKED)
    return float(last) if isinstance(last, float | int) and last <= now else -LOOK_AT_KEYS
