"""Servers that ask people: one that publishes as ntfy does, a webhook's receiver; with a person at each."""

import json
import re
from base64 import b64encode
from collections.abc import Callable
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.protocols.policies import WrappingFactory
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Site

from mailtwist.auth.factors.signing import SigningKey
from mailtwist.kit.spawn import started
from tests.tls.https_servers import Context
from tests.tls.made import Authority

ROOT = Authority("Root of those who ask")
KEY = "whsec_" + b64encode(b"k" * 32).decode()
OTHER_KEY = "whsec_" + b64encode(b"o" * 32).decode()

Person = Callable[[dict[str, Any]], object]
"""Gets the message that has come to his phone."""


class Counted(WrappingFactory):
    """Knows its connections."""

    noisy = False


class Rig(Resource):
    """`state`: "answers", "silent", "confused", or what the subclass knows."""

    isLeaf = True

    def __init__(self) -> None:
        super().__init__()
        self.state = "answers"
        self.asked: list[dict[str, Any]] = []
        self.raw: list[bytes] = []
        self.headers: list[dict[str, str]] = []
        self.person: Person = lambda message: None
        self.held: list[Any] = []
        self._connections: Any = ()
        self._port: Any = None
        self.number = 0

    # -- where it is
    def begin(self, by: Authority = ROOT) -> None:
        site = Site(self)
        site.noisy = False
        chain, key = by.leaf("localhost")
        factory = Counted(site)
        self._connections = factory.protocols
        self._port = reactor.listenSSL(self.number, factory, Context(chain, key, 0), interface="127.0.0.1")
        self.number = self._port.getHost().port

    @property
    def url(self) -> str:
        return f"https://localhost:{self.number}"

    async def end(self) -> None:
        """Nobody answers there, and nobody is connected."""
        if self._port is not None:
            port, self._port = self._port, None
            await port.stopListening()
        for one in list(self._connections):
            one.transport.abortConnection()
        while self._connections:
            await deferLater(reactor, 0.01)

    # -- what it says
    def render(self, request: Any) -> Any:
        self.raw.append(request.content.read())
        names = request.requestHeaders.getAllRawHeaders()
        self.headers.append({name.decode().lower(): values[0].decode("latin-1") for name, values in names})
        if self.state == "silent":
            self.held.append(request)
            request.notifyFinish().addErrback(lambda _: None)
            return NOT_DONE_YET
        if self.state == "confused":
            return b"<html>Welcome to nginx!</html>"
        return self.answered(request)

    def answered(self, request: Any) -> Any:
        raise NotImplementedError


class NtfyServer(Rig):
    """Publishing as JSON: to the root, as https://docs.ntfy.sh/publish/ has it."""

    TOPIC = re.compile(r"[-_A-Za-z0-9]{1,64}")

    def __init__(self, token: str = "") -> None:
        super().__init__()
        self._token = token

    def answered(self, request: Any) -> Any:
        request.setHeader("Content-Type", "application/json")
        if (request.method, request.uri) == (b"GET", b"/v1/health"):
            return b'{"healthy":true}\n'
        if request.method != b"POST" or request.uri != b"/":
            return self._error(request, 404, 40401, "page not found")
        if self._token and self.headers[-1].get("authorization") != f"Bearer {self._token}":
            return self._error(request, 401, 40101, "unauthorized")
        if self.state == "limited":
            return self._error(request, 429, 42901, "limit reached: too many requests")
        if self.state == "forbidden":
            return self._error(request, 403, 40301, "forbidden")
        return self._published(request)

    def _published(self, request: Any) -> bytes:
        told = json.loads(self.raw[-1])
        wrong = self._wrong(told)
        if wrong:
            return self._error(request, 400, 40009, wrong)
        self.asked.append(told)
        reactor.callLater(0, self.person, told)
        stamped = {"id": "x7Kq2pLmN8vR", "time": 1, "expires": 2, "event": "message", **told}
        return json.dumps(stamped).encode() + b"\n"

    def _wrong(self, told: dict[str, Any]) -> str:
        known = {"topic", "title", "message", "priority", "tags", "click", "actions"}
        if set(told) - known:
            return "invalid request: body must be message JSON"
        if not self.TOPIC.fullmatch(told.get("topic", "")):
            return "invalid request: topic invalid"
        if told.get("priority") not in range(1, 6):
            return "invalid request: priority invalid"
        if len(told["actions"]) > 3 or len(told["message"].encode()) > 4096 or len(self.raw[-1]) > 8192:
            return "invalid request: actions invalid"
        for action in told["actions"]:
            if action["action"] != "http" or not action["label"] or not action["url"].startswith("http"):
                return "invalid request: actions invalid"
        return ""

    def _error(self, request: Any, status: int, code: int, words: str) -> bytes:
        request.setResponseCode(status)
        return json.dumps({"code": code, "http": status, "error": words}).encode() + b"\n"


class Receiver(Rig):
    """A webhook's.  `decides` is what it answers: a decision, at once, or a Deferred of one; '' is 202 with
    nothing.  `signs` with which key, under which id."""

    def __init__(self) -> None:
        super().__init__()
        self.decides: Any = ""
        self.signs = KEY
        self.id = ""
        self.more: dict[str, Any] = {}

    def answered(self, request: Any) -> Any:
        if request.method == b"HEAD":
            request.setResponseCode(405)
            return b""
        self.asked.append(json.loads(self.raw[-1]))
        reactor.callLater(0, self.person, self.asked[-1])
        if isinstance(self.decides, Deferred):
            self.decides.addCallback(lambda decision: self._said(request, decision) or request.finish())
            return NOT_DONE_YET
        self._said(request, self.decides)
        request.finish()
        return NOT_DONE_YET

    def _said(self, request: Any, decision: str) -> None:
        if not decision:
            request.setResponseCode(202)
            return
        body = json.dumps({"type": "login.approval", "decision": decision, **self.more}).encode()
        if self.signs:
            id = self.id or self.headers[-1]["webhook-id"]
            for name, value in SigningKey.parse(self.signs).headers(id, 1_800_000_000, body).items():
                request.setHeader(name, value)
        request.write(body)

    def signed(self, number: int = -1) -> bool:
        """The question is, with our key, by what everybody can compute."""
        headers, body = self.headers[number], self.raw[number]
        right = SigningKey.parse(KEY).headers(headers["webhook-id"], int(headers["webhook-timestamp"]), body)
        return right["webhook-signature"] == headers["webhook-signature"]


def ended(rig: Rig) -> Callable[[], Any]:
    """For `addCleanup`."""
    return lambda: started(rig.end())
