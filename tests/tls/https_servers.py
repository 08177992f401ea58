"""HTTPS servers that say what a test wants them to say, and the client that asks them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from OpenSSL import SSL
from twisted.internet import reactor, ssl
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IOpenSSLServerConnectionCreator
from twisted.internet.protocol import Factory, Protocol
from twisted.trial.unittest import TestCase
from zope.interface import implementer

from mailtwist.kit.clock import SystemClock
from mailtwist.kit.spawn import started
from mailtwist.tls.https import Https, NoAnswer
from tests.tls.made import Authority

ROOT = Authority("Root of HTTPS")
WELL = b"HTTP/1.1 200 Well\r\nContent-Type: application/json; charset=utf-8\r\nContent-Length: 8\r\n\r\n"


class Talker(Protocol):
    """Says what `factory.says` makes of each request: octets, or nothing."""

    def connectionMade(self) -> None:
        self.heard = b""
        self.factory.connections.append(self)
        self.gone: Deferred[None] = Deferred()

    def dataReceived(self, data: bytes) -> None:
        self.heard += data
        while b"\r\n\r\n" in self.heard:
            head, _, rest = self.heard.partition(b"\r\n\r\n")
            length = next(
                (int(line[15:]) for line in head.split(b"\r\n") if line[:15] == b"Content-Length:"), 0
            )
            if len(rest) < length:
                return
            self.heard = rest[length:]
            self.factory.requests.append(head + b"\r\n\r\n" + rest[:length])
            said = self.factory.says(head)
            if said is None:
                self.transport.loseConnection()
            else:
                self.transport.write(said)

    def connectionLost(self, reason: Any = None) -> None:
        self.gone.callback(None)


class Server(Factory):
    protocol = Talker
    noisy = False

    def __init__(self, says: Callable[[bytes], bytes | None]) -> None:
        self.says = says
        self.connections: list[Any] = []
        self.requests: list[bytes] = []


@implementer(IOpenSSLServerConnectionCreator)
class Context:
    def __init__(self, chain: bytes, key: bytes, most: int) -> None:
        self.made = context(chain, key, most)

    def serverConnectionForTLS(self, protocol: Any) -> SSL.Connection:
        return SSL.Connection(self.made, None)


def context(chain: bytes, key: bytes, most: int) -> SSL.Context:
    made = SSL.Context(SSL.TLS_SERVER_METHOD)
    certificate = ssl.PrivateCertificate.loadPEM(chain + key)
    made.use_certificate(certificate.original)
    made.use_privatekey(certificate.privateKey.original)
    if most:
        made.set_cipher_list(b"ALL:@SECLEVEL=0")
        made.set_min_proto_version(SSL.TLS1_VERSION)
        made.set_max_proto_version(most)
    return made


class HttpsCase(TestCase):
    timeout = 180

    def serve(self, says: Callable[[bytes], bytes | None], *names: str, **how: Any) -> Server:
        """At self.url, with a certificate for `names`."""
        by = how.pop("by", ROOT)
        most = how.pop("most", 0)
        chain, key = by.leaf(*(names or ("localhost",)), **how)
        server = Server(says)
        port = reactor.listenSSL(0, server, Context(chain, key, most), interface="127.0.0.1")
        self.url = f"https://localhost:{port.getHost().port}"

        async def stop() -> None:
            await port.stopListening()
            for one in server.connections:
                if not one.gone.called:
                    one.transport.abortConnection()
                    await one.gone

        self.addCleanup(lambda: started(stop()))
        return server

    def https(self, clock: Any = None, **how: Any) -> Https:
        roots = Path(self.mktemp())
        roots.write_bytes(ROOT.pem)
        made = Https(clock or SystemClock(), **{"roots": roots, **how})
        self.addCleanup(lambda: started(made.stop()))
        return made

    async def no_answer(self, asking: Any, *words: str) -> NoAnswer:
        try:
            answer = await asking
        except NoAnswer as error:
            for one in words:
                self.assertIn(one, error.words)
            return error
        self.fail(f"an answer: {answer}")


async def turn() -> None:
    """The reactor does what it has to do."""
    turned: Deferred[None] = Deferred()
    reactor.callLater(0, turned.callback, None)
    await turned


async def turns() -> None:
    """What was written has come."""
    for _ in range(20):
        await turn()
