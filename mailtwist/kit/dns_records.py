"""What DNS says, as values: mail hosts, keys, authorities; and names as DNS spells them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Generic, TypeVar

import idna

R = TypeVar("R", covariant=True)

_ISSUE = re.compile(r"[ \t]*([A-Za-z0-9.-]*)[ \t]*((?:;.*)?)", re.DOTALL)
_PARAMETER = re.compile(
    r"[ \t]*([A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)[ \t]*=[ \t]*([\x21-\x3a\x3c-\x7e]*)[ \t]*"
)
_DOMAIN = re.compile(r"(?!-)[A-Za-z0-9-]+(?<!-)(?:\.(?!-)[A-Za-z0-9-]+(?<!-))*")
CRITICAL = 128


@dataclass(frozen=True, slots=True)
class Server:
    """Where DNS is asked: an address and a port."""

    address: str
    port: int = 53

    def __str__(self) -> str:
        host = f"[{self.address}]" if ":" in self.address else self.address
        return host if self.port == 53 else f"{host}:{self.port}"


@dataclass(frozen=True)
class Answer(Generic[R]):
    """What was asked, and what there is: nothing, when `records` is empty.  That DNS is away is never an
    answer but `DnsAway`."""

    name: str
    """For which it was asked, as A-labels; of CAA the name at which it was found."""

    kind: str
    records: tuple[R, ...] = ()
    ttl: int = 0
    """Seconds for which it is good, also when there is nothing."""

    secure: bool = False
    """A validating resolver that we believe has checked it by DNSSEC, also that there is nothing."""

    exists: bool = True
    """False: there is no such name (NXDOMAIN), not only no such record."""

    aliases: tuple[str, ...] = ()
    """Where CNAMEs led, in order; the last is the name that has the records."""

    def __bool__(self) -> bool:
        return bool(self.records)

    @property
    def canonical(self) -> str:
        return self.aliases[-1] if self.aliases else self.name


@dataclass(frozen=True, slots=True, order=True)
class Mx:
    """A host that takes the mail of a domain; '' stands for none (rfc7505)."""

    preference: int
    host: str

    def __str__(self) -> str:
        return f"{self.preference} {self.host}."


def takes_no_mail(answer: Answer[Mx]) -> bool:
    """The domain says that it takes no mail (rfc7505), which is more than having no MX."""
    return len(answer.records) == 1 and not answer.records[0].host


@dataclass(frozen=True, slots=True, order=True)
class Tlsa:
    """A key or certificate that a server may have.  rfc6698#2.1"""

    usage: int
    selector: int
    matching: int
    data: bytes

    def __str__(self) -> str:
        return f"{self.usage} {self.selector} {self.matching} {self.data.hex()}"


@dataclass(frozen=True)
class Caa:
    """Which authority may issue certificates.  rfc8659#4.1"""

    flags: int
    tag: str
    """In lower case: issue, issuewild, iodef, ..."""

    value: str

    def __str__(self) -> str:
        escaped = self.value.replace("\\", "\\\\").replace('"', '\\"')
        return f'{self.flags} {self.tag} "{escaped}"'

    @property
    def critical(self) -> bool:
        """An authority that does not know the tag must not issue."""
        return bool(self.flags & CRITICAL)

    @property
    def issuer(self) -> str:
        """The authority of an `issue` or `issuewild`, in lower case; '' for none, also when the value cannot
        be understood, which forbids just as much (rfc8659#4.2)."""
        return self._parsed[0]

    @property
    def parameters(self) -> Mapping[str, str]:
        """What else has to be true: `accounturi`, `validationmethods` (rfc8657)."""
        return self._parsed[1]

    @cached_property
    def _parsed(self) -> tuple[str, Mapping[str, str]]:
        found = _ISSUE.fullmatch(self.value)
        if not found or not (found[1] == "" or _DOMAIN.fullmatch(found[1])):
            return "", {}
        parameters: dict[str, str] = {}
        for written in found[2].split(";"):
            one = _PARAMETER.fullmatch(written)
            if one:
                if parameters.setdefault(one[1].lower(), one[2]) != one[2]:
                    return "", {}
            elif written.strip(" \t"):
                return "", {}
        return found[1].lower(), parameters


def labels(name: str) -> list[bytes] | None:
    """The labels of a name as DNS spells them, in lower case and IDNs as A-labels, without the root; None
    when it can be no name: a label too long or empty, or all of it."""
    found = []
    for label in name.removesuffix(".").split("."):
        try:
            octets = label.lower().encode() if label.isascii() else idna.encode(label, uts46=True)
        except (idna.IDNAError, UnicodeError):
            return None
        found += octets.split(b".")  # some dots are not "."
    right = all(0 < len(octets) < 64 for octets in found)
    return found if right and sum(map(len, found)) + len(found) < 255 else None
