"""What is wrong with the certificate that another server shows, in sentences.  rfc9525#6 rfc8460#4.3"""

import re
from base64 import b64decode, b64encode
from binascii import Error as NotBase64
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Literal, Self, cast

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from service_identity.exceptions import CertificateError
from service_identity.hazmat import (
    DNS_ID,
    CertificatePattern,
    DNSPattern,
    IPAddress_ID,
    IPAddressPattern,
    ServiceID,
)

SHOWN = 10
"""Names of a certificate that a sentence lists."""

Code = Literal[
    "starttls-not-supported",
    "certificate-expired",
    "certificate-not-trusted",
    "certificate-host-mismatch",
    "validation-failure",
    "tlsa-invalid",
    "dnssec-invalid",
    "dane-required",
    "sts-policy-fetch-error",
    "sts-policy-invalid",
    "sts-webpki-invalid",
]
"""The result types of rfc8460#4.3, all of them: what is not found by us yet will be by DANE and MTA-STS."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One reason.  `code` is a word of rfc8460#4.3; `words` are for the log."""

    code: Code
    words: str


@dataclass(frozen=True, slots=True)
class Objection:
    """What OpenSSL had against the certificate at `depth`, 0 being the server's own."""

    number: int
    depth: int
    certificate: x509.Certificate | None


@dataclass(frozen=True, slots=True)
class Shown:
    """What a server has shown in a handshake.  `chain` begins with its own certificate; it is empty where
    nothing could be read, and `unreadable` says why.  `name` is what it was asked for, "" when it was not;
    `alpn` what it has chosen of what it was offered."""

    name: str = ""
    version: str = ""
    cipher: str = ""
    alpn: str = ""
    chain: tuple[x509.Certificate, ...] = ()
    objections: tuple[Objection, ...] = ()
    unreadable: Finding | None = None

    def findings(self, names: Sequence[str]) -> list[Finding]:
        """What is wrong with it, when it is to be valid for one of `names` (`by_names`)."""
        if self.unreadable is not None:
            return [self.unreadable]
        leaf = self.chain[0]
        return by_chain(leaf, self.objections) + by_names(leaf, names)


class Pins(tuple[bytes, ...]):
    """SHA-256 of public keys (SubjectPublicKeyInfo), separated by commas or blanks: in base64, as
    `sha256//...=`, or in hexadecimal."""

    @classmethod
    def parse(cls, text: str) -> Self:
        return cls(dict.fromkeys(_pin(word) for word in re.split(r"[\s,]+", text.strip()) if word))


def pin_of(certificate: x509.Certificate) -> bytes:
    """What `Pins` holds of it."""
    public = cast(rsa.RSAPublicKey, certificate.public_key())
    return sha256(public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).digest()


def spelled(pin: bytes) -> str:
    """As a setting has it."""
    return f"sha256//{b64encode(pin).decode()}"


def by_pins(leaf: x509.Certificate, pins: Collection[bytes]) -> list[Finding]:
    """A key that is pinned needs nothing else: no authority, no name, no date."""
    try:
        pin = pin_of(leaf)
    except Exception:  # a key of a kind that we do not know, or damaged
        return [Finding("certificate-not-trusted", "the public key of the certificate cannot be read")]
    if pin in pins:
        return []
    return [Finding("certificate-not-trusted", f"the server's key is {spelled(pin)}, which is not pinned")]


def by_chain(leaf: x509.Certificate, objections: Iterable[Objection]) -> list[Finding]:
    """Each reason once.  When no chain leads to a root that is trusted, OpenSSL says it in several ways."""
    found: dict[str, Finding] = {}
    trusted = True
    for one in objections:
        if one.number in _UNTRUSTED:
            if trusted:
                trusted = False
                finding = Finding("certificate-not-trusted", _untrusted(one, leaf))
                found.setdefault(finding.words, finding)
            continue
        finding = _finding(one, leaf)
        found.setdefault(finding.words, finding)
    return list(found.values())


def by_name(leaf: x509.Certificate, host: str) -> list[Finding]:
    """`host` is an A-label name, or an address, which only an address in the certificate can match."""
    return by_names(leaf, (host,))


def by_names(leaf: x509.Certificate, hosts: Sequence[str]) -> list[Finding]:
    """One of `hosts` is enough.  `.example.net` stands for every name below it."""
    try:
        names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        texts: list[str] = names.get_values_for_type(x509.DNSName)
        addresses = names.get_values_for_type(x509.IPAddress)
    except x509.ExtensionNotFound:
        texts, addresses = [], []
    except Exception:
        return [Finding("certificate-not-trusted", "the extensions of the certificate are damaged")]
    known: list[CertificatePattern] = [*filter(None, map(_pattern, texts))]
    known += [IPAddressPattern(one) for one in addresses if isinstance(one, IPv4Address | IPv6Address)]
    if any(_meant(host, known) for host in hosts):
        return []
    listed = _listed([*texts, *map(str, addresses)])
    words = f"certificate is valid for {listed}, not {' or '.join(hosts)}"
    return [Finding("certificate-host-mismatch", words)]


def safe(text: str, most: int = 100) -> str:
    """What a stranger has written, fit for a log."""
    clean = "".join(char if " " <= char < "\x7f" and char not in '"\\' else "?" for char in text[: most + 1])
    return clean if len(clean) <= most else clean[:most] + "..."


def _pin(word: str) -> bytes:
    text = word.removeprefix("sha256//").removeprefix("sha256:")
    try:
        pin = bytes.fromhex(text) if len(text) == 64 else b64decode(text, validate=True)
    except (ValueError, NotBase64):
        pin = b""
    if len(pin) != 32:
        raise ValueError(f"{word!r} is no SHA-256 of a public key; write it like {spelled(bytes(32))}")
    return pin


def _pattern(text: str) -> DNSPattern | None:
    """None for what no client takes: a wildcard behind the first label, an address as a name."""
    try:
        return DNSPattern.from_bytes(text.encode())
    except (CertificateError, UnicodeError):
        return None


def _meant(host: str, known: Iterable[CertificatePattern]) -> bool:
    if host.startswith("."):
        below = host.lower().encode()
        return any(isinstance(one, DNSPattern) and one.pattern.lower().endswith(below) for one in known)
    identity = _identity(host)
    return any(identity.verify(pattern) for pattern in known)


def _identity(host: str) -> ServiceID:
    try:
        return IPAddress_ID(ip_address(host))
    except ValueError:
        return DNS_ID(host)


def _listed(names: list[str]) -> str:
    if not names:
        return "no name at all (it has no subjectAltName)"
    shown = ", ".join(safe(name) for name in names[:SHOWN])
    return shown if len(names) <= SHOWN else f"{shown} and {len(names) - SHOWN} more"


_UNTRUSTED = {2, 18, 19, 20, 21, 27}
_WORDS = {
    7: "has a wrong signature",
    22: "is at the end of a chain that is too long",
    23: "was revoked",
    24: "is of an authority that is none",
    25: "is at the end of a chain that is longer than its authority allows",
    26: "is not for TLS servers",
    47: "is for names that its authority may not vouch for",
    66: "has too short a key",
    67: "is signed by an authority with too short a key",
    68: "is signed with a hash that is too weak",
}


def _finding(objection: Objection, leaf: x509.Certificate) -> Finding:
    whose = _whose(objection)
    certificate = objection.certificate or leaf
    if objection.number == 10:
        return Finding("certificate-expired", f"{whose} expired on {_day(certificate.not_valid_after_utc)}")
    if objection.number == 9:
        begins = _day(certificate.not_valid_before_utc)
        return Finding("certificate-expired", f"{whose} is not valid before {begins}")
    words = _WORDS.get(objection.number, f"is refused (OpenSSL's error {objection.number})")
    return Finding("certificate-not-trusted", f"{whose} {words}")


def _untrusted(objection: Objection, leaf: x509.Certificate) -> str:
    if objection.number == 18:
        return "certificate is self-signed"
    if objection.number == 19:
        root = objection.certificate or leaf
        return f'certificate comes from "{issuer_of(root)}", which is not trusted here'
    issuer = issuer_of(objection.certificate or leaf)
    if objection.depth == 0:
        return (
            f'issuer "{issuer}" of the certificate is unknown: it is not trusted here,'
            " or the server does not send the intermediate certificate"
        )
    return f'issuer "{issuer}" is unknown here'


def _whose(objection: Objection) -> str:
    if objection.depth == 0 or objection.certificate is None:
        return "certificate"
    return f'certificate of the authority "{_named(lambda one: one.subject, objection.certificate)}"'


def issuer_of(certificate: x509.Certificate) -> str:
    """Who has signed it, as he calls himself; "?" when that cannot be read."""
    return _named(lambda one: one.issuer, certificate)


def _named(name: Callable[[x509.Certificate], x509.Name], certificate: x509.Certificate) -> str:
    """Names are parsed when they are asked for, and what strangers show need not be any."""
    try:
        return _name(name(certificate))
    except Exception:
        return "?"


def _name(name: x509.Name) -> str:
    for kind in (x509.NameOID.COMMON_NAME, x509.NameOID.ORGANIZATION_NAME):
        if found := name.get_attributes_for_oid(kind):
            return safe(str(found[0].value))
    return safe(name.rfc4514_string()) or "?"


def _day(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")
