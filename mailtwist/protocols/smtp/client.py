"""Hands one message to another server and says what became of it.  rfc5321#3.3"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any

from twisted.internet import ssl
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import HostnameEndpoint, connectProtocol, wrapClientTLS
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.protocol import connectionDone
from twisted.mail import smtp
from twisted.python.failure import Failure

from mailtwist.kit.clock import Clock
from mailtwist.kit.trouble import Trouble

PATIENCE = 60.0
"""Seconds for a connection, and for each answer; who waits here can come again."""

GOODBYE = 5.0
"""Seconds for the end of a connection when all is said."""

LONGEST_REPLY = 100
"""Lines of one reply."""

_ENHANCED = re.compile(rb"([245]\.\d{1,3}\.\d{1,3})(?:\s|$)")


class NotReached(Trouble):
    """No message was refused: there was nobody to take it, or nobody who is to be trusted."""

    def __init__(self, detail: str) -> None:
        super().__init__("4.4.1", "The next server cannot be reached, try again later", detail)


class NotTaken(Trouble):
    """The server's answer to this message."""

    def __init__(self, status: str, detail: str) -> None:
        super().__init__(status, "The next server did not take the message", detail)


@dataclass(frozen=True)
class NextServer:
    """Where messages are handed in.  `tls`: how TLS begins; its certificate has to be valid for `host`, by
    `roots` (Twisted's trust roots; None: the system's).  A `user` logs in, with TLS only."""

    host: str
    port: int
    tls: str = "starttls"
    roots: Any = None
    user: str = ""
    password: str = field(default="", repr=False)


@dataclass(frozen=True)
class Outgoing:
    """`octets` have lines that end by CRLF; `sender` '' is the null path."""

    sender: str
    recipient: str
    octets: bytes = field(repr=False)


async def hand_over(reactor: Any, clock: Clock, server: NextServer, hostname: str, mail: Outgoing) -> None:
    """Returns when `server` has taken it.  `NotTaken` when it has refused it, for now or for good;
    `NotReached` for everything else that can happen on the way, whatever its code: a wrong certificate or
    password is no fault of the message."""
    if not mail.recipient.isascii():
        raise NotTaken("5.6.7", f"{mail.recipient}: it has letters that are not in ASCII")  # rfc6531#3.5
    options: Any = None if server.tls == "none" else ssl.optionsForClientTLS(server.host, server.roots)
    endpoint: Any = HostnameEndpoint(reactor, server.host.encode("ascii"), server.port, PATIENCE)
    if server.tls == "implicit":
        endpoint = wrapClientTLS(options, endpoint)
    client = Client(clock, server, hostname, mail, options)
    try:
        await connectProtocol(endpoint, client)
    except Exception as error:
        raise NotReached(f"{server.host}: {_short(error)}") from error
    try:
        await client.outcome
    finally:
        await client.end()


class _Plain(smtp.PLAINAuthenticator):
    """Asks for no other identity than the one that logs in: there are servers that refuse that."""

    def challengeResponse(self, secret: bytes, chal: object = 1) -> bytes:
        return b"\0" + bytes(self.user) + b"\0" + secret


class Client(smtp.ESMTPClient):
    """One connection, one message.  `outcome` fires once."""

    transport: Any
    timeout: Any = PATIENCE

    debug = False  # its log of the last lines has the password in it, and goes into errors

    def __init__(self, clock: Clock, server: NextServer, hostname: str, mail: Outgoing, context: Any) -> None:
        secret = server.password.encode() if server.user else None
        super().__init__(secret, context, hostname.encode("ascii"))
        self.requireTransportSecurity = server.tls != "none"
        self.requireAuthentication = bool(server.user)
        self.outcome: Deferred[None] = Deferred()
        self._gone: Deferred[None] = Deferred()
        self._clock = clock
        self._host = server.host
        self._mail = mail
        self._begun = False
        if server.user:
            self.registerAuthenticator(_Plain(server.user.encode()))
            self.registerAuthenticator(smtp.LOGINAuthenticator(server.user.encode()))

    # -- what the stock client asks
    def getMailFrom(self) -> str | None:
        begun, self._begun = self._begun, True
        return None if begun else self._mail.sender

    def getMailTo(self) -> Sequence[bytes]:
        return [self._mail.recipient.encode("ascii")]

    def getMailData(self) -> BytesIO:
        return BytesIO(self._mail.octets.replace(b"\r\n", b"\n"))

    # -- what it tells
    def sentMail(self, code: int, resp: Any, numOk: int, addresses: Any, log: Any) -> None:
        if numOk and 200 <= code < 300:
            self._ended(None)
            return
        if not numOk and addresses:
            _, code, resp = addresses[-1]
        self._ended(_refusal(self._host, code, resp))

    def sendError(self, exc: Exception) -> None:
        self._ended(NotReached(f"{self._host}: {_short(exc)}"))
        super().sendError(exc)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        super().connectionLost(reason)
        closed = reason.check(ConnectionDone)
        self._ended(NotReached(f"{self._host}: {'it hung up' if closed else _short(reason.value)}"))
        self._gone.callback(None)

    def lineReceived(self, line: bytes) -> None:
        super().lineReceived(line)
        if len(self.resp) > LONGEST_REPLY:
            self.sendError(smtp.SMTPProtocolError(-1, b"a reply has too many lines"))

    def esmtpState_starttls(self, code: int, resp: bytes) -> None:
        """What came in clear is not taken for an answer under TLS (rfc3207#4.2)."""
        if self.clearLineBuffer():
            self.sendError(smtp.TLSError(-1, b"something was said between STARTTLS and TLS"))
        else:
            super().esmtpState_starttls(code, resp)

    async def end(self) -> None:
        """The connection is closed; who does not say goodbye is cut off."""
        if self.transport is None or not self.connected:
            return
        cut: IDelayedCall = self._clock.later(GOODBYE, self.transport.abortConnection)
        await self._gone
        if cut.active():
            cut.cancel()

    def _ended(self, trouble: Trouble | None) -> None:
        if not self.outcome.called:
            if trouble is None:
                self.outcome.callback(None)
            else:
                self.outcome.errback(trouble)


def _refusal(host: str, code: int, resp: Any) -> Trouble:
    """Anything but a clear no is for later."""
    said = resp if isinstance(resp, bytes) else str(resp).encode("utf-8", "replace")
    digit = "5" if 500 <= code < 600 else "4"
    found = _ENHANCED.match(said)
    status = found[1].decode() if found and found[1][:1] == digit.encode() else f"{digit}.0.0"
    return NotTaken(status, f"{host}: {code} {_printable(said.decode('ascii', 'replace'))}")


def _short(error: BaseException | None) -> str:
    """Without the words of a dialogue, in which there may be a password."""
    if isinstance(error, smtp.SMTPClientError):
        words = error.resp.decode("ascii", "replace") if isinstance(error.resp, bytes) else str(error.resp)
        said = f"{error.code} {words}" if error.code > 0 else words
        return _printable(said)
    return _printable(f"{type(error).__name__} {error}")


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else " " for c in text[:300]).strip()
