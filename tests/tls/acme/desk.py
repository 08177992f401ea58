"""Where a fake authority is spoken to: HTTPS on loopback, and the faults that a test has asked for."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from twisted.internet import reactor, ssl
from twisted.internet.defer import Deferred, DeferredList
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Site

from tests.backends.certificates import certificate
from tests.tls.acme.faults import Changed, Cut, Fault, Garbage, Hang, Problem


@dataclass(frozen=True)
class Answer:
    body: dict[str, Any] | bytes = b""
    status: int = 200
    content_type: str = "application/json"
    headers: list[tuple[str, str]] = field(default_factory=list)


@dataclass(frozen=True)
class Asked:
    """One request as it came."""

    method: str
    path: str
    body: bytes
    content_type: str
    agent: str


@dataclass(frozen=True)
class Seen:
    """A request that was in order, and when it came by the authority's clock."""

    step: str
    url: str
    account: str
    payload: dict[str, Any] | None
    when: float


Serve = Callable[[Asked], tuple[Fault | None, Callable[[], Answer]]]
"""What to do wrong, and the work; a `Problem` may come from both."""


class Desk(Resource):
    """HTTPS at `url`, whose certificate is known by `roots`; `headers` go with each answer of `serve`."""

    isLeaf = True

    def __init__(self, folder: Path, serve: Serve, headers: Callable[[str], list[tuple[str, str]]]) -> None:
        super().__init__()
        made = certificate(folder, "desk")
        self.roots = made.root
        self._serve, self._headers = serve, headers
        self._site = _Site(self)
        trust = ssl.DefaultOpenSSLContextFactory(str(made.key), str(made.chain))
        self._port = reactor.listenSSL(0, self._site, trust, interface="127.0.0.1")
        self.url = f"https://127.0.0.1:{self._port.getHost().port}"

    async def close(self) -> None:
        """Nobody is spoken to any more."""
        if not self._port.disconnected:
            await self._port.stopListening()
        await self._site.empty()

    @property
    def open(self) -> int:
        """How many connections there are."""
        return self._site.open

    def render(self, request: Any) -> Any:
        asked = Asked(
            request.method.decode(),
            request.path.decode("ascii", "replace"),
            request.content.read(),
            (request.getHeader("content-type") or "").split(";")[0],
            request.getHeader("user-agent") or "",
        )
        try:
            fault, work = self._serve(asked)
            return self._act(request, asked, fault, work)
        except Problem as problem:
            return self._tell(request, asked, _said(problem))

    def _act(self, request: Any, asked: Asked, fault: Fault | None, work: Callable[[], Answer]) -> Any:
        if isinstance(fault, Problem):
            raise fault
        if isinstance(fault, Garbage):
            told = Answer(fault.body, fault.status, fault.content_type, list(fault.headers.items()))
            return self._tell(request, asked, told)
        if isinstance(fault, Hang | Cut):
            if fault.done:
                work()
            if isinstance(fault, Cut):
                request.transport.abortConnection()
            return NOT_DONE_YET
        answer = work()
        if isinstance(fault, Changed):
            assert isinstance(answer.body, dict)
            changed = {k: v for k, v in (answer.body | dict(fault.fields)).items() if v is not None}
            answer = Answer(changed, answer.status, answer.content_type, answer.headers)
        return self._tell(request, asked, answer)

    def _tell(self, request: Any, asked: Asked, answer: Answer) -> bytes:
        request.setResponseCode(answer.status)
        request.setHeader("content-type", answer.content_type)
        for name, value in [*self._headers(asked.method), *answer.headers]:
            request.responseHeaders.addRawHeader(name, value)
        said = answer.body if isinstance(answer.body, bytes) else json.dumps(answer.body, indent=2).encode()
        return b"" if asked.method == "HEAD" else said


def _said(problem: Problem) -> Answer:
    headers = [("Retry-After", problem.retry_after)] if problem.retry_after else []
    return Answer(problem.document(), problem.status, "application/problem+json", headers)


class _Site(Site):
    """Knows who is there, to see them off."""

    noisy = False

    def __init__(self, resource: Resource) -> None:
        super().__init__(resource, timeout=None)
        self._here: dict[Any, tuple[Any, Deferred[None]]] = {}

    @property
    def open(self) -> int:
        return len(self._here)

    def buildProtocol(self, address: Any) -> Any:
        made: Any = super().buildProtocol(address)
        lost = made.connectionLost

        def connectionLost(reason: Any) -> None:
            lost(reason)
            self._here.pop(made)[1].callback(None)

        def makeConnection(transport: Any) -> None:
            self._here[made] = transport, Deferred()
            real(transport)

        real, made.makeConnection = made.makeConnection, makeConnection
        made.connectionLost = connectionLost
        return made

    def log(self, request: Any) -> None:
        """Nowhere: the authority has its own list."""

    async def empty(self) -> None:
        here = list(self._here.values())
        for transport, _ in here:
            transport.abortConnection()
        await DeferredList([gone for _, gone in here])
