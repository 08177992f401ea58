"""Who comes in, who is told that it is full, and how everybody leaves."""

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.logger import globalLogPublisher
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from mailtwist.config.network import Networks
from mailtwist.kit.spawn import started
from mailtwist.services.door import MOST_REFUSED, Door, Guest
from mailtwist.services.limits import Connections


class Ticking(Clock):
    def later(self, seconds, call, *args):
        return self.callLater(seconds, call, *args)


class Plain(Guest):
    """Says hello; a line keeps it busy until `done`."""

    def connectionMade(self):
        self.done = Deferred()
        self.turns.write(b"hello\r\n")
        super().connectionMade()

    async def turn(self, line):
        await self.done

    def farewell(self):
        self.turns.write(b"bye\r\n")


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

    def test_a_flood_does_not_fill_the_log(self):
        told = []
        globalLogPublisher.addObserver(told.append)
        self.addCleanup(globalLogPublisher.removeObserver, told.append)
        door = self.made(most=1)
        for _ in range(5):
            self.come(door=door)
        self.clock.advance(1)
        self.come(door=door)
        counts = [e["count"] for e in told if e.get("event_id") == "connection.too_many"]
        self.assertEqual(counts, [1, 4])

    def test_a_refused_one_that_goes_leaves_nothing_behind(self):
        door = self.made(most=1)
        self.come(door=door)
        before = self.clock.getDelayedCalls()
        self.go(self.come(door=door))
        self.assertEqual(self.clock.getDelayedCalls(), before)

    def test_of_a_flood_only_some_hear_why(self):
        door = self.made(most=1)
        self.come(door=door)
        refused = [self.come(door=door) for _ in range(MOST_REFUSED + 5)]
        self.assertEqual({one.transport.value() for one in refused[:MOST_REFUSED]}, {b"421 full\r\n"})
        for one in refused[MOST_REFUSED:]:
            self.assertEqual((one.transport.value(), one.transport.disconnected), (b"", True))
            self.go(one)
        self.go(refused[0])
        self.assertEqual(self.come(door=door).transport.value(), b"421 full\r\n")

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

    def busy(self):
        guest = self.come()
        guest.dataReceived(b"work\r\n")
        return guest

    def test_finishing_an_empty_door_is_done_at_once(self):
        self.assertIsNone(self.successResultOf(started(self.door.finish(30))))
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_finishing_waits_for_who_is_busy(self):
        idle, busy = self.come(), self.busy()
        done = started(self.door.finish(30))
        self.assertEqual(idle.transport.value(), b"hello\r\nbye\r\n")
        self.go(idle)
        self.assertNoResult(done)
        self.assertEqual(busy.transport.value(), b"hello\r\n")
        busy.done.callback(None)
        self.assertEqual(busy.transport.value(), b"hello\r\nbye\r\n")
        self.go(busy)
        self.successResultOf(done)

    def test_who_is_busy_for_too_long_is_cut_off(self):
        busy = self.busy()
        done = started(self.door.finish(30))
        self.clock.advance(29)
        self.assertFalse(busy.transport.disconnected)
        self.clock.advance(1)
        self.assertTrue(busy.transport.disconnected)
        self.go(busy)
        self.successResultOf(done)

    def test_who_has_heard_goodbye_and_stays_is_not_waited_for(self):
        idle, busy = self.come(), self.busy()
        started(self.door.finish(30))
        self.clock.pump([2, 1.5])
        self.assertTrue(idle.transport.disconnected)
        self.assertFalse(busy.transport.disconnected)

    def test_who_is_dismissed_hears_goodbye(self):
        guest = self.come()
        guest.dismiss("revoked")
        guest.dismiss("disabled")
        self.assertEqual(guest.transport.value(), b"hello\r\nbye\r\n")
        self.assertTrue(guest.transport.disconnecting)
        self.go(guest)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_who_is_dismissed_and_stays_is_cut_off(self):
        idle, busy = self.come(), self.come()
        busy.dataReceived(b"work\r\n")
        for guest in (idle, busy):
            guest.dismiss("revoked")
            self.assertFalse(guest.transport.disconnected)
        self.clock.advance(0.5)
        self.assertEqual((idle.transport.disconnected, busy.transport.disconnected), (True, True))

    def test_what_is_being_decided_is_answered_first(self):
        """A message that is taken is never taken without a word (rfc5321#6.1)."""
        guest = self.come()
        guest.dataReceived(b"work\r\n")
        guest.settling = True
        guest.dismiss("revoked")
        self.clock.pump([0.5] * 10)
        self.assertFalse(guest.transport.disconnected)
        guest.settling = False
        guest.turns.write(b"250 taken\r\n")
        guest.done.callback(None)
        self.assertEqual(guest.transport.value(), b"hello\r\n250 taken\r\nbye\r\n")
        self.clock.advance(0.5)
        self.assertTrue(guest.transport.disconnected)

    def test_who_was_in_the_queue_leaves_at_once(self):
        self.busy()
        started(self.door.finish(30))
        late = self.come()
        self.assertEqual(late.transport.value(), b"hello\r\nbye\r\n")
        self.assertTrue(late.transport.disconnecting)

    def test_each_connection_is_logged_under_its_own_id(self):
        told = []
        globalLogPublisher.addObserver(told.append)
        self.addCleanup(globalLogPublisher.removeObserver, told.append)
        first, second = self.come(), self.come()
        self.go(first)
        events = [(e["event_id"], e["connection"]) for e in told if "event_id" in e]
        self.assertEqual(
            events,
            [
                ("connection.opened", first.turns.id),
                ("connection.opened", second.turns.id),
                ("connection.closed", first.turns.id),
            ],
        )
        self.assertNotEqual(first.turns.id, second.turns.id)
