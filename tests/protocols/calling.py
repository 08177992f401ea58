"""A connection that we made to a server of the test, whose clock the test turns."""

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.protocol import Protocol
from twisted.trial.unittest import TestCase

from mailtwist.kit.connecting import connected
from mailtwist.protocols.client import Call, NotAnswered
from mailtwist.testing.clock import ManualClock
from tests.loopback import listening


class There(Protocol):
    """The server: what it has heard, and whether we are gone."""

    def __init__(self):
        self.heard = b""
        self.came = Deferred()
        self.gone = Deferred()
        self._waits = None

    def connectionMade(self):
        self.came.callback(self)

    def dataReceived(self, data):
        self.heard += data
        if self._waits and len(self.heard) >= self._waits[0]:
            waits, self._waits = self._waits[1], None
            waits.callback(None)

    async def hears(self, count):
        """The first `count` octets, once they have come."""
        if len(self.heard) < count:
            self._waits = count, Deferred()
            await self._waits[1]
        heard, self.heard = self.heard[:count], self.heard[count:]
        return heard

    def connectionLost(self, reason):
        self.gone.callback(None)


class Taking:
    """A `Receiver`."""

    def __init__(self):
        self.octets = b""
        self.ended = 0
        self.end = Deferred()
        self.came = Deferred()

    def received(self, data):
        self.octets += data
        came, self.came = self.came, Deferred()
        came.callback(None)

    def lost(self):
        self.ended += 1
        self.end.callback(None)


def later():
    """The reactor has had its turn."""
    done = Deferred()
    reactor.callLater(0.01, done.callback, None)
    return done


class CallCase(TestCase):
    def setUp(self):
        self.clock = ManualClock()

    async def made(self, contexts=None):
        """Both ends."""
        self.there = There()
        self.port = listening(self, lambda: self.there, contexts)
        call = Call("mail.inside:143", self.clock, 30)
        await connected(call, "127.0.0.1", self.port, 10)
        self.addCleanup(lambda: self.there.gone)
        self.addCleanup(call.abort)
        await self.there.came
        return call

    def says(self, octets):
        self.there.transport.write(octets)

    async def refused(self, waits):
        with self.assertRaises(NotAnswered) as caught:
            await waits
        return caught.exception
