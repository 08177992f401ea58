"""Questions by HTTPS: an answer of bounded size in bounded time, or a sentence that says why not.  rfc9110"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urljoin, urlsplit

from OpenSSL import SSL
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import (
    ConnectError,
    ConnectingCancelledError,
    ConnectionAborted,
    ConnectionDone,
    ConnectionLost,
    ConnectionRefusedError,
    DNSLookupError,
)
from twisted.python.failure import Failure
from twisted.web._newclient import ParseError, RequestNotSent
from twisted.web.client import (
    Agent,
    PartialDownloadError,
    RequestGenerationFailed,
    RequestTransmissionFailed,
    ResponseFailed,
    ResponseNeverReceived,
    readBody,
)
from twisted.web.http_headers import Headers
from twisted.web.iweb import IPolicyForHTTPS
from zope.interface import implementer

from mailtwist.kit.clock import Clock
from mailtwist.kit.spawn import started
from mailtwist.kit.trouble import Trouble
from mailtwist.tls.bounded import AsItIs, Pool, TooMuch
from mailtwist.tls.outbound import CertificateRefused, Outbound, Towards, explained
from mailtwist.tls.verdict import safe

LARGEST = 64 * 1024
"""Octets of an answer."""

LONGEST = 2048
"""Octets of a URL."""

_FAILURES = (
    *(ConnectError, DNSLookupError, SSL.Error, OSError),
    *(ResponseFailed, RequestGenerationFailed, RequestTransmissionFailed, RequestNotSent),
)
_OFF = (CancelledError, ConnectingCancelledError)
_LOST = (ConnectionLost, ConnectionDone, ConnectionAborted)


class NoAnswer(Trouble):
    """`words` is a sentence for the log.  `lost`: the connection ended before anything came, as old ones do;
    it can be asked again."""

    def __init__(self, words: str, lost: bool = False) -> None:
        super().__init__("4.4.1", "A server that is needed does not answer", words)
        self.words = words
        self.lost = lost


@dataclass(frozen=True)
class Answer:
    """Whatever the status is.  Headers by their names in lower case."""

    url: str
    status: int
    headers: Mapping[str, tuple[str, ...]] = field(repr=False)
    body: bytes = field(repr=False)

    def header(self, name: str) -> str:
        """The first of that name (lower case); '' when there is none."""
        return next(iter(self.headers.get(name, ())), "")

    @property
    def media_type(self) -> str:
        return self.header("content-type").partition(";")[0].strip().lower()

    def object(self) -> dict[str, Any] | None:
        """The JSON object that the body is; None when it is none."""
        try:
            told = json.loads(self.body)
        except (ValueError, RecursionError):
            return None
        return told if isinstance(told, dict) else None


class Asks(Protocol):
    async def ask(
        self, method: str, url: str, headers: Mapping[str, str] = {}, body: bytes = b"", redirects: int = 0
    ) -> Answer:
        """The answer, after at most so many redirects (only GET and HEAD follow any).  `NoAnswer`."""


class Https:
    """TLS 1.2 or later with a valid certificate, by the system's roots or by those in the PEM file `roots`.
    A question with all its redirects takes at most `seconds`.  `reuse`: connections are kept for the next
    question.  `plain`: http:// is spoken, too.  `certificate` and `key` (PEM) are shown to servers that ask
    who we are."""

    def __init__(
        self,
        clock: Clock,
        *,
        seconds: float = 30.0,
        largest: int = LARGEST,
        roots: Path | None = None,
        reuse: bool = True,
        plain: bool = False,
        certificate: Path | None = None,
        key: Path | None = None,
    ) -> None:
        self._clock = clock
        self._seconds = seconds
        self._largest = largest
        self._roots = roots
        self._certificate = certificate
        self._key = key
        self._reuse = reuse
        self._schemes = ("https", "http") if plain else ("https",)
        self._pool: Pool | None = None
        self._client: Any = None

    async def ask(
        self, method: str, url: str, headers: Mapping[str, str] = {}, body: bytes = b"", redirects: int = 0
    ) -> Answer:
        asking = started(self._followed(method, url, headers, body, redirects))
        waited = _Waited(asking)
        late = self._clock.later(self._seconds, asking.cancel)
        try:
            answer: Answer = await waited.result
            return answer
        except (*_OFF, *_FAILURES) as error:  # Twisted's errors do not tell who has called it off, if anybody
            if waited.off:
                raise CancelledError() from None
            if not late.active():
                raise NoAnswer(f"{host_of(url)} did not answer in {self._seconds:g} s") from None
            raise NoAnswer(f"{host_of(url)}: {_why(error, url)}", _lost(error)) from None
        finally:
            if late.active():
                late.cancel()

    async def stop(self) -> None:
        """No connection is kept."""
        if self._pool is not None:
            pool: Any = self._pool
            await pool.closeCachedConnections()

    async def _followed(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes, redirects: int
    ) -> Answer:
        left = redirects if method in ("GET", "HEAD") else 0
        while True:
            answer = await self._asked(method, self._fit(url), headers, body)
            if answer.status not in (301, 302, 303, 307, 308) or not redirects:
                return answer
            if not left:
                raise NoAnswer(f"{host_of(url)} redirects, more than {redirects} times in all")
            left -= 1
            url = _joined(url, answer.header("location"))

    def _fit(self, url: str) -> str:
        """`url`, which may be anybody's."""
        try:
            parts = urlsplit(url)
            known = parts.scheme in self._schemes and bool(parts.hostname) and parts.port != 0
        except ValueError:
            known = False
        if not known or parts.username is not None or len(url) > LONGEST or not _plain(url):
            raise NoAnswer(f'"{safe(url)}" is no URL that can be asked; it has to begin with https://')
        return url

    async def _asked(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        sent = {"User-Agent": _ourselves(), **headers}
        try:
            response = await self._made().request(
                method, url, headers=sent, data=body, allow_redirects=False, unbuffered=True
            )
        except ValueError:  # Twisted's, and our own of names: there is more that is no host
            raise NoAnswer(f'"{safe(url)}" has no host that can be asked') from None
        octets = await _body(response, self._largest)
        return Answer(url, response.code, _headers(response.headers), octets)

    def _made(self) -> Any:
        """The roots take milliseconds and memory, and so do the libraries: only for who asks."""
        if self._client is None:
            from treq.client import HTTPClient
            from twisted.internet import reactor

            self._pool = Pool(reactor, self._reuse, self._largest)
            tls = _Judging(self._roots, certificate=self._certificate, key=self._key)
            agent = Agent(reactor, _Trust(tls), self._seconds, pool=self._pool)
            self._client = HTTPClient(AsItIs(agent))
        return self._client


class _Waited:
    """`result` is that of `work`; `off` is true when who waited for it has called it off."""

    def __init__(self, work: Deferred[Any]) -> None:
        self.off = False
        self.result: Deferred[Any] = Deferred(self._call_off)
        self._work = work.addBoth(self._hand_over)

    def _call_off(self, _: object) -> None:
        self.off = True
        self._work.cancel()

    def _hand_over(self, result: object) -> None:
        if not self.result.called:
            self.result.callback(result)


@cache
def _ourselves() -> str:
    return f"mailtwist/{version('mailtwist')}"


def host_of(url: str) -> str:
    """For sentences."""
    return safe(url.partition("://")[2].partition("/")[0].rpartition("@")[2])


# -- TLS


class _Judging(Outbound):
    """The verdict comes when the handshake is over, before anything is sent."""

    def _build(self) -> SSL.Context:
        context = super()._build()
        context.set_info_callback(_handshaken)
        return context


def _handshaken(connection: SSL.Connection, where: int, result: int) -> None:
    """OpenSSL's callback: it never raises.  It is called again when a session's ticket comes."""
    tls = connection.get_app_data()
    towards: Towards | None = getattr(tls, "towards", None)
    if not where & SSL.SSL_CB_HANDSHAKE_DONE or towards is None:
        return
    tls.towards = None
    try:
        towards.judge(connection)
    except Exception:
        tls.failVerification(Failure())


@implementer(IPolicyForHTTPS)
class _Trust:
    def __init__(self, outbound: Outbound) -> None:
        self._outbound = outbound

    def creatorForNetloc(self, hostname: bytes, port: int) -> Towards:
        return _Judged(self._outbound, hostname.decode("ascii"))


class _Judged(Towards):
    def clientConnectionForTLS(self, protocol: Any) -> SSL.Connection:
        protocol.towards = self
        return super().clientConnectionForTLS(protocol)


# -- HTTP


async def _body(response: Any, largest: int) -> bytes:
    try:
        body: bytes = await readBody(response)
    except PartialDownloadError as ended:  # a server that closes where it ends
        body = ended.response or b""
    if len(body) > largest:
        raise ResponseFailed([Failure(TooMuch())])
    return body


def _headers(headers: Headers) -> dict[str, tuple[str, ...]]:
    return {
        name.decode("latin-1").lower(): tuple(value.decode("latin-1") for value in values)
        for name, values in headers.getAllRawHeaders()
    }


# -- Why there is no answer


def _reasons(error: BaseException) -> list[BaseException]:
    """An error of Twisted's with all that are in it."""
    inner = getattr(error, "reasons", None) or []
    return [error, *(one for why in inner for one in _reasons(why.value))]


def _lost(error: BaseException) -> bool:
    """Before anything of an answer came."""
    if isinstance(error, RequestNotSent):
        return True
    silent = isinstance(error, ResponseNeverReceived | RequestTransmissionFailed)
    return silent and any(isinstance(one, _LOST) for one in _reasons(error))


def _why(error: BaseException, host: str) -> str:
    """What is innermost says most."""
    reasons = _reasons(error)[::-1]
    for one in reasons:
        if isinstance(one, CertificateRefused):
            return one.words
        if isinstance(one, SSL.Error):
            return explained(one, host)
        for kind, words in _WORDS:
            if isinstance(one, kind):
                return words
    return f"{type(reasons[0]).__name__}: {safe(str(reasons[0]), 200)}"


_WORDS: tuple[tuple[Any, str], ...] = (
    (TooMuch, "its answer is too big, or has no end"),
    (_LOST, "the connection was closed before there was a whole answer"),
    (DNSLookupError, "its name has no address, or DNS does not answer"),
    (ConnectionRefusedError, "it refuses connections"),
    (ParseError, "what answers there does not speak HTTP"),
)


def _joined(url: str, location: str) -> str:
    """'' when that is no URL at all."""
    try:
        return urljoin(url, location)
    except ValueError:
        return ""


def _plain(url: str) -> bool:
    return url.isascii() and url.isprintable() and " " not in url
