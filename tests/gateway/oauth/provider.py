"""A small provider of access tokens on this machine: token, device and introspection endpoints."""

import json
from base64 import b64decode, urlsafe_b64encode
from collections.abc import Callable
from hashlib import sha256
from typing import Any, cast
from urllib.parse import parse_qsl, unquote_plus

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Site

CLIENT, SECRET = "mailtwist at the tests", "client s+cret"

Answer = tuple[int, Any]


class Provider:
    """`refresh` and `access` are tokens with whose they are; every use of a refresh token is the last when it
    `rotates`.  `said` is what it answers to everything in place of what it would say; `waits` is what its
    answers wait for.  `asked` has every form it got."""

    def __init__(self, *, rotates: bool = False) -> None:
        self.rotates = rotates
        self.refresh: dict[str, str] = {}
        self.access: dict[str, str] = {}
        self.spent: set[str] = set()
        self.asked: list[dict[str, str]] = []
        self.paths: list[str] = []
        self.said: Answer | None = None
        self.extra: dict[str, Any] = {"expires_in": 3600}
        self.waits: Deferred[None] | None = None
        self.device: list[str] = []
        self.challenges: dict[str, str] = {}
        self._count = 0
        self._port = cast(Any, reactor).listenTCP(0, Site(_Everything(self)), interface="127.0.0.1")
        self.url = f"http://127.0.0.1:{self._port.getHost().port}"

    async def stop(self) -> None:
        if self._port.connected:
            await self._port.stopListening()

    def new(self, kind: str, of: str) -> str:
        self._count += 1
        token = f"{kind}-{self._count}-of-{of}"
        (self.refresh if kind == "refresh" else self.access)[token] = of
        return token

    def answer(self, path: str, form: dict[str, str]) -> Answer:
        if self.said is not None:
            return self.said
        known: dict[str, Callable[[dict[str, str]], Answer]] = {
            "/token": self._token,
            "/device": self._device,
            "/introspect": self._introspected,
        }
        return known[path](form) if path in known else (404, {})

    def _token(self, form: dict[str, str]) -> Answer:
        self.asked.append(form)
        if form.get("client_id") != CLIENT:
            return 401, {"error": "invalid_client"}
        kind = form.get("grant_type", "")
        if kind == "refresh_token":
            return self._refreshed(form["refresh_token"])
        if kind == "authorization_code":
            challenge = urlsafe_b64encode(sha256(form["code_verifier"].encode()).digest()).rstrip(b"=")
            good = self.challenges.pop(form["code"], "") == challenge.decode()
            return self._given("ann") if good else (400, {"error": "invalid_grant"})
        if kind == "urn:ietf:params:oauth:grant-type:device_code":
            said = self.device.pop(0) if self.device else "authorization_pending"
            return self._given(said.removeprefix("yes ")) if said[:4] == "yes " else (400, {"error": said})
        return 400, {"error": "unsupported_grant_type"}

    def _refreshed(self, token: str) -> Answer:
        if token not in self.refresh:
            return 400, {"error": "invalid_grant", "error_description": f"AADSTS70000: {token} is not good"}
        of = self.refresh[token]
        told = {"token_type": "Bearer", "access_token": self.new("access", of), **self.extra}
        if self.rotates:
            del self.refresh[token]
            self.spent.add(token)
            told["refresh_token"] = self.new("refresh", of)
        return 200, told

    def _given(self, of: str) -> Answer:
        told = {"token_type": "bearer", "access_token": self.new("access", of), **self.extra}
        return 200, {**told, "refresh_token": self.new("refresh", of), "scope": "mail"}

    def _device(self, form: dict[str, str]) -> Answer:
        self.asked.append(form)
        return 200, {
            "device_code": "the device code",
            "user_code": "WDJB-MJHT",
            "verification_uri": "https://login.example.org/device",
            "expires_in": 900,
            "interval": 0,
        }

    def _introspected(self, form: dict[str, str]) -> Answer:
        of = self.access.get(form.get("token", ""))
        if of is None:
            return 200, {"active": False}
        return 200, {"active": True, "username": of, "email": of, "scope": "mail"}


class _Everything(Resource):
    isLeaf = True

    def __init__(self, provider: Provider) -> None:
        super().__init__()
        self._provider = provider

    def render(self, request: Any) -> Any:
        content = request.content.read() if request.content else b""
        query = request.uri.partition(b"?")[2]
        form = dict(parse_qsl((query + b"&" + content).decode("ascii")))
        kind, _, words = (request.getHeader("authorization") or "").partition(" ")
        if kind == "Basic":
            id, _, secret = b64decode(words).decode().partition(":")
            form |= {"client_id": unquote_plus(id), "client_secret": unquote_plus(secret), "header": "yes"}
        elif kind == "Bearer":
            form["token"] = words
        self._provider.paths.append(request.path.decode())
        waits = self._provider.waits
        if waits is None:
            self._say(request, form)
        else:
            request.notifyFinish().addErrback(lambda gone: None)
            waits.addCallback(lambda _: None if request._disconnected else self._say(request, form))
        return NOT_DONE_YET

    def _say(self, request: Any, form: dict[str, str]) -> None:
        status, told = self._provider.answer(request.path.decode(), form)
        request.setResponseCode(status)
        if status in (301, 302, 307):
            request.setHeader("Location", f"{self._provider.url}/elsewhere")
        request.setHeader("Content-Type", "application/json")
        request.write(told if isinstance(told, bytes) else json.dumps(told).encode())
        request.finish()
