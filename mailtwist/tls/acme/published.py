"""Whether the world can know a key: its TLSA record has been there for long enough.  rfc7671#8.1 rfc7672#4"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Protocol

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from mailtwist.kit.trouble import Trouble
from mailtwist.tls.acme.csr import Key

TIMES = 2
"""So many times its TTL a record must have been seen: whoever has the old ones has forgotten them."""

SHORTEST = 3600.0
"""Seconds that count as its TTL at least: a slave server may be late."""


BLIND = 3 * 3600.0
"""Seconds without a look after which nobody knows whether it was there all the time."""


@dataclass(frozen=True)
class Seen:
    """`digest` was seen at all servers of the zone since then, and at `last`."""

    digest: str
    since: float
    ttl: float
    last: float = field(default=0.0, compare=False)

    @property
    def long_enough_at(self) -> float:
        return self.since + TIMES * max(self.ttl, SHORTEST)

    def written(self) -> Mapping[str, Any]:
        return {"digest": self.digest, "since": self.since, "ttl": self.ttl, "last": self.last}

    @classmethod
    def of(cls, about: object) -> "Seen | None":
        """As it was written, or None."""
        if not isinstance(about, Mapping):
            return None
        try:
            numbers = (float(about[word]) for word in ("since", "ttl", "last"))
            return cls(str(about["digest"]), *numbers)
        except (KeyError, TypeError, ValueError):
            return None


class Asks(Protocol):
    """`kit.dns.Dns`"""

    async def authoritative(self, name: str, kind: str) -> Sequence[Any]: ...


class Published:
    """Looks at `_25._tcp` of host names, at the zones' own servers: a resolver may remember too much."""

    def __init__(self, dns: Asks) -> None:
        self._dns = dns

    async def look(self, names: Sequence[str], digest: str, before: Seen | None, now: float) -> Seen | None:
        """How long `digest` has been published for all of `names`; None: it is not there, or not yet
        everywhere.  While DNS is away, what was seen `before` stays."""
        if before is not None and (before.digest != digest or before.since > now):
            before = None
        ttl = before.ttl if before is not None else 0.0
        hosts = hosts_of(names)
        if not hosts:  # nobody can tell which hosts a wildcard is for
            return None
        try:
            for name in hosts:
                found = await self._ttl(f"_25._tcp.{name}", digest)
                if found is None:
                    return None
                ttl = max(ttl, found)
        except Trouble:
            return before
        known = before is not None and now - before.last <= BLIND
        return Seen(digest, before.since if before is not None and known else now, ttl, now)

    async def longest(self, names: Sequence[str]) -> float:
        """For how long somebody may remember what is there now, whatever it is: seconds, 0.0 for nothing,
        also while DNS is away."""
        found = 0.0
        for name in hosts_of(names):
            try:
                served = await self._dns.authoritative(f"_25._tcp.{name}", "TLSA")
            except Trouble:
                continue
            there = [one.answer for one in served if one.answer is not None and one.answer.records]
            found = max([found, *(float(answer.ttl) for answer in there)])
        return found

    async def _ttl(self, name: str, digest: str) -> float | None:
        """None: a server of the zone has no such record."""
        served = await self._dns.authoritative(name, "TLSA")
        answers = [one.answer for one in served if one.answer is not None]
        if not answers:
            raise Trouble("4.4.3", "DNS gives no answer", name)
        if all(any(is_of(record, digest) for record in answer.records) for answer in answers):
            return max(float(answer.ttl) for answer in answers)
        return None


def hosts_of(names: Sequence[str]) -> list[str]:
    return [name for name in names if not name.startswith("*.")]


def digest_of(key: Key) -> str:
    """What a record `3 1 1` has of a key; it outlives certificates.  rfc6698#2.1 rfc7671#5.1"""
    spki = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return sha256(spki).hexdigest()


def is_of(record: str, digest: str) -> bool:
    """`record`, as zone files have it, is `3 1 1` and that key."""
    words = record.split(None, 3)
    return len(words) == 4 and words[:3] == ["3", "1", "1"] and "".join(words[3].split()).lower() == digest
