"""HTTP connections that end when an answer is too big, or when nobody waits for the rest of it.  rfc9112"""

from typing import Any, cast

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.protocol import Factory
from twisted.python.failure import Failure
from twisted.web import _newclient
from twisted.web.client import Agent, HTTPConnectionPool
from twisted.web.http_headers import Headers
from twisted.web.iweb import IAgent
from zope.interface import implementer

HEADERS = 64 * 1024
"""Octets that an answer may have besides its body."""

IDLE = 30
"""Seconds for which a connection is kept for the next question."""

_Twisted: Any = _newclient.HTTP11ClientProtocol


class TooMuch(Exception):
    """What a server sends has no end."""


class Connection(_Twisted):  # type: ignore[misc]
    """`largest` is the most that a body may have.  Twisted's own cannot be aborted by who reads an answer."""

    def __init__(self, quiescent: Any, largest: int) -> None:
        super().__init__(quiescent)
        self._largest = largest
        self._head = self._left = 0

    def request(self, request: Any) -> Deferred[Any]:
        self._head, self._left = HEADERS, HEADERS + self._largest
        answer: Deferred[Any] = super().request(request)
        if self._transportProxy is not None:
            self._transportProxy.abortConnection = lambda: self._end(CancelledError())
        return answer

    def dataReceived(self, data: bytes) -> None:
        self._left -= len(data)
        if self._parser is not None and self._parser.state in ("STATUS", "HEADER"):
            self._head -= len(data)
        if self._parser is None or self._left < 0 or self._head < 0:
            self._end(TooMuch())
        else:
            super().dataReceived(data)

    def _end(self, why: Exception) -> None:
        self.transport.abortConnection()
        self._disconnectParser(Failure(why))


class Pool(HTTPConnectionPool):
    maxPersistentPerHost = 4
    cachedConnectionTimeout = IDLE

    def __init__(self, reactor: Any, persistent: bool, largest: int) -> None:
        cast(Any, super().__init__)(reactor, persistent)
        made: Any = lambda quiescent, about: _Connections(quiescent, largest)  # noqa: E731
        self._factory = made  # in place of Twisted's class of the same use


class _Connections(Factory):
    noisy = False

    def __init__(self, quiescent: Any, largest: int) -> None:
        self._quiescent = quiescent
        self._largest = largest

    def buildProtocol(self, address: Any) -> Any:
        return Connection(self._quiescent, self._largest)


@implementer(IAgent)
class AsItIs:
    """Answers are not compressed: what is small may be big then."""

    def __init__(self, agent: Agent) -> None:
        self._agent = agent

    def request(
        self, method: bytes, uri: bytes, headers: Headers | None = None, bodyProducer: Any = None
    ) -> Deferred[Any]:
        sent = Headers() if headers is None else headers.copy()
        sent.setRawHeaders(b"accept-encoding", [b"identity"])
        return self._agent.request(method, uri, sent, bodyProducer).addCallback(_as_it_is)


def _as_it_is(response: Any) -> Any:
    """treq would make more of it."""
    response.headers.removeHeader(b"content-encoding")
    return response
