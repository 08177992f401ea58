"""Where the fake authority's certificates come from: roots, an intermediate, and leaves for requests."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID

from tests.tls.acme.faults import Problem
from tests.tls.acme.signed import to_unpadded
from tests.tls.made import new_key, subject

FOREVER = (datetime(2020, 1, 1, tzinfo=UTC), datetime(2090, 1, 1, tzinfo=UTC))


class Issuer:
    """One key for the intermediate, which each of the roots has signed: as many chains."""

    def __init__(self, name: str, roots: int = 1) -> None:
        self._name, self._key = f"{name} intermediate", new_key()
        self.roots: list[x509.Certificate] = []
        self.intermediates: list[x509.Certificate] = []
        for number in range(roots):
            key, whose = new_key(), subject(f"{name} root {number}")
            self.roots.append(_authority(whose, whose, key, key))
            self.intermediates.append(_authority(subject(self._name), whose, self._key, key))

    def leaf(self, names: list[str], public_key: Any, begins: datetime, ends: datetime) -> x509.Certificate:
        """For these names, whoever asks."""
        said = x509.SubjectAlternativeName([x509.DNSName(name) for name in names])
        usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
        return (
            _begun(x509.Name([]), subject(self._name), public_key, begins, ends)
            .add_extension(said, critical=True)
            .add_extension(usage, critical=False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_below(self._key), critical=False)
            .sign(self._key, hashes.SHA256())
        )

    def chain(self, leaf: x509.Certificate, number: int) -> bytes:
        """PEM up to root `number`, without it."""
        return leaf.public_bytes(Encoding.PEM) + self.intermediates[number].public_bytes(Encoding.PEM)


@dataclass(frozen=True)
class Request:
    """What a CSR asks for."""

    names: list[str]
    public_key: Any


def request(der: bytes) -> Request:
    """A CSR that is signed by its own key.  rfc8555#7.4"""
    try:
        csr = x509.load_der_x509_csr(der)
        if not csr.is_signature_valid:
            raise InvalidSignature
        said = csr.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (ValueError, AttributeError, InvalidSignature, x509.ExtensionNotFound) as error:
        raise Problem("badCSR", f"{type(error).__name__}: {error}") from None
    common = csr.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
    names = said.get_values_for_type(x509.DNSName)
    if any(str(one.value) not in names for one in common) or len(list(said)) != len(names):
        raise Problem("badCSR", "more than DNS names")
    return Request(sorted(names), csr.public_key())


def renewal_id(certificate: x509.Certificate) -> str:
    """Under which its renewal is asked for.  rfc9773#4.1"""
    key = certificate.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier
    number = certificate.serial_number
    assert key is not None
    octets = number.to_bytes(number.bit_length() // 8 + 1, "big")
    return f"{to_unpadded(key)}.{to_unpadded(octets)}"


def spoilt(begins: datetime) -> tuple[datetime, datetime]:
    """From when until when, for one that is too old."""
    return begins - timedelta(100), begins - timedelta(10)


def _authority(whose: x509.Name, by: x509.Name, key: Any, signer: Any) -> x509.Certificate:
    usage = x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=True,
        crl_sign=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
    return (
        _begun(whose, by, key.public_key(), *FOREVER)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(_below(signer), critical=False)
        .sign(signer, hashes.SHA256())
    )


def _begun(whose: x509.Name, by: x509.Name, key: Any, begins: datetime, ends: datetime) -> Any:
    return (
        x509.CertificateBuilder()
        .subject_name(whose)
        .issuer_name(by)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(ends)
    )


def _below(signer: Any) -> x509.AuthorityKeyIdentifier:
    return x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key())
