"""Who comes in, who is told that it is full, and how everybody leaves."""

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from mailtwist.config.network import Networks
from mailtwist.kit.events import connection_id
from mailtwist.kit.spawn import started
from mailtwist.services.door import Door, Guest
from mailtwist.services.limits import Connections


class Ticking(Clock):
    def later(self, seconds, call, *args):
        return self.callLater(seconds, call, *args)


class Plain(Guest):
    """Says hello; leaves when asked, unless it is busy."""

    busy = False
    leaving = False
    id = ""

    def connectionMade(self):
        self.id = connection_id.get()
        self.transport.write(b"hello\r\n")

    def finish(self):
        self.leaving = True
        if not self.busy:
            self.transport.loseConnection()


class TheDoor(SynchronousTestCase):
    def setUp(self):
        self.clock = Ticking()
        self.door = self.made()

    def made(self, most=100, trusted=""):
        networks = Networks.parse(trusted) if trusted else Networks()
        held = Connections(most, most, most)
        return Door("x", Plain, held, b"421 full", networks, self.clock)

    def come(self, host="192.0.2.1", door=None):
        kind = IPv6Address if ":" in host else IPv4Address
        guest = (door or self.door).buildProtocol(kind("TCP", host, 1))
        guest.makeConnection(StringTransport())
        return guest

    def go(self, guest):
        guest.connectionLost(Failure(ConnectionDone()))

    def test_a_guest_is_present_until_it_goes(self):
        guest = self.come()
        self.assertEqual(self.door.present, {guest})
        self.go(guest)
        self.assertEqual(self.door.present, set())

    def test_one_too_many_hears_why_and_is_gone(self):
        door = self.made(most=1)
        first, second = self.come(door=door), self.come(door=door)
        self.assertEqual(second.transport.value(), b"421 full\r\n")
        self.assertTrue(second.transport.disconnecting)
        self.go(first)
        self.assertEqual(self.come(door=door).transport.value(), b"hello\r\n")

    def test_one_too_many_that_does_not_listen_is_cut_off(self):
        door = self.made(most=1)
        self.come(door=door)
        second = self.come(door=door)
        self.clock.advance(10)
        self.assertTrue(second.transport.disconnected)

    def test_a_refused_one_that_goes_leaves_nothing_behind(self):
        door = self.made(most=1)
        self.come(door=door)
        self.go(self.come(door=door))
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_trusted_networks_are_not_counted(self):
        door = self.made(most=1, trusted="192.0.2.0/24")
        self.assertEqual({self.come(door=door).transport.value() for _ in range(3)}, {b"hello\r\n"})
        self.go(next(iter(door.present)))
        self.assertEqual(self.come("198.51.100.1", door).transport.value(), b"hello\r\n")
        self.assertEqual(self.come("198.51.100.1", door).transport.value(), b"421 full\r\n")

    def test_ipv4_through_ipv6_is_ipv4(self):
        door = self.made(most=1)
        self.assertEqual(self.come("::ffff:192.0.2.1", door).address, "192.0.2.1")
        self.assertEqual(self.come("192.0.2.1", door).transport.value(), b"421 full\r\n")

    def test_each_connection_has_an_id_of_its_own(self):
        ids = {self.come().id, self.come().id, connection_id.get()}
        self.assertEqual(len(ids), 3)

    def test_finishing_an_empty_door_is_done_at_once(self):
        self.assertIsNone(self.successResultOf(started(self.door.finish(30))))
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_finishing_waits_for_who_is_busy(self):
        idle, busy = self.come(), self.come()
        busy.busy = True
        done = started(self.door.finish(30))
        self.assertTrue(idle.transport.disconnecting)
        self.go(idle)
        self.assertNoResult(done)
        self.assertTrue(busy.leaving)
        self.go(busy)
        self.successResultOf(done)

    def test_who_is_busy_for_too_long_is_cut_off(self):
        busy = self.come()
        busy.busy = True
        done = started(self.door.finish(30))
        self.clock.advance(29)
        self.assertFalse(busy.transport.disconnected)
        self.clock.advance(1)
        self.assertTrue(busy.transport.disconnected)
        self.go(busy)
        self.successResultOf(done)

    def test_who_was_in_the_queue_leaves_at_once(self):
        busy = self.come()
        busy.busy = True
        started(self.door.finish(30))
        self.assertTrue(self.come().transport.disconnecting)
