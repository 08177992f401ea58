"""Questions to a provider of access tokens: a form goes there, a small JSON object comes back.  rfc6749#5"""

import json
from base64 import b64encode
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus, urlencode

from OpenSSL.SSL import Error as SSLError
from twisted.internet import ssl
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import ConnectError, DNSLookupError
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from twisted.web.client import (
    Agent,
    HTTPConnectionPool,
    RequestGenerationFailed,
    ResponseDone,
    ResponseFailed,
)
from twisted.web.http import PotentialDataLoss
from twisted.web.http_headers import Headers
from twisted.web.iweb import IBodyProducer, IPolicyForHTTPS
from zope.interface import implementer

from mailtwist.auth.api import LoginUnavailable
from mailtwist.kit.clock import Clock
from mailtwist.kit.spawn import started

LARGEST = 64 * 1024
"""Octets of an answer."""

_FAILURES = (ConnectError, DNSLookupError, ResponseFailed, RequestGenerationFailed, SSLError, OSError)


class ProviderAway(LoginUnavailable):
    """The provider does not answer, or not with what an answer is."""

    def __init__(self, detail: str) -> None:
        super().__init__("no-token")
        self.detail = detail


class Client:
    """How we are known to a provider.  `header`: its secret goes in the header (rfc6749#2.3.1), and not with
    the form."""

    __slots__ = ("_header", "_id", "_secret")

    def __init__(self, id: str, secret: str = "", *, header: bool = False) -> None:
        self._id = id
        self._secret = secret
        self._header = header

    @property
    def id(self) -> str:
        return self._id

    def fields(self) -> dict[str, str]:
        if self._header and self._secret:
            return {}
        secret = {"client_secret": self._secret} if self._secret else {}
        return {"client_id": self._id, **secret}

    def headers(self) -> dict[str, list[str]]:
        if not (self._header and self._secret):
            return {}
        pair = f"{quote_plus(self._id)}:{quote_plus(self._secret)}"
        return {"Authorization": [f"Basic {b64encode(pair.encode()).decode()}"]}

    def hidden_in(self, words: str) -> str:
        """`words` without our secret, should they have it."""
        return words.replace(self._secret, "(secret)") if self._secret else words


class Provided:
    """An answer: its HTTP status, and the JSON object in it."""

    __slots__ = ("_object", "status")

    def __init__(self, status: int, object: Mapping[str, Any]) -> None:
        self.status = status
        self._object = object

    def text(self, name: str) -> str:
        """'' for what is not there or no string."""
        value = self._object.get(name)
        return value if isinstance(value, str) else ""

    def seconds(self, name: str, default: float, most: float) -> float:
        """Some providers write numbers as strings."""
        value = self._object.get(name)
        if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 10:
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e9:
            return default
        return min(float(value), most)

    @property
    def error(self) -> str:
        """The word for what is wrong (rfc6749#5.2), '' when nothing is."""
        if self.status == 200:
            return ""
        word = self.text("error")
        return word if word and len(word) < 100 and word.isascii() and word.isprintable() else "error"

    def __repr__(self) -> str:
        return f"<Provided {self.status} {self.error}>"


class Asking:
    """One provider's HTTP.  Redirects are not followed: a refresh token goes where it is set to go.  `roots`
    are certificates in PEM that its own is trusted by, in place of the system's."""

    def __init__(self, clock: Clock, time: float, roots: Path | None = None) -> None:
        self._clock = clock
        self._time = time
        self._roots = roots
        self._agent: Agent | None = None

    async def ask(self, url: str, client: Client, fields: Mapping[str, str]) -> Provided:
        """`ProviderAway` when there is no answer in time, or none that makes sense."""
        asking = started(self._ask(url, client, fields))
        late = self._clock.later(self._time, asking.cancel)
        try:
            return await asking
        except (CancelledError, *_FAILURES) as error:
            if not late.active():
                raise ProviderAway(f"{_host(url)} did not answer in {self._time:g} s") from None
            if isinstance(error, CancelledError):  # nobody waits for it any more
                raise
            raise ProviderAway(f"{_host(url)}: {_why(error)}") from None
        finally:
            if late.active():
                late.cancel()

    async def _ask(self, url: str, client: Client, fields: Mapping[str, str]) -> Provided:
        form = urlencode({**fields, **client.fields()}).encode("ascii")
        headers = {
            "Content-Type": ["application/x-www-form-urlencoded"],
            "Accept": ["application/json"],
            "User-Agent": ["mailtwist"],
            **client.headers(),
        }
        response = await self._made().request(b"POST", url.encode("ascii"), Headers(headers), _Form(form))
        return _provided(url, response.code, await _body(url, response))

    def _made(self) -> Agent:
        if self._agent is None:
            from twisted.internet import reactor

            pool = HTTPConnectionPool(reactor, persistent=False)
            self._agent = Agent(reactor, _Trust(self._roots), self._time, pool=pool)
        return self._agent


@implementer(IPolicyForHTTPS)
class _Trust:
    """The certificate has to be valid for the name."""

    def __init__(self, roots: Path | None) -> None:
        self._trusted: Any = ssl.platformTrust() if roots is None else _roots(roots)

    def creatorForNetloc(self, hostname: bytes, port: int) -> Any:
        return ssl.optionsForClientTLS(
            hostname.decode("ascii"),
            trustRoot=self._trusted,
            extraCertificateOptions={"raiseMinimumTo": ssl.TLSVersion.TLSv1_2},
        )


def _roots(path: Path) -> Any:
    end = b"-----END CERTIFICATE-----"
    pieces = path.read_bytes().split(end)[:-1]
    return ssl.trustRootFromCertificates([ssl.Certificate.loadPEM(piece + end) for piece in pieces])


@implementer(IBodyProducer)
class _Form:
    def __init__(self, form: bytes) -> None:
        self._form = form
        self.length = len(form)

    def startProducing(self, consumer: Any) -> Deferred[None]:
        consumer.write(self._form)
        done: Deferred[None] = Deferred()
        done.callback(None)
        return done

    def pauseProducing(self) -> None:
        """It is written at once."""

    def resumeProducing(self) -> None:
        """It is written at once."""

    def stopProducing(self) -> None:
        """It is written at once."""


class _Body(Protocol):
    """All of a body, unless that is too much."""

    transport: Any

    def __init__(self, done: Deferred[bytes]) -> None:
        self._done = done
        self._held = bytearray()

    def dataReceived(self, data: bytes) -> None:
        self._held += data
        if len(self._held) > LARGEST and not self._done.called:
            self.stop()
            self._done.errback(OSError(f"its answer has more than {LARGEST} octets"))

    def stop(self) -> None:
        if self.transport is not None:
            self.transport.abortConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if self._done.called:
            return
        if reason.check(ResponseDone, PotentialDataLoss):
            self._done.callback(bytes(self._held))
        else:
            self._done.errback(reason)


async def _body(url: str, response: Any) -> bytes:
    done: Deferred[bytes] = Deferred(lambda waiting: body.stop())
    body = _Body(done)
    response.deliverBody(body)
    return await done


def _provided(url: str, status: int, body: bytes) -> Provided:
    """Troubles on the way have HTML in them, or nothing."""
    if status == 429 or status >= 500 or not (status == 200 or status >= 400):
        raise ProviderAway(f"{_host(url)} answers {status}")
    try:
        told = json.loads(body)
    except (ValueError, RecursionError):
        told = None
    if not isinstance(told, dict):
        raise ProviderAway(f"{_host(url)} answers {status}, and not in JSON")
    return Provided(status, told)


def _host(url: str) -> str:
    return url.partition("://")[2].partition("/")[0]


def _why(error: Exception) -> str:
    """Of several reasons the first: what OpenSSL said, say."""
    reasons = getattr(error, "reasons", None)
    if reasons:
        inner = reasons[0].value
        return _why(inner) if isinstance(inner, Exception) else type(inner).__name__
    return f"{type(error).__name__}: {error}"[:300]
