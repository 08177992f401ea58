"""dns-persist-01: a TXT record that stays says which account may have certificates for a name; an admin makes
it once, nobody here writes to DNS.  draft-ietf-acme-dns-persist"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mailtwist.config.dns import the_dns
from mailtwist.kit.clock import Clock
from mailtwist.kit.dns import Dns, DnsAway
from mailtwist.kit.events import Event
from mailtwist.tls.acme.api import Challenge, Kind
from mailtwist.tls.records import PERSIST, Line, persist_line

NO_ISSUER = "the authority does not say under which name it stands in such a record"
MISSING = "there is no such record yet; make it: {line}"
WRONG = "no record at {name} fits ({why}); make it: {line}"
AWAY = "it cannot be seen whether the record is there: {why}"
ENDING = Event(
    "acme.persist_ending",
    "the record at {name} ends in {days} days; write a later persistUntil into it",
    "warn",
)
SOON = 30 * 24 * 3600.0

_NUMBER = re.compile(r"[0-9]{1,12}")


@dataclass(frozen=True)
class Persisted:
    """One record, understood."""

    issuer: str
    parameters: Mapping[str, str]

    @classmethod
    def parse(cls, text: str) -> "Persisted | None":
        """None when it is none: an odd part, or one that is there twice."""
        first, *rest = (part.strip(" \t") for part in text.split(";"))
        parameters: dict[str, str] = {}
        for part in rest:
            word, equals, value = part.partition("=")
            word = word.strip().lower()
            if (part and not equals) or word in parameters:
                return None
            if part:
                parameters[word] = value.strip()
        return cls(first.lower().removesuffix("."), parameters) if first else None

    @property
    def wildcard(self) -> bool:
        return self.parameters.get("policy", "").lower() == "wildcard"

    @property
    def until(self) -> float | None:
        """Seconds since 1970; None: for ever.  What is no number has ended."""
        written = self.parameters.get("persistuntil")
        if written is None:
            return None
        return float(written) if _NUMBER.fullmatch(written) else 0.0

    def objection(self, challenge: Challenge, below: bool, now: float) -> str:
        """Why it is not for this challenge; '' when it is.  `below`: it stands at a name above."""
        if self.issuer not in {one.lower().removesuffix(".") for one in challenge.issuers}:
            return f"it is for {self.issuer}"
        if self.parameters.get("accounturi") != challenge.account:
            return "it is for another account"
        if (challenge.wildcard or below) and not self.wildcard:
            return "it has no policy=wildcard"
        return "it has ended" if self.until is not None and self.until <= now else ""


class DnsPersist01:
    """`acme.api.Solver`.  `can` says which record is missing."""

    kind: Kind = "dns-persist-01"

    def __init__(self, dns: Dns, clock: Clock) -> None:
        self._dns = dns
        self._clock = clock

    async def can(self, challenge: Challenge) -> str:
        if not challenge.issuers:
            return NO_ISSUER
        line = wanted(challenge)
        whys: list[str] = []
        try:
            for name, below in _at(challenge.name):
                texts = (await self._dns.txt(PERSIST + name)).records
                found, refused = self._judged(challenge, texts, below)
                if found is not None:
                    self._warn(PERSIST + name, found)
                    return ""
                whys += refused
        except DnsAway as away:
            return AWAY.format(why=away.detail)
        if whys:
            return WRONG.format(name=PERSIST + challenge.name, why=whys[0], line=line)
        return MISSING.format(line=line)

    async def present(self, challenge: Challenge) -> None:
        """It is there, or it is not: `can` has said so."""

    async def withdraw(self, challenge: Challenge) -> None:
        """It stays."""

    def _judged(
        self, challenge: Challenge, texts: Sequence[str], below: bool
    ) -> tuple[Persisted | None, list[str]]:
        """The record that does, or what is wrong with those that are there."""
        refused = []
        for text in texts:
            record = Persisted.parse(text)
            why = "it cannot be understood" if record is None else ""
            why = why or (record.objection(challenge, below, self._clock.now()) if record else "")
            if not why:
                return record, []
            refused.append(why)
        return None, refused

    def _warn(self, name: str, record: Persisted) -> None:
        if record.until is not None and record.until - self._clock.now() < SOON:
            ENDING.log(name=name, days=int((record.until - self._clock.now()) // 86400))


def wanted(challenge: Challenge) -> Line:
    """The record as the admin has to make it."""
    return persist_line(challenge.name, challenge.issuers[0], challenge.account, wildcard=challenge.wildcard)


def _at(name: str) -> list[tuple[str, bool]]:
    """Where a record may stand, the name itself first; above it only as one for all below."""
    labels = name.split(".")
    return [(".".join(labels[at:]), at > 0) for at in range(max(1, len(labels) - 1))]


def build(settings: Any, assembly: Any, source: Any) -> DnsPersist01:
    return DnsPersist01(assembly.one(the_dns), assembly.clock)
