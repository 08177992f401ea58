"""Connections that send at once."""

from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.protocol import Factory, Protocol
from twisted.trial.unittest import TestCase

from mailtwist.config.network import Endpoint
from mailtwist.services.listen import bind, serve
from mailtwist.services.sockets import Prompt

running: Any = reactor
BIG = b"x" * (8 << 20)


class Told(Protocol):
    def __init__(self, case):
        self.case = case

    def connectionMade(self):
        self.case.here.callback(self)

    def connectionLost(self, reason):
        self.case.gone.callback(None)


class Reader(Protocol):
    """The other end; reads when told to."""

    def __init__(self, case):
        self.case = case
        self.octets = 0

    def connectionMade(self):
        self.transport.pauseProducing()

    def dataReceived(self, data):
        self.octets += len(data)

    def connectionLost(self, reason):
        self.case.read.callback(self.octets)


class Pulled:
    """Gives a piece whenever it is asked, and tells how deep it was asked."""

    def __init__(self, transport, pieces):
        self.transport, self.pieces, self.deep, self.deepest = transport, pieces, 0, 0

    def resumeProducing(self):
        self.deep += 1
        self.deepest = max(self.deep, self.deepest)
        self.pieces -= 1
        self.transport.write(b"piece")
        if self.pieces == 0:
            self.transport.unregisterProducer()
            self.transport.loseConnection()
        self.deep -= 1

    def stopProducing(self): ...


class PromptTests(TestCase):
    def setUp(self):
        self.here, self.gone, self.read = Deferred(), Deferred(), Deferred()
        (bound,) = bind(Endpoint("127.0.0.1", 0))
        self.port = serve(bound, Factory.forProtocol(lambda: Told(self)))
        self.addCleanup(self.port.stopListening)

    async def met(self):
        """(ours, the other end)"""
        from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol

        where = TCP4ClientEndpoint(running, "127.0.0.1", self.port.getHost().port)
        other = await connectProtocol(where, Reader(self))
        return await self.here, other

    async def ended(self, other):
        other.transport.resumeProducing()
        await self.gone
        return await self.read

    async def test_an_answer_goes_out_without_asking_the_reactor(self):
        ours, other = await self.met()
        asked = []
        self.patch(running, "addWriter", asked.append)
        ours.transport.write(b"220 ready\r\n")
        self.assertEqual((type(ours.transport), asked), (Prompt, []))
        self.patch(running, "addWriter", type(running).addWriter.__get__(running))
        ours.transport.loseConnection()
        self.assertEqual(await self.ended(other), 11)

    async def test_what_does_not_fit_waits_and_then_goes_out_whole(self):
        ours, other = await self.met()
        ours.transport.write(BIG)
        ours.transport.write(b"the end")
        ours.transport.loseConnection()
        self.assertEqual(await self.ended(other), len(BIG) + 7)

    async def test_who_gives_when_asked_is_not_asked_from_within_his_own_giving(self):
        ours, other = await self.met()
        producer = Pulled(ours.transport, 500)
        ours.transport.registerProducer(producer, False)
        self.assertEqual(await self.ended(other), 500 * 5)
        self.assertLess(producer.deepest, 3)

    async def test_a_peer_that_has_gone_is_noticed_once(self):
        ours, other = await self.met()
        other.transport.abortConnection()
        await self.read
        for _ in range(3):
            ours.transport.write(BIG)
        await self.gone
        ours.transport.write(b"nobody hears that")
