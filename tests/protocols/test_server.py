"""What a server knows of its connection: that it comes from ourselves, for one."""

from twisted.internet.address import IPv4Address
from twisted.trial.unittest import SynchronousTestCase

from mailtwist.kit import outgoing
from mailtwist.protocols.proxy import Header
from mailtwist.protocols.server import peer


class Transport:
    """A connection from 127.0.0.1."""

    def __init__(self, port, hops=None):
        self.port = port
        self.front = None if hops is None else Header(hops=hops)

    def getPeer(self):
        return IPv4Address("TCP", "127.0.0.1", self.port)

    def getHost(self):
        return IPv4Address("TCP", "127.0.0.1", 143)


class HopsTests(SynchronousTestCase):
    def test_who_comes_from_ourselves_has_come_through_us(self):
        over = outgoing.made("127.0.0.1", 50000, hops=2)
        self.assertEqual(peer(Transport(50000)).hops, 2)
        self.assertEqual(peer(Transport(50001)).hops, 0)
        over()
        self.assertEqual(peer(Transport(50000)).hops, 0)
        over()

    def test_the_most_that_is_known_counts(self):
        self.addCleanup(outgoing.made("127.0.0.1", 50000, hops=2))
        for said, header, hops in [(0, None, 2), (3, None, 3), (1, 1, 2), (0, 3, 3)]:
            self.assertEqual(peer(Transport(50000, header), said).hops, hops)
