"""An issuer's public keys, and whether one of them has signed a token."""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mailtwist.auth.directories.oauthbearer.jwt import LONGEST_KID, Object

MOST = 100
"""Keys of one issuer; there are two to ten."""

TRIED = 10
"""Keys that are tried with a token that names none."""

NO_LIBRARY = "type = oauthbearer needs the library joserfc: pip install 'mailtwist[oauth]'"

_RSA_BITS = range(2048, 8193)
_CURVES = {"ES256": "P-256", "ES384": "P-384", "ES512": "P-521"}
_PUBLIC = {"RSA": ("n", "e"), "EC": ("crv", "x", "y"), "OKP": ("crv", "x")}
"""What is read of a key: nothing private, whoever has published it."""


def missing_library() -> str:
    """A sentence; '' when it is there."""
    try:
        import joserfc  # noqa: F401
    except ImportError:
        return NO_LIBRARY
    return ""


@dataclass(frozen=True)
class Key:
    """`algorithm` is '' for one that does not say; `curve` '' for RSA."""

    kid: str
    kind: str
    curve: str
    algorithm: str
    public: Any

    def fits(self, algorithm: str) -> bool:
        """It signs by this algorithm, and by no algorithm of another kind of key."""
        if self.algorithm and self.algorithm != algorithm:
            return False
        if algorithm in _CURVES:
            return self.kind == "EC" and self.curve == _CURVES[algorithm]
        if algorithm in ("EdDSA", "Ed25519"):
            return self.kind == "OKP" and self.curve == "Ed25519"
        return self.kind == "RSA" and algorithm[:2] in ("RS", "PS")

    def has_signed(self, token: bytes, algorithm: str) -> bool:
        from joserfc import jws
        from joserfc.errors import JoseError

        _be_quiet()
        registry = jws.JWSRegistry(algorithms=[algorithm], strict_check_header=False)
        registry.max_header_length, registry.max_signature_length = len(token), len(token)
        try:
            jws.deserialize_compact(token, self.public, [algorithm], registry)
        except (JoseError, ValueError):
            return False
        return True


def fitting(keys: Sequence[Key], kid: str, algorithm: str) -> list[Key]:
    """Those that may have signed it."""
    found = [key for key in keys if key.fits(algorithm) and (not kid or key.kid == kid)]
    return found[:TRIED]


def published(document: Object) -> list[Key]:
    """Of a JWK set (rfc7517#5), those that sign and that we know; others are no trouble."""
    listed = document.get("keys")
    listed = listed[:MOST] if isinstance(listed, list) else []
    keys = [_key(one) for one in listed if isinstance(one, Mapping)]
    return [key for key in keys if key is not None]


def _key(document: Mapping[str, Any]) -> Key | None:
    kind, kid, algorithm = (_text(document, name) for name in ("kty", "kid", "alg"))
    members = _PUBLIC.get(kind, ())
    if not members or not _signs(document) or len(kid) > LONGEST_KID:
        return None
    public = _imported({"kty": kind, **{name: document.get(name) for name in members}})
    return None if public is None else Key(kid, kind, _text(document, "crv"), algorithm, public)


def _signs(document: Mapping[str, Any]) -> bool:
    does = document.get("key_ops", ["verify"])
    return document.get("use", "sig") == "sig" and isinstance(does, list) and "verify" in does


def _imported(document: dict[str, Any]) -> Any | None:
    from joserfc.errors import JoseError
    from joserfc.jwk import ECKey, OKPKey, RSAKey

    _be_quiet()
    if not all(isinstance(value, str) and len(value) <= 2048 for value in document.values()):
        return None
    kinds: Mapping[str, Any] = {"RSA": RSAKey, "EC": ECKey, "OKP": OKPKey}
    try:
        key = kinds[document["kty"]].import_key(document)
        big_enough = document["kty"] != "RSA" or key.public_key.key_size in _RSA_BITS
    except (JoseError, ValueError, TypeError, KeyError):
        return None
    return key if big_enough else None


def _be_quiet() -> None:
    """Which algorithms and sizes of keys are good enough is for us to say, and not to be told each time."""
    from joserfc.errors import SecurityWarning

    warnings.simplefilter("ignore", SecurityWarning)


def _text(document: Mapping[str, Any], name: str) -> str:
    value = document.get(name, "")
    return value if isinstance(value, str) else "?"
