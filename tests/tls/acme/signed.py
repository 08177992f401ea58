"""What an authority demands of a signed request: nonce, address, key, signature.  rfc8555#6"""

import base64
import json
import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import josepy

from tests.tls.acme.faults import Problem

ALGORITHMS = {one.name: one for one in (josepy.ES256, josepy.ES384, josepy.RS256)}
KINDS = {"ES256": (josepy.JWKEC, "P-256"), "ES384": (josepy.JWKEC, "P-384"), "RS256": (josepy.JWKRSA, None)}


@dataclass(frozen=True)
class Signed:
    """One request that holds.  `key` was sent along or belongs to `kid`; `payload` None: an empty one."""

    kid: str
    key: josepy.JWK
    payload: dict[str, Any] | None


class Nonces:
    """Each is good once."""

    def __init__(self) -> None:
        self._fresh: set[str] = set()

    def new(self) -> str:
        made = secrets.token_urlsafe(16)
        self._fresh.add(made)
        return made

    def spend(self, nonce: Any) -> None:
        if nonce not in self._fresh:
            raise Problem("badNonce", "that nonce is none of ours, or it was used")
        self._fresh.remove(nonce)


def signed(body: bytes, url: str, nonces: Nonces | None, key_of: Callable[[str], josepy.JWK]) -> Signed:
    """The request in `body`, sent to `url`; `key_of` finds the key of an account, or raises.  Without
    `nonces` it must have none: what is inside of another one."""
    fields = texts(body, "protected", "payload", "signature")
    head = _object(unpadded(fields["protected"]))
    if nonces is not None:
        nonces.spend(head.get("nonce"))
    elif "nonce" in head:
        raise Problem("malformed", "a nonce inside")
    if head.get("url") != url:
        raise Problem("unauthorized", f"signed for {head.get('url')}, sent to {url}", 401)
    if ("jwk" in head) == ("kid" in head):
        raise Problem("malformed", "neither one of jwk and kid, or both")
    key = _sent(head["jwk"]) if "jwk" in head else key_of(head["kid"])
    _verify(head.get("alg"), key, fields)
    payload = unpadded(fields["payload"])
    return Signed(head.get("kid", ""), key, _object(payload) if payload else None)


def bound(said: Any, url: str, key: josepy.JWK, secrets_of: Mapping[str, str]) -> str:
    """The kid of an external account binding that holds.  rfc8555#7.3.4"""
    if not isinstance(said, dict):
        raise Problem("externalAccountRequired", status=403)
    fields = texts(json.dumps(said).encode(), "protected", "payload", "signature")
    head = _object(unpadded(fields["protected"]))
    if head.get("alg") != "HS256" or head.get("url") != url or "nonce" in head or "jwk" in head:
        raise Problem("malformed", f"no binding for us: {head}")
    if head.get("kid") not in secrets_of:
        raise Problem("unauthorized", "who is that?", 403)
    secret = unpadded(secrets_of[head["kid"]])
    signature = unpadded(fields["signature"])
    if not josepy.HS256.verify(secret, _signed_text(fields), signature):
        raise Problem("unauthorized", "the binding's signature is wrong", 403)
    if _sent(_object(unpadded(fields["payload"]))) != key:
        raise Problem("malformed", "the binding is for another key")
    return str(head["kid"])


def unpadded(text: str) -> bytes:
    """What base64url without padding says.  rfc8555#6.1"""
    if re.fullmatch("[A-Za-z0-9_-]*", text) is None or len(text) % 4 == 1:
        raise Problem("malformed", "no base64url without padding")
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def to_unpadded(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).decode().rstrip("=")


def texts(body: bytes, *names: str) -> dict[str, str]:
    """An object that has these fields, all texts, and no others."""
    told = _object(body)
    if sorted(told) != sorted(names) or not all(isinstance(one, str) for one in told.values()):
        raise Problem("malformed", f"fields {sorted(told)}")
    return told


def _object(octets: bytes) -> dict[str, Any]:
    try:
        told = json.loads(octets)
    except ValueError:
        raise Problem("malformed", "no JSON") from None
    if not isinstance(told, dict):
        raise Problem("malformed", "no object")
    return told


def _sent(jwk: Any) -> josepy.JWK:
    try:
        key = josepy.JWK.from_json(jwk)
    except (josepy.errors.Error, AttributeError, TypeError, ValueError):
        raise Problem("badPublicKey") from None
    if "d" in jwk:
        raise Problem("badPublicKey", "a private key was sent to us")
    return key


def _verify(name: Any, key: josepy.JWK, fields: Mapping[str, str]) -> None:
    if name not in ALGORITHMS:
        raise Problem("badSignatureAlgorithm", algorithms=sorted(ALGORITHMS))
    kind, curve = KINDS[name]
    if not isinstance(key, kind) or (curve and key.to_json()["crv"] != curve):
        raise Problem("badSignatureAlgorithm", f"{name} is not for that key", algorithms=sorted(ALGORITHMS))
    signature = unpadded(fields["signature"])
    if not ALGORITHMS[name].verify(key.public_key().key, _signed_text(fields), signature):
        raise Problem("malformed", "the signature is wrong")


def _signed_text(fields: Mapping[str, str]) -> bytes:
    return f"{fields['protected']}.{fields['payload']}".encode()
