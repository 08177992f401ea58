"""Certificates for tests, from a small authority."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from mailtwist.testing.clock import BEGIN
from mailtwist.tls.certificates import Bundle, read_bundle

NOW = datetime.fromtimestamp(BEGIN, UTC)
YESTERDAY = datetime.now(UTC) - timedelta(1)
"""For certificates that OpenSSL looks at: it has the machine's clock."""


def new_key(kind: str = "EC") -> Any:
    if kind.startswith("RSA"):
        return rsa.generate_private_key(public_exponent=65537, key_size=int(kind[3:] or 2048))
    if kind == "Ed25519":
        return ed25519.Ed25519PrivateKey.generate()
    return ec.generate_private_key(ec.SECP256R1())


def pem_of(key: Any) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def subject(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])


@dataclass
class Authority:
    """Signs leaves, and authorities below it."""

    name: str = "Test root"
    above: "Authority | None" = None
    key: Any = field(default_factory=new_key)
    begins: datetime = min(NOW, YESTERDAY) - timedelta(400)
    ends: datetime = NOW + timedelta(4000)
    certificate: x509.Certificate = field(init=False)

    def __post_init__(self) -> None:
        signer = self.above or self
        self.certificate = (
            _builder(
                subject(self.name),
                subject(signer.name),
                self.key,
                self.begins,
                self.ends,
            )
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(signer.key, hashes.SHA256())
        )

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(Encoding.PEM)

    def leaf(
        self,
        *names: str,
        kind: str = "EC",
        begins: datetime = min(NOW, YESTERDAY) - timedelta(1),
        ends: datetime = NOW + timedelta(3650),
        common: str = "",
        staple: bool = False,
    ) -> tuple[bytes, bytes]:
        """(certificate with chain, key) as PEM for `names`; none: no subjectAltName."""
        key = new_key(kind)
        builder = _builder(
            subject(common or (names or ("nobody",))[0]), subject(self.name), key, begins, ends
        )
        if names:
            san = x509.SubjectAlternativeName(list(map(_general, names)))
            builder = builder.add_extension(san, critical=False)
        if staple:
            feature = x509.TLSFeature([x509.TLSFeatureType.status_request])
            builder = builder.add_extension(feature, critical=False)
        chain = [builder.sign(self.key, hashes.SHA256())]
        if self.above is not None:
            chain.append(self.certificate)
        return b"".join(one.public_bytes(Encoding.PEM) for one in chain), pem_of(key)

    def bundle(self, *names: str, **how: Any) -> Bundle:
        return read_bundle(*self.leaf(*names, **how))


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _builder(whose: x509.Name, by: x509.Name, key: Any, begins: datetime, ends: datetime) -> Any:
    return (
        x509.CertificateBuilder()
        .subject_name(whose)
        .issuer_name(by)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(ends)
    )
