"""Which key a certificate gets: a new one each time, or the old one until the world knows the next."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from math import ceil
from typing import Literal, Protocol, get_args

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from mailtwist.kit.events import Event
from mailtwist.kit.threads import Threads
from mailtwist.tls.acme.api import Issued, KeyKind, Note, Store
from mailtwist.tls.acme.csr import Key, new_key, pem_of
from mailtwist.tls.acme.published import SHORTEST, TIMES, Seen, digest_of

KeyPolicy = Literal["rotate", "pin"]
KeyChoice = Literal["ecdsa", "rsa", "both"]

NEXT_KEY = Event(
    "acme.next_key", "{name}: the key after this one is made; publish _25._tcp.{name}. TLSA 3 1 1 {digest}"
)
KEY_PINNED = Event(
    "acme.key_pinned",
    "{name}: renewed with the same key; the next one is not published, or not for long enough:"
    " publish _25._tcp.{name}. TLSA 3 1 1 {digest}",
)
KEY_SWITCHED = Event(
    "acme.key_switched",
    "{name}: from now on with the key that was published; in {hours} h the record of the one before may go:"
    " TLSA 3 1 1 {digest}",
)

LONGEST = 31 * 86400.0
"""Seconds for which anybody remembers records."""

PUBLISHED, REMEMBERED = "tlsa", "tlsa_without"
"""What a note's facts call them: since when the next key's record is there; until when others may remember
records without it."""


class Looks(Protocol):
    """`published.Published`"""

    async def look(
        self, names: Sequence[str], digest: str, before: Seen | None, now: float
    ) -> Seen | None: ...

    async def longest(self, names: Sequence[str]) -> float: ...


@dataclass(frozen=True)
class Chosen:
    """`is_next`: it is the one that was kept for this; then there is to be another next one."""

    key: Key = field(repr=False)
    is_next: bool
    ttl: float = 0.0
    """Of the records, as far as they were looked at."""


def kinds_of(choice: KeyChoice) -> tuple[KeyKind, ...]:
    if choice == "both":
        kinds: tuple[KeyKind, ...] = get_args(KeyKind)
        return kinds
    return ("RSA",) if choice == "rsa" else ("EC",)


class Keys:
    """Of one section."""

    def __init__(self, policy: KeyPolicy, store: Store, threads: Threads, published: Looks) -> None:
        self.policy = policy
        self._store = store
        self._threads = threads
        self._published = published

    async def chosen(
        self,
        names: Sequence[str],
        kind: KeyKind,
        old: Issued | None,
        note: Note,
        now: float,
        forced: bool = False,
    ) -> Chosen:
        """For the certificate after `old`, whose names are `names`.  `forced`: the old one must not be used
        any more, whatever is published."""
        if self.policy == "rotate":
            return Chosen(await self._new(kind), False)
        waiting = await self.next_key(names[0], kind)
        current = None if old is None else await self.key_of(old)
        seen = Seen.of(note.facts.get(PUBLISHED))
        if waiting is not None and (
            current is None or forced or await self._is_known(names, waiting, note, now)
        ):
            return Chosen(waiting, True, 0.0 if seen is None else seen.ttl)
        if current is None or forced:
            return Chosen(await self._new(kind), False)
        return Chosen(current, False)

    async def _is_known(self, names: Sequence[str], key: Key, note: Note, now: float) -> bool:
        """Its record was there for long enough, and is there at this moment; what cannot be seen is not."""
        if not _is_ripe(Seen.of(note.facts.get(PUBLISHED)), key, now):
            return False
        return await self._published.look(names, digest_of(key), None, now) is not None

    async def used(self, name: str, kind: KeyKind, chosen: Chosen, old: Issued | None) -> None:
        """There is a certificate for it, and it is kept."""
        if self.policy == "rotate":
            await self._store.set_next_key(name, kind, None)
            return
        waiting = None if chosen.is_next else await self.next_key(name, kind)
        if waiting is None:
            waiting = await self._new(kind)
            await self._store.set_next_key(name, kind, await self._threads.run(pem_of, waiting))
            NEXT_KEY.log(name=name, digest=digest_of(waiting))
        elif old is not None:
            KEY_PINNED.log(name=name, digest=digest_of(waiting))
        before = await self.key_of(old) if chosen.is_next and old is not None else None
        if before is not None:
            hours = ceil(TIMES * max(chosen.ttl, SHORTEST) / 3600)
            KEY_SWITCHED.log(name=name, hours=hours, digest=digest_of(before))

    async def looked(self, names: Sequence[str], kind: KeyKind, note: Note, now: float) -> Note:
        """The note, with what is published of the next key now."""
        waiting = await self.next_key(names[0], kind) if self.policy == "pin" else None
        if waiting is None:
            return note
        digest, until = digest_of(waiting), _until(note, now)
        before = Seen.of(note.facts.get(PUBLISHED))
        if before is not None and before.digest != digest:
            until = max(until, now + before.ttl)
            before = None
        seen = await self._published.look(names, digest, before, now)
        if seen is None:
            until = max(until, now + await self._published.longest(names))
        elif before is None or before.since != seen.since:
            seen = replace(seen, ttl=max(seen.ttl, until - now))
        facts = {name: value for name, value in note.facts.items() if name not in (PUBLISHED, REMEMBERED)}
        facts |= {} if seen is None else {PUBLISHED: seen.written()}
        facts |= {REMEMBERED: until} if until > now else {}
        return replace(note, facts=facts)

    async def next_key(self, name: str, kind: KeyKind) -> Key | None:
        return await self._read(await self._store.next_key(name, kind), kind)

    async def key_of(self, issued: Issued) -> Key | None:
        return await self._read(issued.pem, issued.key_kind)

    async def _read(self, pem: bytes | None, kind: KeyKind) -> Key | None:
        """None also for what is damaged, or of another kind."""
        return None if pem is None else await self._threads.run(_read, pem, kind)

    async def _new(self, kind: KeyKind) -> Key:
        return await self._threads.run(new_key, kind)


def _is_ripe(seen: Seen | None, key: Key, now: float) -> bool:
    return seen is not None and seen.digest == digest_of(key) and seen.long_enough_at <= now


def _until(note: Note, now: float) -> float:
    """As it was noted; unless the clock was far ahead then."""
    found = note.facts.get(REMEMBERED)
    return float(found) if isinstance(found, float | int) and found <= now + LONGEST else 0.0


def _read(pem: bytes, kind: KeyKind) -> Key | None:
    try:
        key = load_pem_private_key(pem, password=None)
    except Exception:  # whatever is in the file
        return None
    wanted = rsa.RSAPrivateKey if kind == "RSA" else ec.EllipticCurvePrivateKey
    return key if isinstance(key, wanted) else None
