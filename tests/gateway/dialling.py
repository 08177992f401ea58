"""Mail servers of the inside for one test, on addresses of loopback, and a pool of them."""

from pathlib import Path

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.protocol import Protocol
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.trial.unittest import TestCase

from mailtwist.auth.api import Peer
from mailtwist.gateway.api import Guest
from mailtwist.gateway.dial import NotReached, Pool, Reach, Way
from mailtwist.kit.resolver import Unresolved
from mailtwist.testing.clock import ManualClock
from mailtwist.tls.contexts import ServerContexts
from mailtwist.tls.outbound import Outbound
from tests.loopback import Visited
from tests.tls.made import Authority

GUEST = Guest(
    address="203.0.113.5",
    peer=Peer(51234, "192.0.2.1", 993, "imap.example.org"),
    tls=True,
    connection="c0ffee",
)


class Names:
    """Addresses by name: `Resolves`."""

    def __init__(self, **table):
        self.table = {name.replace("_", "."): addresses for name, addresses in table.items()}

    async def addresses(self, name):
        found = self.table.get(name)
        if found is None:
            raise Unresolved(name, "no such name", known=True)
        return tuple(found)


class Greeting(Protocol):
    """Greets, and remembers what it was told first."""

    def __init__(self, server):
        self.server = server

    def connectionMade(self):
        self.server.here.append(self)
        if self.server.greeting is None:
            self.transport.loseConnection()
        else:
            self.transport.write(self.server.greeting)

    def dataReceived(self, data):
        self.server.heard += data
        if self.server.waits is not None and len(self.server.heard) >= self.server.waits[0]:
            (_, waits), self.server.waits = self.server.waits, None
            waits.callback(None)

    def connectionLost(self, reason):
        self.server.here.remove(self)


class Server:
    """One mail server of the inside, on an address of its own: 127.0.0.`number`, all on one port."""

    def __init__(self, case, number, port=0, contexts=None, greeting=b"* OK ready\r\n"):
        self.here = []
        self.heard = b""
        self.waits = None
        self.greeting = greeting

        visited = Visited(lambda: Greeting(self))
        factory = visited if contexts is None else TLSMemoryBIOFactory(contexts, False, visited)
        factory.noisy = False
        self.listens = reactor.listenTCP(port, factory, interface=f"127.0.0.{number}")
        self.port = self.listens.getHost().port
        case.addCleanup(visited.empty)
        case.addCleanup(self.listens.stopListening)

    async def hears(self, count):
        if len(self.heard) < count:
            self.waits = count, Deferred()
            await self.waits[1]
        return self.heard


class PoolCase(TestCase):
    def setUp(self):
        self.clock = ManualClock()
        self.names = Names(
            mail1_inside=["127.0.0.1"], mail2_inside=["127.0.0.2"], both_inside=["127.0.0.9", "127.0.0.1"]
        )
        self.hosts_drained = []
        self.noted = []
        self.root = Authority("Inside")

    def pool(self, way, *hosts, outbound=None, kind="imap", **reach):
        async def drained():
            return self.hosts_drained

        async def note(backends):
            self.noted.append(backends)

        return Pool(
            "inside", hosts or ["mail1.inside"], {kind: Way.parse(way)}, Reach(**reach),
            outbound or Outbound(), self.names, self.clock, drained, note,
        )  # fmt: skip

    async def called(self, pool, guest=GUEST, who="ann", kind="imap"):
        call = await pool.call(kind, guest, who)
        self.addCleanup(call.abort)
        return call

    async def served(self, pool, **more):
        """By which host; the call goes on."""
        call = await self.called(pool, **more)
        self.assertEqual(await call.line(), b"* OK ready")
        call.answered()
        return call

    async def refused(self, pool, **more):
        with self.assertRaises(NotReached) as caught:
            await pool.call(more.pop("kind", "imap"), more.pop("guest", GUEST), more.pop("who", "ann"))
        self.assertEqual((caught.exception.status, caught.exception.temporary), ("4.4.1", True))
        return caught.exception.detail

    def file(self, octets):
        path = Path(self.mktemp())
        path.write_bytes(octets)
        return path

    def serving(self, *names):
        contexts = ServerContexts()
        contexts.serve([self.root.bundle(*names)])
        return contexts

    async def gone(self, call):
        """The call has ended on both sides."""
        over = Deferred()
        ended = call.ended

        def told():
            ended()
            over.callback(None)

        call.ended = told
        call.close()
        await over


def later():
    """The reactor has had its turn."""
    done = Deferred()
    reactor.callLater(0.01, done.callback, None)
    return done
