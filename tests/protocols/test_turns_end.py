"""How turns and connections end: peers that trickle, do not read or go away, and turns that fail."""

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.protocol import Factory
from twisted.trial.unittest import SynchronousTestCase

from mailtwist.protocols.patience import SLOWEST
from mailtwist.protocols.turns import shield
from mailtwist.testing.wire import Wire
from tests.protocols.turning import Case, Server, Stock


class TimeTests(Case):
    def test_a_peer_that_says_nothing(self):
        self.pass_time(599)
        self.say(b"ECHO 1")
        self.pass_time(599)
        self.assertEqual(self.heard(), [b"1"])
        self.clock.advance(1)
        self.assertEqual(self.heard(), [b"too slow"])
        self.assertTrue(self.wire.disconnecting)

    def test_a_stock_setting_counts(self):
        self.assertEqual(self.server.setTimeout(5), 600)
        self.say(b"ECHO 1")
        self.clock.advance(5)
        self.assertEqual(self.heard(), [b"1", b"too slow"])

    def test_a_line_that_trickles(self):
        for _ in range(60):
            self.wire.send(b"x")
            self.clock.advance(1)
        self.assertEqual(self.heard(), [b"too slow"])

    def test_a_literal_that_trickles(self):
        self.say(b"READ 100000")
        for _ in range(60):
            self.wire.send(b"x")
            self.clock.advance(1)
        self.assertEqual(self.heard(), [b"too slow"])

    def test_a_block_that_trickles(self):
        self.say(b"DATA")
        for _ in range(60):
            self.wire.send(b"x\r\n")
            self.clock.advance(1)
        self.assertEqual(self.heard(), [b"too slow"])

    def test_a_block_that_is_just_fast_enough(self):
        self.say(b"DATA")
        for _ in range(600):
            self.wire.send(b"x" * SLOWEST)
            self.clock.advance(1)
        self.say(b"", b".")
        self.assertEqual(self.heard(), [b"taken"])

    def test_our_own_time_is_not_the_peers(self):
        self.say(b"WAIT")
        self.pass_time(10000, 100)
        self.assertEqual(self.heard(), [])
        self.server.gate.callback(None)
        self.pass_time(599)
        self.assertEqual(self.heard(), [b"waited"])

    def test_our_own_time_within_a_block_is_not_the_peers(self):
        async def slow(rest):
            async for _ in self.server.turns.block():
                await self.server.gate
            self.server.say(b"taken")

        self.server.do_SLOW = slow
        self.say(b"SLOW", b"a")
        self.pass_time(1000)
        self.server.gate.callback(None)
        self.pass_time(59)
        self.say(b".")
        self.assertEqual(self.heard(), [b"taken"])

    def test_a_peer_that_does_not_let_us_close_is_cut_off(self):
        self.say(b"BYE")
        self.assertEqual(self.heard(), [b"bye"])
        self.pass_time(59)
        self.assertFalse(self.wire.aborted)
        self.clock.advance(1)
        self.assertTrue(self.wire.aborted)


class OutputTests(Case):
    def test_a_peer_that_stops_reading_stops_us(self):
        self.wire.window = 10000
        self.say(b"FLOOD 1000")
        self.assertLess(len(self.wire._out), 12000)
        heard = 0
        while more := len(self.wire.read()):
            self.assertLess(more, 12000)
            heard += more
        self.assertEqual(heard, 1000000 + len(b"flooded\r\n"))

    def test_a_pipeline_for_a_peer_that_does_not_read_is_not_executed(self):
        async def do_LONG(rest):
            self.server.say(b"x" * 2000)

        self.server.do_LONG = do_LONG
        self.wire.window = 1000
        self.say(*[b"LONG"] * 5000)
        self.assertLess(len(self.server.did), 50)

    def test_a_peer_that_never_reads_is_cut_off(self):
        self.wire.window = 10000
        self.say(b"FLOOD 1000")
        self.pass_time(299)
        self.assertFalse(self.wire.disconnected)
        self.clock.advance(1)
        self.assertTrue(self.wire.aborted)
        self.assertNotIn(b"too slow", self.wire.read())


class EndTests(Case):
    def test_a_peer_that_goes_cancels_what_its_turn_waits_for(self):
        self.say(b"WAIT", b"ECHO 1")
        self.wire.hang_up()
        self.assertEqual(self.server.did, [b"WAIT", "cancelled"])

    def test_a_peer_that_goes_cancels_what_a_turn_began(self):
        self.say(b"TWICE", b"ECHO 1")
        self.wire.hang_up()
        self.assertEqual(self.server.did, [b"TWICE", "cancelled"])

    def test_a_peer_that_goes_while_it_is_awaited(self):
        for lines in ([], [b"DATA", b"a"], [b"READ 5"], [b"IDLE"]):
            server = Server()
            server.clock = self.clock
            wire = Wire(server)
            wire.send(b"".join(line + b"\r\n" for line in lines))
            wire.hang_up()
            self.assertEqual(self.clock.reactor.getDelayedCalls(), self.wire_timer())

    def wire_timer(self):
        return [self.server.turns._patience._timer]

    def test_nothing_is_read_after_the_end(self):
        self.say(b"BYE", b"ECHO 1")
        self.say(b"ECHO 2")
        self.assertEqual(self.heard(), [b"bye"])
        self.assertEqual(self.server.did, [b"BYE"])

    def test_a_third_party_may_close_the_transport(self):
        self.wire.loseConnection = lambda: setattr(self.wire, "disconnecting", True)
        self.say(b"FOREIGN", b"ECHO 1")
        self.assertEqual(self.server.did, [b"FOREIGN"])
        self.assertIsNone(self.wire._producer)

    def test_a_third_party_may_close_before_anything_is_said(self):
        class Shy(Server):
            def connectionMade(self):
                self.transport.loseConnection()
                super().connectionMade()

        server = Shy()
        server.clock = self.clock
        wire = Wire(server)
        server.dataReceived(b"ECHO 1\r\n")
        self.assertEqual((server.did, wire.disconnecting), ([], True))
        wire.hang_up()

    def test_a_turn_that_fails_answers_and_is_logged(self):
        self.say(b"ECHO 1", b"FAIL", b"ECHO 2")
        self.assertEqual(self.heard(), [b"1", b"our fault"])
        self.assertTrue(self.wire.disconnecting)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_a_part_of_a_turn_that_fails_is_logged_too(self):
        async def both(rest):
            self.server.turns.also(self.server.do_FAIL(rest))
            self.server.turns.also(self.server.do_WAIT(rest))

        self.server.do_BOTH = both
        self.say(b"BOTH")
        self.assertEqual(self.heard(), [b"our fault"])
        self.assertEqual(self.server.did, [b"BOTH", "cancelled"])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_a_turn_whose_wait_is_cancelled_by_others_has_failed(self):
        self.say(b"WAIT")
        self.server.gate.cancel()
        self.assertEqual(self.heard(), [b"our fault"])
        self.assertEqual(len(self.flushLoggedErrors(CancelledError)), 1)

    def test_a_service_that_ends_says_farewell(self):
        self.server.finish()
        self.assertEqual(self.heard(), [b"farewell"])
        self.assertTrue(self.wire.disconnecting)

    def test_a_service_that_ends_lets_a_turn_end(self):
        self.say(b"WAIT", b"ECHO 1")
        self.server.finish()
        self.assertEqual(self.heard(), [])
        self.server.gate.callback(None)
        self.assertEqual(self.heard(), [b"waited", b"farewell"])
        self.assertEqual(self.server.did, [b"WAIT"])

    def test_a_factory_may_build_it_bare(self):
        self.assertIsInstance(Factory.forProtocol(Server).buildProtocol(None), Stock)


class ShieldTests(SynchronousTestCase):
    def setUp(self):
        self.work, self.undone = Deferred(), []
        self.result = shield(self.work, self.undone.append)

    def test_a_result_in_time(self):
        self.work.callback("avatar")
        self.assertEqual((self.successResultOf(self.result), self.undone), ("avatar", []))

    def test_a_result_that_is_late_is_undone(self):
        self.result.cancel()
        self.failureResultOf(self.result, CancelledError)
        self.assertEqual(self.undone, [])
        self.work.callback("avatar")
        self.assertEqual(self.undone, ["avatar"])

    def test_a_failure_that_is_late_is_logged(self):
        self.result.cancel()
        self.failureResultOf(self.result, CancelledError)
        self.work.errback(ZeroDivisionError())
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
