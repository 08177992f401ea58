"""The certificate that an authority gives: which chain is taken, and whether it is right.  rfc8555#7.4.2"""

import re
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from urllib.parse import urljoin

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from mailtwist.kit.events import Event
from mailtwist.tls.acme.csr import Key
from mailtwist.tls.acme.problem import NotIssued
from mailtwist.tls.certificates import BadCertificate, read_certificates
from mailtwist.tls.https import Answer
from mailtwist.tls.verdict import safe

ALTERNATES = 10
"""Further chains that are looked at."""

LINKS = 20
"""Certificates that a chain may have."""

AHEAD = 3600.0
"""Seconds: so far our clock may be behind the authority's."""

NO_CHAIN = Event(
    "acme.no_chain",
    '{authority} has no chain from "{wanted}" (it has: {offered}); its usual one is taken',
    "warn",
)

_LINK = re.compile(r'<([^<>]{1,2048})>((?:\s*;\s*[^;,"=]{1,50}(?:="[^"]{0,500}"|=[^;,"]{0,500})?){0,10})')
_ALTERNATE = re.compile(r';\s*rel="?(?:[^";,]*\s)?alternate(?:\s[^";,]*)?"?', re.IGNORECASE)


def alternates_of(answer: Answer) -> list[str]:
    """URLs of other chains for the same certificate.  rfc8288"""
    links = [link for value in answer.headers.get("link", ())[:100] for link in _LINK.findall(value[:8192])]
    found = [urljoin(answer.url, url) for url, about in links if _ALTERNATE.search(about)]
    return list(dict.fromkeys(found))[:ALTERNATES]


async def preferred_of(
    first: bytes, urls: Sequence[str], fetched: Callable[[str], Awaitable[bytes]], wanted: str, authority: str
) -> bytes:
    """Of all chains that which ends below `wanted` (its name, or its key's identifier); else `first`."""
    offered: list[str] = []
    if _ends_below(first, wanted, offered):
        return first
    for url in urls:
        try:
            pem = await fetched(url)
        except NotIssued as error:  # there is a certificate all the same
            offered.append(error.words)
            continue
        if _ends_below(pem, wanted, offered):
            return pem
    NO_CHAIN.log(authority=authority, wanted=wanted, offered=", ".join(offered))
    return first


def _ends_below(pem: bytes, wanted: str, offered: list[str]) -> bool:
    try:
        last = read_certificates(pem)[-1]
        names = [str(one.value) for one in last.issuer.get_attributes_for_oid(x509.NameOID.COMMON_NAME)]
    except Exception:  # names are parsed when they are asked for
        return False
    offered += [safe(name) for name in names]
    return wanted.lower() in [*map(str.lower, names), _issuing_key(last)]


def _issuing_key(certificate: x509.Certificate) -> str:
    try:
        known = certificate.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value
    except (x509.ExtensionNotFound, ValueError):
        return ""
    return (known.key_identifier or b"").hex()


def verified(pem: bytes, key: Key, names: Sequence[str], now: float, authority: str) -> bytes:
    """The chain as PEM and nothing else, when it is for `key` and exactly `names`, in its time, and each
    certificate signed by the next.  `NotIssued` otherwise.  Blocking."""
    try:
        chain = read_certificates(pem)
        words = _wrong(chain, key, names, now)
    except BadCertificate as bad:
        words = bad.words
    except Exception:  # what cannot be looked into
        words = "it is damaged"
    if words:
        raise NotIssued("wrongCertificate", f"{authority} has issued a certificate, but {words}")
    return b"".join(one.public_bytes(Encoding.PEM) for one in chain)


def _wrong(chain: Sequence[x509.Certificate], key: Key, names: Sequence[str], now: float) -> str:
    """A sentence's end; '' when nothing is."""
    leaf = chain[0]
    if len(chain) > LINKS:
        return f"its chain has {len(chain)} certificates"
    if _spki(leaf.public_key()) != _spki(key.public_key()):
        return "it is not for our key"
    found = _names(leaf)
    if found != sorted(set(names)):
        return f"it is for {', '.join(map(safe, found[:20])) or 'no names'}, not for {', '.join(names)}"
    return _out_of_time(chain, now) or _unlinked(chain)


def _out_of_time(chain: Sequence[x509.Certificate], now: float) -> str:
    if chain[0].not_valid_before_utc.timestamp() > now + AHEAD:
        begins = chain[0].not_valid_before_utc
        return f"it begins at {begins:%Y-%m-%d %H:%M} UTC, and here it is {_day(now)}; is the clock right?"
    for one in chain:
        if one.not_valid_after_utc.timestamp() <= now:
            return f"one of its chain has ended at {one.not_valid_after_utc:%Y-%m-%d %H:%M} UTC"
    return ""


def _unlinked(chain: Sequence[x509.Certificate]) -> str:
    for below, above in zip(chain, chain[1:], strict=False):
        try:
            below.verify_directly_issued_by(above)
        except Exception:
            return "its chain is broken: a certificate in it is not signed by the next"
    return ""


def _names(leaf: x509.Certificate) -> list[str]:
    """All that it is for, as DNS names; others look strange, and are ours never."""
    known = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return sorted({one.value.lower() if isinstance(one, x509.DNSName) else str(one.value) for one in known})


def _spki(public: object) -> bytes:
    octets: bytes = getattr(public, "public_bytes")(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)  # noqa: B009
    return octets


def _day(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")
