"""One connection that speaks HTTP/1.1: twisted.web's framing, with bounds on everything.  rfc9112"""

from collections.abc import Callable, Mapping
from io import BytesIO
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure
from twisted.web import http

from mailtwist.config.problems import shown
from mailtwist.kit.clock import Clock
from mailtwist.kit.events import Event, connection_id
from mailtwist.kit.ids import new_id
from mailtwist.kit.metrics import Metric
from mailtwist.kit.spawn import spawn
from mailtwist.protocols.server import encrypted
from mailtwist.web.api import Answer, Asked, Page
from mailtwist.web.request import (
    BAD_FRAMING,
    BAD_REQUEST,
    TOO_LARGE,
    TOO_MANY_HEADERS,
    TOO_SLOW,
    Refused,
    asks_first,
    read_headers,
    read_host,
    read_target,
    wants_to_close,
)
from mailtwist.web.site import NOT_NOW, Site

ANSWERED = Event("http.answered", "{service}: {address} {method} {path} {status} {octets}")
LOOKED_AT = Event("http.looked_at", "{service}: {address} {method} {path} {status} {octets}", "debug")
REFUSED = Event("http.refused", "{service}: {address} {method} {path} is refused with {status}", "debug")

LATE = Event("http.late", "{service}: page {page} did not answer in {seconds:g} s", "warn")

REQUESTS = Metric(
    "http_requests",
    "Requests by page and by the class of the answer, such as 2xx.",
    "counter",
    ("page", "status"),
)

HEAD_TIME = 15.0
"""Seconds from the end of one answer, or from the beginning, until the next request's header is whole."""

SLOWEST = 8 * 1024
"""Octets a second that a body has to bring, and that a client has to take of an answer."""

LINGER = 2.0
"""Seconds in which a client that was refused may still send, so that it reads why."""

LEAVING = 5.0
MOST_REQUESTS = 100
LONGEST_NAME = 64
LONGEST_LENGTH = 18
MOST_HELD = 16 * 1024
"""Octets of requests to come that are read while one is answered: enough to see the client leave."""

LONGEST_SHOWN = 200
MAY_BEGIN = (b"", b"\r")
ALWAYS = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; base-uri 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


class Exchange(http.Request):
    """One request while it is read; the channel answers it."""

    channel: "Channel"
    content: Any
    found: Page | Answer = NOT_NOW
    name = path_decoded = target = host_named = ""
    fields: Mapping[str, tuple[str, ...]] = {}
    _octets = 0

    def gotLength(self, length: int | None) -> None:
        self.content = BytesIO()

    def handleContentChunk(self, data: bytes) -> None:
        self._octets += len(data)
        if not isinstance(self.found, Page) or self._octets > self.found.largest:
            raise Refused(TOO_LARGE)
        self.content.write(data)

    def requestReceived(self, command: bytes, path: bytes, version: bytes) -> None:
        self.channel.whole(self)


class Channel(http.HTTPChannel):
    """`site`, `clock`, `address` and `service` are set before a connection is made."""

    alpn = (b"http/1.1",)
    requestFactory = Exchange
    maxHeaders = 100
    totalHeadersSize = 16 * 1024
    MAX_LENGTH = 8 * 1024
    timeOut = None

    site: Site
    clock: Clock
    address = service = ""
    transport: Any

    def __init__(self) -> None:
        super().__init__()
        self.visit = new_id()
        self.said_goodbye = False
        self._count = self._held = self._written = 0
        self._late: IDelayedCall | None = None
        self._work: Deferred[Any] | None = None
        self._untaken: Exchange | None = None

    # -- its life
    def connectionMade(self) -> None:
        super().connectionMade()
        self._wait(HEAD_TIME, self._too_slow)

    def finish(self) -> None:
        """The service ends: a request that has begun is answered."""
        self.persistent = 0
        if not (self.requests or self.said_goodbye):
            self._leave()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.said_goodbye = True
        self._stop_waiting()
        if self._work is not None:
            self._work.cancel()
        super().connectionLost(reason)

    def loseConnection(self) -> None:
        """twisted.web has nothing more to say."""
        self._leave()

    def _leave(self) -> None:
        """What was written goes out, if the client takes it."""
        self.said_goodbye = True
        self._wait(LEAVING + self._written / SLOWEST, self.transport.abortConnection)
        super().loseConnection()

    def _wait(self, seconds: float, call: Callable[[], None]) -> None:
        """In place of what was waited for."""
        self._stop_waiting()
        self._late = self.clock.later(seconds, call)

    def _stop_waiting(self) -> None:
        if self._late is not None and self._late.active():
            self._late.cancel()

    def _too_slow(self) -> None:
        if self._untaken is not None:
            self.transport.abortConnection()
        elif self.requests or self._buffer:
            self._refuse(TOO_SLOW)
        else:
            self._leave()

    # -- what comes
    def dataReceived(self, data: bytes) -> None:
        if self.said_goodbye:
            return
        try:
            super().dataReceived(data)
            if not self.requests and self._buffer[:1] < b"!" and self._buffer[:1] not in MAY_BEGIN:
                raise Refused(BAD_REQUEST)  # TLS, say, which would wait for an answer
        except Refused as refused:
            self._refuse(refused.answer)

    def lineReceived(self, line: bytes) -> bool | None:
        super().lineReceived(line)
        return self.said_goodbye or None  # ends LineReceiver's loop over what it has

    def lineLengthExceeded(self, line: bytes) -> None:
        raise Refused(TOO_MANY_HEADERS)

    def _respondToBadRequestAndDisconnect(self) -> None:
        """Where twisted.web ends up with what cannot be parsed, from many places."""
        too_much = self._receivedHeaderSize > self.totalHeadersSize
        raise Refused(TOO_MANY_HEADERS if too_much else BAD_REQUEST)

    def headerReceived(self, line: bytes) -> bool:
        name, _, value = line.partition(b":")
        if len(name) > LONGEST_NAME or self._receivedHeaderCount >= self.maxHeaders:
            raise Refused(TOO_MANY_HEADERS)
        if name.lower() == b"content-length" and len(value.strip()) > LONGEST_LENGTH:
            raise Refused(TOO_LARGE)
        return bool(super().headerReceived(line))

    def allHeadersReceived(self) -> None:
        """Whatever can be said against a request is said before its body is read."""
        exchange: Exchange = self.requests[-1]
        modern = self._version == b"HTTP/1.1"
        exchange.name = self._command.decode("ascii")
        exchange.path_decoded, exchange.target, named = read_target(self._path)
        exchange.fields = fields = read_headers(exchange.requestHeaders.getAllRawHeaders())
        if not modern and "transfer-encoding" in fields:
            raise Refused(BAD_FRAMING)
        exchange.host_named = read_host(named, fields.get("host", ()), modern)
        exchange.found = self.site.found(exchange.name, exchange.path_decoded, encrypted(self.transport))
        self._count += 1
        if not modern or self._count >= MOST_REQUESTS or wants_to_close(fields):
            self.persistent = 0
        exchange.gotLength(self.length)
        if self.length != 0:
            self._expect_body(exchange.found, modern and asks_first(fields))

    def _expect_body(self, found: Page | Answer, asks: bool) -> None:
        if isinstance(found, Answer):
            raise Refused(found)
        if self.length is not None and self.length > found.largest:
            raise Refused(TOO_LARGE)
        self._wait(HEAD_TIME + found.largest / SLOWEST, self._too_slow)
        if asks:
            self._send100Continue()

    def rawDataReceived(self, data: bytes) -> None:
        if not self._handlingRequest:
            super().rawDataReceived(data)
            return
        self._dataBuffer.append(data)
        self._held += len(data)
        if self._held > MOST_HELD:
            self._networkProducer.pauseProducing()

    # -- what is answered
    def whole(self, exchange: Exchange) -> None:
        """It has come to its end."""
        found = exchange.found
        if isinstance(found, Answer):
            self._answered(exchange, found)
            return
        asked = Asked(
            method=exchange.name,
            path=exchange.path_decoded,
            target=exchange.target,
            host=exchange.host_named,
            headers=exchange.fields,
            body=exchange.content.getvalue(),
            address=self.address,
            tls=encrypted(self.transport),
        )
        self._wait(found.seconds, self._call_off)
        self._work = spawn(self._work_on(exchange, found, asked), f"the page {found.name}")

    async def _work_on(self, exchange: Exchange, page: Page, asked: Asked) -> None:
        connection_id.set(self.visit)
        try:
            answer = await self.site.answer(page, asked)
        except CancelledError:
            if self.said_goodbye:  # nobody is there to hear it
                return
            LATE.log(service=self.service, page=page.name, seconds=page.seconds)
            answer = NOT_NOW
        self._answered(exchange, answer)

    def _call_off(self) -> None:
        if self._work is not None:
            self._work.cancel()

    def _answered(self, exchange: Exchange, answer: Answer) -> None:
        quiet = isinstance(exchange.found, Page) and exchange.found.quiet and answer.status < 400
        self._tell(LOOKED_AT if quiet else ANSWERED, exchange, answer)
        self._write(answer, exchange.name)
        self._wait(HEAD_TIME + self._written / SLOWEST, self._too_slow)
        exchange.finished = 1
        if self._waitingForTransport and self.persistent:
            self._untaken = exchange
        else:
            self.requestDone(exchange)

    def requestDone(self, request: http.Request) -> None:
        """The next one, or the end."""
        self._held = 0
        super().requestDone(request)

    def resumeProducing(self) -> None:
        """The client has taken what was written: before that it is not asked what else it wants."""
        super().resumeProducing()
        if self._untaken is not None:
            exchange, self._untaken = self._untaken, None
            self.requestDone(exchange)

    def _refuse(self, answer: Answer) -> None:
        """The last answer.  For a while the rest is thrown away, so that the client can read why."""
        self.said_goodbye, self.persistent = True, 0
        self.clearLineBuffer()
        exchange = self.requests[-1] if self.requests else Exchange(self)
        self._tell(REFUSED, exchange, answer)
        self._write(answer, exchange.name)
        self._wait(LINGER, self._leave)

    def _tell(self, event: Event, exchange: Exchange, answer: Answer) -> None:
        page = exchange.found.name if isinstance(exchange.found, Page) else "none"
        REQUESTS.add(page, f"{answer.status // 100}xx")
        event.log(
            service=self.service,
            connection=self.visit,
            address=self.address,
            method=shown(exchange.name, LONGEST_SHOWN) or "-",
            path=shown(exchange.target.partition("?")[0], LONGEST_SHOWN) or "-",  # as it came: no blanks
            status=answer.status,
            octets=len(answer.body),
        )

    def _write(self, answer: Answer, method: str) -> None:
        """In one piece, and without a word of what we are."""
        fields = {**ALWAYS, "Content-Type": answer.kind, **answer.headers}
        fields["Date"] = http.datetimeToString(self.clock.now()).decode("ascii")
        if answer.status not in http.NO_BODY_CODES:
            fields["Content-Length"] = str(len(answer.body))
        if not self.persistent:
            fields["Connection"] = "close"
        reason = http.RESPONSES.get(answer.status, b"Unknown").decode("ascii")
        lines = [f"HTTP/1.1 {answer.status} {reason}", *(f"{name}: {its}" for name, its in fields.items())]
        body = b"" if method == "HEAD" or answer.status in http.NO_BODY_CODES else answer.body
        self._written = len(body)
        self.transport.write("\r\n".join([*lines, "", ""]).encode("ascii") + body)
