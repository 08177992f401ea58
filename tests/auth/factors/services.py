"""Web services that judge codes, as tests want them: honest, slow, absent, lying, broken."""

import base64
import gzip
import hashlib
import hmac
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from OpenSSL import SSL
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.protocol import Factory, Protocol

from mailtwist.kit.spawn import started
from tests.tls.https_servers import ROOT, Context, turn

KEY = "whsec_" + base64.b64encode(bytes(range(100, 132))).decode()
OTHER_KEY = "whsec_" + base64.b64encode(bytes(32)).decode()
LEGACY_KEY, LEGACY_SECRET = "the key & more", "the legacy secret"
TOKEN = "eyJhbGciOiJIUzI1NiJ9.the-service-account.sig"


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes = field(repr=False)

    @property
    def form(self) -> dict[str, str]:
        return dict(parse_qsl(self.body.decode(), keep_blank_values=True))

    @property
    def object(self) -> dict[str, Any]:
        return dict(json.loads(self.body))


Said = tuple[int, Mapping[str, str], bytes]
"""Status, headers, body."""


class Line(Protocol):
    """One connection: HTTP as far as our own client speaks it, so that a test can break any part of it."""

    def connectionMade(self) -> None:
        self.octets = b""
        self.gone: Deferred[None] = Deferred()
        self.factory.service.lines.append(self)

    def dataReceived(self, data: bytes) -> None:
        self.octets += data
        head, found, body = self.octets.partition(b"\r\n\r\n")
        if not found:
            return
        first, *rest = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in rest)}
        if len(body) < int(headers.get("content-length", 0)):
            return
        self.octets = b""
        method, target, _ = first.split(" ")
        path, _, query = target.partition("?")
        facts = dict(parse_qsl(query, keep_blank_values=True))
        self.factory.service.heard(self, Request(method, path, facts, headers, body))

    def connectionLost(self, reason: Any = None) -> None:
        self.gone.callback(None)


class Service:
    """At `url`, from `begin` on.  `judge` says what is answered; `breaks`, if it is set, makes of that what
    goes over the line: octets, or None for silence."""

    def __init__(self, judge: Callable[[Request], Said], *names: str, **certificate: Any) -> None:
        self.judge = judge
        self.breaks: Callable[[Request, Said], bytes | None] | None = None
        self.requests: list[Request] = []
        self.lines: list[Line] = []
        by = certificate.pop("by", ROOT)
        self._context: Any = Context(*by.leaf(*(names or ("localhost",)), **certificate), 0)
        self._port: Any = None
        self._at = 0

    def asking_for_certificates(self, root: bytes) -> None:
        """Who has none by this authority is sent away."""
        made = self._context.made
        made.get_cert_store().add_cert(SSL.X509.from_cryptography(root))
        made.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT, lambda *about: bool(about[-1]))

    @property
    def url(self) -> str:
        return f"https://localhost:{self._at}"

    def begin(self, case: Any) -> "Service":
        self.revive()
        case.addCleanup(lambda: started(self.kill()))
        return self

    def revive(self) -> None:
        """It listens where it did, and breaks nothing."""
        self.breaks = None
        if self._port is None:
            factory: Any = Factory.forProtocol(Line)
            factory.noisy, factory.service = False, self
            self._port = reactor.listenSSL(self._at, factory, self._context, interface="127.0.0.1")
            self._at = self._port.getHost().port

    async def kill(self) -> None:
        port, self._port = self._port, None
        if port is not None:
            await port.stopListening()
        for line in self.lines:
            if not line.gone.called:
                line.transport.abortConnection()
                await line.gone
        self.lines.clear()

    def heard(self, line: Line, request: Request) -> None:
        self.requests.append(request)
        said = self.judge(request)
        octets = written(said) if self.breaks is None else self.breaks(request, said)
        if octets is not None:
            line.transport.write(octets)

    async def asked(self, many: int = 1) -> None:
        """So many questions have come."""
        while len(self.requests) < many:
            await turn()


def written(said: Said) -> bytes:
    status, headers, body = said
    lines = [f"HTTP/1.1 {status} Said", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, f"Content-Length: {len(body)}", "", ""]).encode() + body


# -- ways to break


def silent(request: Request, said: Said) -> None:
    """It takes the question."""


def hangs(request: Request, said: Said) -> bytes:
    """After the headers."""
    return written(said)[: -len(said[2])]


def truncated(request: Request, said: Said) -> bytes:
    return written((said[0], said[1], said[2][:-1]))


def html(request: Request, said: Said) -> bytes:
    return written((200, {"Content-Type": "text/html"}, b"<html><body>ok</body></html>"))


def endless(request: Request, said: Said) -> bytes:
    return b"HTTP/1.1 200 Said\r\n\r\n" + b'{"ok": true, "x": "' + b"x" * (1 << 20)


def bomb(request: Request, said: Said) -> bytes:
    packed = gzip.compress(b'{"ok": true, "x": "' + b" " * (1 << 22) + b'"}')
    return written((200, {**said[1], "Content-Encoding": "gzip"}, packed))


def status(number: int) -> Callable[[Request, Said], bytes]:
    return lambda request, said: written((number, said[1], said[2]))


def redirect(url: str, number: int = 302) -> Callable[[Request, Said], bytes]:
    return lambda request, said: written((number, {"Location": url}, b"ok"))


def says(body: bytes) -> Callable[[Request, Said], bytes]:
    """Without a signature."""
    return lambda request, said: written((200, {"Content-Type": "application/json"}, body))


def lies(request: Request, said: Said) -> bytes:
    """Yes to everybody, by somebody who has no key."""
    body = json.dumps({"ok": True, "nonce": request.object.get("nonce")}).encode()
    return written((200, {"webhook-id": request.headers.get("webhook-id", "")}, body))


# -- what is judged

Right = set[tuple[str, str]]
"""Names with codes."""


def octets(key: str) -> bytes:
    return base64.b64decode(key.removeprefix("whsec_"))


def signature(key: str, id: str, at: str, body: bytes) -> str:
    """Written anew, beside the one that is tested."""
    mac = hmac.new(octets(key), b".".join((id.encode(), at.encode(), body)), hashlib.sha256)
    return "v1," + base64.b64encode(mac.digest()).decode()


def signed(right: Right, key: str = KEY) -> Callable[[Request], Said]:
    """The service that [factor:...] type = http asks."""

    def judge(request: Request) -> Said:
        id, at = request.headers.get("webhook-id", ""), request.headers.get("webhook-timestamp", "")
        if request.headers.get("webhook-signature") != signature(key, id, at, request.body):
            return 401, {}, b""
        asked = request.object
        if asked["type"] != "login.code":
            return 400, {}, b""
        ok = (asked["user"], asked["code"]) in right
        return answered(id, {"ok": ok, "nonce": asked["nonce"]}, key)

    return judge


def answered(id: str, told: Any, key: str = KEY) -> Said:
    body = json.dumps(told).encode()
    at = str(int(time.time()))
    headers = {"webhook-id": id, "webhook-timestamp": at, "webhook-signature": signature(key, id, at, body)}
    return 200, {"Content-Type": "application/json", **headers}, body


def legacy(right: Right) -> Callable[[Request], Said]:
    """The one that mail_protector's gateway asks: GET, signed by MD5, answered `ok`."""

    def judge(request: Request) -> Said:
        user, code = request.query.get("user", ""), request.query.get("code", "")
        key = request.query.get("key", "")
        sign = hashlib.md5((code + key + LEGACY_SECRET + user).encode()).hexdigest()
        if key != LEGACY_KEY or request.query.get("sign") != sign:
            return 200, {}, b"sign error"
        return 200, {"Content-Type": "text/html"}, b"ok" if (user, code) in right else b"error"

    return judge


class PrivacyIdea:
    """As privacyIDEA answers.  `right` are names with codes; `people` those it knows, `phones` those with a
    push token; `says` is what they do about prompts: "yes", "no", "nothing"."""

    def __init__(self, right: Right) -> None:
        self.right = right
        self.people: set[str] = set()
        self.phones: set[str] = set()
        self.says = "nothing"
        self.token = ""
        self.message = "matching 1 tokens"
        self.triggered = 0
        self._transactions: dict[str, str] = {}

    def __call__(self, request: Request) -> Said:
        if self.token and request.headers.get("pi-authorization") != self.token:
            return result(
                {"status": False, "error": {"code": 4033, "message": "Authentication failure"}}, 401
            )
        if request.path.startswith("/validate/polltransaction/"):
            return self._polled(request.path.rpartition("/")[2])
        asked = request.form
        if asked.get("user", "") not in self.people:
            words = "ERR904: The user can not be found in any resolver in this realm!"
            return result({"status": False, "error": {"code": 904, "message": words}}, 400)
        if request.path == "/validate/triggerchallenge":
            return self._trigger(asked["user"])
        return self._check(asked)

    def _check(self, asked: Mapping[str, str]) -> Said:
        user, code = asked["user"], asked["pass"]
        if "transaction_id" in asked:
            good = self._transactions.get(asked["transaction_id"]) == user and self.says == "yes"
            del self._transactions[asked["transaction_id"]]
            return self._value(good)
        if not code:
            return self._trigger(user)
        return self._value((user, code) in self.right)

    def _value(self, good: bool) -> Said:
        message = self.message if good else "wrong otp value"
        serial = {"serial": "TOTP0001", "type": "totp"} if good and self.message.startswith("match") else {}
        word = "ACCEPT" if good else "REJECT"
        detail = {"message": message, "threadid": 1, **serial}
        return result({"status": True, "value": good, "authentication": word}, detail=detail)

    def _trigger(self, user: str) -> Said:
        self.triggered += 1
        if user not in self.phones:
            told = {"status": True, "value": False, "authentication": "REJECT"}
            return result(told, detail={"message": "wrong otp pin"})
        id = f"{len(self._transactions) + 10**19}"
        self._transactions[id] = user
        challenge = {"transaction_id": id, "serial": "PIPU01", "type": "push", "client_mode": "poll"}
        detail = {"transaction_id": id, "multi_challenge": [challenge], "message": "Please confirm"}
        return result({"status": True, "value": False, "authentication": "CHALLENGE"}, detail=detail)

    def _polled(self, id: str) -> Said:
        states = {"yes": "accept", "no": "declined", "nothing": "pending"}
        good = id in self._transactions and self.says == "yes"
        return result({"status": True, "value": good}, detail={"challenge_status": states[self.says]})


def result(told: Mapping[str, Any], status: int = 200, detail: Any = None) -> Said:
    body = {"id": 1, "jsonrpc": "2.0", "result": told, "detail": detail, "versionnumber": "3.10"}
    return status, {"Content-Type": "application/json"}, json.dumps(body).encode()


def roots(case: Any) -> Path:
    path = Path(case.mktemp())
    path.write_bytes(ROOT.pem)
    return path
