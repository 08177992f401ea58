"""A certificate with its key and chain, read from PEM, and what is wrong with it in an operator's words."""

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from hashlib import sha256
from typing import cast

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from mailtwist.kit.trouble import Trouble
from mailtwist.tls.names import server_name

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey
_KEY = re.compile(rb"-----BEGIN ([A-Z0-9 ]*PRIVATE KEY)-----.*?-----END \1-----", re.DOTALL)


class BadCertificate(Trouble):
    """A certificate that cannot be served.  `setting` says where to look: "certificate", "key", "names" or
    "default_name"; `words` is a sentence for the operator."""

    def __init__(self, setting: str, words: str) -> None:
        super().__init__("4.3.5", "The server has no usable certificate", words)
        self.setting = setting
        self.words = words


@dataclass(frozen=True, eq=False)
class Bundle:
    """What one TLS context shows.  `names` are the host names it is served for (A-labels, lower case, perhaps
    with a wildcard); `not_before` and `not_after` are seconds since 1970."""

    key: PrivateKey = field(repr=False)
    leaf: x509.Certificate
    chain: tuple[x509.Certificate, ...]
    names: tuple[str, ...]
    not_before: float
    not_after: float
    bootstrap: bool = False
    """Of our own making, until there is a real one."""

    @cached_property
    def contents(self) -> bytes:
        """A digest: what shows the same has the same."""
        return sha256(b"".join(one.public_bytes(Encoding.DER) for one in (self.leaf, *self.chain))).digest()

    @property
    def key_kind(self) -> str:
        """A word: RSA, EC or Ed25519.  A context can hold one certificate of each."""
        return _kind(self.key)

    @property
    def until(self) -> str:
        """`not_after` in words."""
        return _day(self.not_after)

    @property
    def must_be_stapled(self) -> bool:
        """Clients that know that want an OCSP answer with it, which we do not have."""
        return any(one.oid == x509.TLSFeature.oid for one in self.leaf.extensions)

    def expired(self, now: float) -> bool:
        return now >= self.not_after

    def troubles(self, now: float) -> list[str]:
        """What a check tells: sentences, none when all is well at `now`."""
        if self.expired(now):
            return [f"expired on {self.until}"]
        if now < self.not_before:
            return [f"is not valid before {_day(self.not_before)}"]
        return []


def read_bundle(certificate: bytes, key: bytes, named: bool = True) -> Bundle:
    """The bundle in two PEM texts (which may be the same one): the certificate that belongs to the key, the
    others as its chain in their order.  `named`: it has to be for a server.  Raises `BadCertificate`; says
    nothing about dates."""
    private = _read_key(key)
    found = read_certificates(certificate)
    public = _spki(private.public_key())
    leaf = next((one for one in found if _spki_of(one) == public), None)
    if leaf is None:
        subject = found[0].subject.rfc4514_string() or f"serial {found[0].serial_number:x}"
        raise BadCertificate("key", f"the key does not belong to the certificate ({subject})")
    return Bundle(
        key=private,
        leaf=leaf,
        chain=tuple(one for one in found if one is not leaf),
        names=_names(leaf) if named else (),
        not_before=leaf.not_valid_before_utc.timestamp(),
        not_after=leaf.not_valid_after_utc.timestamp(),
    )


def _read_key(pem: bytes) -> PrivateKey:
    block = _KEY.search(pem)
    if block is None:
        raise BadCertificate("key", "there is no private key in PEM form (-----BEGIN PRIVATE KEY-----) in it")
    try:
        key = load_pem_private_key(block[0], password=None)
    except TypeError:
        raise BadCertificate("key", "the key is locked by a passphrase; store it without one, mode 0600")
    except Exception:
        raise BadCertificate("key", "the private key cannot be read: it is damaged or of an unknown kind")
    if not isinstance(key, PrivateKey):
        raise BadCertificate("key", "the key must be RSA, EC or Ed25519")
    return key


def read_certificates(pem: bytes) -> list[x509.Certificate]:
    """All that are in a PEM text, at least one.  Raises `BadCertificate`."""
    if b"-----BEGIN CERTIFICATE-----" not in pem:
        raise BadCertificate(
            "certificate", "there is no certificate in PEM form (-----BEGIN CERTIFICATE-----) in it"
        )
    try:
        return x509.load_pem_x509_certificates(pem)
    except Exception:
        raise BadCertificate("certificate", "a certificate in it is damaged")


def _names(leaf: x509.Certificate) -> tuple[str, ...]:
    """Host names of the subjectAltName; a name that no client could ask for is left out."""
    try:
        known = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        raise BadCertificate("certificate", "the certificate has no subjectAltName, so no client accepts it")
    except ValueError:
        raise BadCertificate("certificate", "the certificate's extensions are damaged")
    names: dict[str, None] = {}
    for text in known.get_values_for_type(x509.DNSName):
        try:
            names[server_name(text)] = None
        except ValueError:
            continue
    if not names and not known.get_values_for_type(x509.IPAddress):
        raise BadCertificate("certificate", "the certificate's subjectAltName has no host name")
    return tuple(names)


def _spki_of(certificate: x509.Certificate) -> bytes:
    try:
        return _spki(certificate.public_key())
    except Exception:  # of a kind that cannot belong to our key
        return b""


def _spki(key: object) -> bytes:
    public = cast(rsa.RSAPublicKey, key)
    return public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _kind(key: PrivateKey) -> str:
    if isinstance(key, rsa.RSAPrivateKey):
        return "RSA"
    return "EC" if isinstance(key, ec.EllipticCurvePrivateKey) else "Ed25519"


def _day(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")
