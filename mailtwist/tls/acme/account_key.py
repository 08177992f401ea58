"""The key that is an account: it signs requests, and challenges show that it is ours.  rfc8555#6.2"""

import json
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from functools import cached_property
from typing import Any, Literal, cast

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from josepy.jwa import ES256, ES384, HS256, RS256
from josepy.jwk import JWKEC, JWKRSA

AccountKind = Literal["EC", "EC384", "RSA"]


class AccountKey:
    """EC P-256 (ES256), EC P-384 (ES384) or RSA (RS256).  It does not show itself."""

    def __init__(self, private: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> None:
        """ValueError with a sentence when it is of another kind."""
        self._private = private
        self._algorithm: Any
        if isinstance(private, rsa.RSAPrivateKey) and private.key_size >= 2048:
            self._public: Any = JWKRSA(key=private.public_key())
            self._algorithm = RS256
        elif isinstance(private, ec.EllipticCurvePrivateKey) and private.curve.name in _CURVES:
            self._public = JWKEC(key=private.public_key())
            self._algorithm = _CURVES[private.curve.name]
        else:
            raise ValueError(
                "such a key signs no requests; it has to be EC P-256, EC P-384 or RSA from 2048 bits on"
            )

    @classmethod
    def new(cls, kind: AccountKind = "EC") -> "AccountKey":
        """RSA takes a while: in a thread."""
        if kind == "RSA":
            return cls(rsa.generate_private_key(public_exponent=65537, key_size=2048))
        return cls(ec.generate_private_key(ec.SECP384R1() if kind == "EC384" else ec.SECP256R1()))

    @classmethod
    def of(cls, pem: bytes) -> "AccountKey":
        """ValueError with a sentence when it cannot be used."""
        try:
            private = load_pem_private_key(pem, password=None)
        except Exception:
            raise ValueError("the key of the account cannot be read: it is damaged, or locked") from None
        return cls(cast(Any, private))

    @property
    def pem(self) -> bytes:
        return self._private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())

    @cached_property
    def jwk(self) -> dict[str, str]:
        """The public key."""
        told: dict[str, str] = self._public.to_json()
        return told

    @cached_property
    def thumbprint(self) -> str:
        """rfc7638"""
        return base64(self._public.thumbprint())

    def authorization(self, token: str) -> str:
        """The key authorization for a challenge.  rfc8555#8.1"""
        return f"{token}.{self.thumbprint}"

    def signed(self, header: Mapping[str, Any], payload: bytes) -> bytes:
        """A JWS in its flattened form; `alg` is added to the header."""
        name = self._algorithm.name
        return _flattened(
            {"alg": name, **header}, payload, lambda said: self._algorithm.sign(self._private, said)
        )

    def __repr__(self) -> str:
        return f"<AccountKey {self._algorithm.name} {self.thumbprint[:8]}...>"


_BASE64 = re.compile(r"[A-Za-z0-9_-]+")
_CURVES: Mapping[str, Any] = {"secp256r1": ES256, "secp384r1": ES384}


def bound(jwk: Mapping[str, str], kid: str, secret: str, url: str) -> dict[str, str]:
    """What shows that an account belongs to an external one.  ValueError with a sentence when `secret` is
    not base64.  rfc8555#7.3.4"""
    text = secret.strip().rstrip("=").replace("+", "-").replace("/", "_")
    try:
        octets = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError:
        octets = b""
    if not octets or not _BASE64.fullmatch(text):
        raise ValueError("`eab_key` is not in base64; write it as the authority gives it")
    header = {"alg": "HS256", "kid": kid, "url": url}
    told: dict[str, str] = json.loads(_flattened(header, _json(jwk), lambda said: HS256.sign(octets, said)))
    return told


def base64(octets: bytes) -> str:
    """As JWS has it.  rfc7515#2"""
    return urlsafe_b64encode(octets).rstrip(b"=").decode()


def _flattened(header: Mapping[str, Any], payload: bytes, sign: Any) -> bytes:
    protected, said = base64(_json(header)), base64(payload)
    signature = base64(sign(f"{protected}.{said}".encode()))
    return _json({"protected": protected, "payload": said, "signature": signature})


def _json(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()
