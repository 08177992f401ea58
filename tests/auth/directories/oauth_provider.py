"""A small identity provider on this machine: discovery, keys that rotate, introspection, tokens with every
fault there is.  Tokens are put together by hand: whoever verifies them must not be who has made them."""

import hmac
import json
from base64 import b64decode, urlsafe_b64encode
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, cast
from urllib.parse import parse_qsl, unquote_plus

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from twisted.internet import reactor, ssl
from twisted.internet.defer import Deferred
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Site

from tests.backends.certificates import certificate

AUDIENCE, CLIENT, SECRET = "mail.example.org", "mail twist", "s+cret/:%"
NAME = "ann@example.org"

Answer = tuple[int, Mapping[str, str], bytes]
RSA, OTHER_RSA = (rsa.generate_private_key(public_exponent=65537, key_size=2048) for _ in range(2))
EC, EC384 = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP384R1())
ED = ed25519.Ed25519PrivateKey.generate()


def b64(octets: bytes) -> str:
    return urlsafe_b64encode(octets).rstrip(b"=").decode()


def number(value: int, length: int = 0) -> str:
    return b64(value.to_bytes(length or (value.bit_length() + 7) // 8, "big"))


def jwk(key: Any, kid: str, **more: Any) -> dict[str, Any]:
    """The public half, as it is published."""
    public = key.public_key()
    found: dict[str, Any]
    if isinstance(public, rsa.RSAPublicKey):
        numbers = public.public_numbers()
        found = {"kty": "RSA", "n": number(numbers.n), "e": number(numbers.e)}
    elif isinstance(public, ec.EllipticCurvePublicKey):
        point, length = public.public_numbers(), (public.key_size + 7) // 8
        curve = {"secp256r1": "P-256", "secp384r1": "P-384", "secp521r1": "P-521"}[public.curve.name]
        found = {"kty": "EC", "crv": curve, "x": number(point.x, length), "y": number(point.y, length)}
    else:
        found = {
            "kty": "OKP",
            "crv": "Ed25519",
            "x": b64(public.public_bytes(Encoding.Raw, PublicFormat.Raw)),
        }
    return {**found, "kid": kid, "use": "sig", **more}


def signature(key: Any, algorithm: str, data: bytes) -> bytes:
    """`key` may be octets, for HS256."""
    if algorithm.lower() == "none":
        return b""
    if algorithm == "HS256":
        return hmac.digest(key, data, "sha256")
    if algorithm[:2] == "PS":
        salted = padding.PSS(padding.MGF1(hashes.SHA256()), 32)
        return cast(bytes, key.sign(data, salted, hashes.SHA256()))
    if algorithm[:2] == "RS":
        return cast(bytes, key.sign(data, padding.PKCS1v15(), hashes.SHA256()))
    if algorithm[:2] == "ES":
        length = (key.curve.key_size + 7) // 8
        r, s = decode_dss_signature(key.sign(data, ec.ECDSA(hashes.SHA256())))
        return r.to_bytes(length, "big") + s.to_bytes(length, "big")
    return cast(bytes, key.sign(data))


def signed(header: bytes, claims: bytes, key: Any, algorithm: str) -> bytes:
    data = f"{b64(header)}.{b64(claims)}".encode()
    return data + b"." + b64(signature(key, algorithm, data)).encode()


class Provider:
    """`served` are the keys it shows.  `says` answers in the place of it all; `waits` is what its answers
    wait for; `asked` has the path of each question, `introspected` each form.  `active` is what it says of
    tokens."""

    def __init__(self, folder: Path, now: Callable[[], float], path: str = "") -> None:
        self.certificate = certificate(folder, "provider")
        self.now = now
        self.served: list[dict[str, Any]] = [jwk(RSA, "rsa1"), jwk(EC, "ec1"), jwk(ED, "ed1")]
        self.says: Callable[[str], Answer | None] = lambda path: None
        self.waits: Deferred[None] | None = None
        self.asked: list[str] = []
        self.introspected: list[dict[str, str]] = []
        self.active: dict[str, dict[str, Any]] = {}
        self.port = 0
        self._path = path
        self._listening: Any = None
        self.clients: list[Any] = []

    def start(self) -> None:
        its = self.certificate
        context = ssl.DefaultOpenSSLContextFactory(str(its.key), str(its.chain))
        self._listening = cast(Any, reactor).listenSSL(
            self.port, Site(_Everything(self)), context, interface="127.0.0.1"
        )
        self.port = self._listening.getHost().port

    async def stop(self) -> None:
        listening, self._listening = self._listening, None
        if listening is not None:
            await listening.stopListening()
        while self.clients:
            with suppress(AttributeError):  # one that has gone
                self.clients.pop().abortConnection()

    @property
    def host(self) -> str:
        return f"https://localhost:{self.port}"

    @property
    def issuer(self) -> str:
        return self.host + self._path

    # -- tokens
    def claims(self, **more: Any) -> dict[str, Any]:
        """A good token's; None takes one out."""
        now = int(self.now())
        usual = {
            **{"iss": self.issuer, "aud": AUDIENCE, "sub": "f3a1", "exp": now + 3600, "iat": now},
            **{"nbf": now, "email": NAME, "email_verified": True, "scope": "openid mail"},
        }
        return {name: value for name, value in {**usual, **more}.items() if value is not None}

    def token(
        self,
        *,
        key: Any = RSA,
        algorithm: str = "RS256",
        header: Mapping[str, Any] | None = None,
        **more: Any,
    ) -> bytes:
        """One that is good, but for `more` claims and what stands in the `header`."""
        kid = {id(RSA): "rsa1", id(EC): "ec1", id(ED): "ed1"}.get(id(key), "rsa1")
        head = {"alg": algorithm, "typ": "JWT", "kid": kid, **(header or {})}
        head = {name: value for name, value in head.items() if value is not None}
        return signed(json.dumps(head).encode(), json.dumps(self.claims(**more)).encode(), key, algorithm)

    def rotate(self, key: Any, kid: str, *, keeps: bool = True) -> None:
        """A new key signs; the old ones are shown for a while, or not."""
        self.served = [jwk(key, kid), *(self.served if keeps else [])]

    # -- what it answers
    def answer(self, path: str, form: dict[str, str]) -> Answer:
        self.asked.append(path)
        said = self.says(path)
        if said is not None:
            return said
        if path == f"{self._path}/.well-known/openid-configuration":
            return as_json({"issuer": self.issuer, "jwks_uri": f"{self.host}/keys"})
        if path == "/keys":
            return as_json({"keys": self.served})
        if path == "/introspect":
            return self._introspect(form)
        return 404, {}, b"<h1>Not found</h1>"

    def _introspect(self, form: dict[str, str]) -> Answer:
        self.introspected.append(form)
        if (form.get("client_id"), form.get("client_secret")) != (CLIENT, SECRET):
            return 401, {}, b""
        found = self.active.get(form.get("token", ""))
        return as_json({"active": False} if found is None else {"active": True, **found})


def as_json(told: Any, status: int = 200) -> Answer:
    return status, {"Content-Type": "application/json"}, json.dumps(told).encode()


class _Everything(Resource):
    isLeaf = True

    def __init__(self, provider: Provider) -> None:
        super().__init__()
        self._provider = provider

    def render(self, request: Any) -> Any:
        self._provider.clients.append(request.channel.transport)
        form = dict(parse_qsl(request.content.read().decode("ascii")))
        kind, _, words = (request.getHeader("authorization") or "").partition(" ")
        if kind == "Basic":
            id, _, secret = b64decode(words).decode().partition(":")
            form |= {"client_id": unquote_plus(id), "client_secret": unquote_plus(secret)}
        waits = self._provider.waits
        if waits is None:
            self._say(request, form)
        else:
            request.notifyFinish().addErrback(lambda gone: None)
            waits.addCallback(lambda _: None if request._disconnected else self._say(request, form))
        return NOT_DONE_YET

    def _say(self, request: Any, form: dict[str, str]) -> None:
        status, headers, body = self._provider.answer(request.path.decode(), form)
        request.setResponseCode(status)
        for name, value in headers.items():
            request.setHeader(name, value)
        request.write(body)
        request.finish()
