"""Requests for certificates, and the keys they are for.  rfc8555#7.4 rfc2986"""

from collections.abc import Sequence

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from mailtwist.tls.acme.api import KeyKind

Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey

COMMON_NAME = 64
"""Characters that a common name may have.  rfc5280#A.1"""


def new_key(kind: KeyKind = "EC", bits: int = 2048) -> Key:
    """EC is P-256; `bits` are RSA's, which take a while: in a thread."""
    if kind == "RSA":
        return rsa.generate_private_key(public_exponent=65537, key_size=bits)
    return ec.generate_private_key(ec.SECP256R1())


def pem_of(key: Key) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def request_for(names: Sequence[str], key: Key, common_name: bool = False) -> bytes:
    """DER.  `common_name`: the first name that fits is that, too."""
    common = next((name for name in names if len(name) <= COMMON_NAME), "") if common_name else ""
    subject = [x509.NameAttribute(x509.NameOID.COMMON_NAME, common)] if common else []
    san = x509.SubjectAlternativeName([x509.DNSName(name) for name in names])
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name(subject))
    digest = hashes.SHA384() if _is_p384(key) else hashes.SHA256()
    return builder.add_extension(san, critical=not common).sign(key, digest).public_bytes(Encoding.DER)


def _is_p384(key: Key) -> bool:
    return isinstance(key, ec.EllipticCurvePrivateKey) and key.curve.key_size == 384
