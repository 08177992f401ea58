"""Whether a server's certificate is one that its TLSA records name.  rfc7671#5 rfc7672#3.1"""

from collections.abc import Iterable, Sequence
from hashlib import sha256, sha512
from typing import cast

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from OpenSSL.crypto import X509, X509Store, X509StoreContext, X509StoreContextError, X509StoreFlags

from mailtwist.kit.dns_records import Tlsa
from mailtwist.tls.verdict import Finding, Shown, by_names

TA, EE = 2, 3
"""Usages that mean something for mail; the others are for the authorities of browsers (rfc7672#3.1.3)."""

_LENGTHS = {1: 32, 2: 64}


def usable(record: Tlsa) -> bool:
    """It can be compared with something."""
    fits = record.matching == 0 or len(record.data) == _LENGTHS.get(record.matching)
    return record.usage in (TA, EE) and record.selector in (0, 1) and fits and bool(record.data)


def matching(records: Iterable[Tlsa], shown: Shown, names: Sequence[str]) -> Tlsa | None:
    """The first of `records` that vouches for what was shown; any one is enough.  With usage 3 nothing else
    counts, no name and no date (rfc7672#3.1.1); with usage 2 the chain has to end at what it names, and the
    certificate to be valid for one of `names`."""
    if not shown.chain:
        return None
    for record in records:
        if usable(record) and _vouches(record, shown, names):
            return record
    return None


def findings(records: Sequence[Tlsa], shown: Shown, names: Sequence[str]) -> list[Finding]:
    """What is wrong by `records`, of which some are usable."""
    if matching(records, shown, names) is not None:
        return []
    told = ", ".join(f"{one.usage} {one.selector} {one.matching}" for one in records)
    return [Finding("validation-failure", f"no TLSA record ({told}) is that of the certificate")]


def _vouches(record: Tlsa, shown: Shown, names: Sequence[str]) -> bool:
    if record.usage == EE:
        return _is(record, shown.chain[0])
    anchors = [one for one in shown.chain if _is(record, one)]
    return any(_ends_at(anchor, shown.chain) for anchor in anchors) and not by_names(shown.chain[0], names)


def _is(record: Tlsa, certificate: x509.Certificate) -> bool:
    try:
        octets = _selected(record.selector, certificate)
    except Exception:  # a key of a kind that nobody knows
        return False
    hashed = {0: octets, 1: sha256(octets).digest(), 2: sha512(octets).digest()}
    return hashed[record.matching] == record.data


def _selected(selector: int, certificate: x509.Certificate) -> bytes:
    if selector == 0:
        return certificate.public_bytes(Encoding.DER)
    public = cast(rsa.RSAPublicKey, certificate.public_key())
    return public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _ends_at(anchor: x509.Certificate, chain: Sequence[x509.Certificate]) -> bool:
    """It is trusted, and nothing else is."""
    store = X509Store()
    store.add_cert(X509.from_cryptography(anchor))
    store.set_flags(X509StoreFlags.PARTIAL_CHAIN)
    leaf, *others = [X509.from_cryptography(one) for one in chain]
    try:
        X509StoreContext(store, leaf, others).verify_certificate()
    except X509StoreContextError:
        return False
    return True
