"""A connection that we made."""

import socket
from math import inf
from pathlib import Path

from twisted.internet import reactor
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.protocol import Protocol
from twisted.trial.unittest import TestCase

from mailtwist.gateway.connecting import connected
from mailtwist.kit.spawn import started
from mailtwist.protocols.client import LIMIT, PARTING, Call, NotAnswered
from mailtwist.testing.clock import ManualClock
from mailtwist.tls.contexts import ServerContexts
from mailtwist.tls.outbound import Outbound
from tests.loopback import listening
from tests.tls.made import Authority


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


class ReadingTests(CallCase):
    async def test_lines_come_without_their_ends(self):
        call = await self.made()
        self.says(b"* OK\r\nbare\n\r\nin \r between\r\n")
        self.assertEqual([await call.line() for _ in range(4)], [b"* OK", b"bare", b"", b"in \r between"])

    async def test_a_line_that_comes_in_pieces_is_one(self):
        call = await self.made()
        line = started(call.line())
        for octet in b"* OK ready\r":
            self.says(bytes([octet]))
            await later()
        self.assertNoResult(line)
        self.says(b"\nmore")
        self.assertEqual(await line, b"* OK ready")
        self.assertEqual(call.unread, 4)

    async def test_a_line_has_a_longest(self):
        call = await self.made()
        self.says(b"12345678\r\n12345678\n")
        self.assertEqual([await call.line(8), await call.line(8)], [b"12345678"] * 2)
        self.says(b"123456789\r\n")
        error = await self.refused(call.line(8))
        self.assertEqual(error.detail, "mail.inside:143: a line of more than 8 octets")
        self.assertTrue(call.over)
        await self.there.gone

    async def test_a_line_without_end_is_not_waited_for(self):
        call = await self.made()
        self.says(b"x" * 8195)
        error = await self.refused(call.line())
        self.assertEqual((error.status, error.why), ("4.5.0", "a line of more than 8192 octets"))

    async def test_octets_are_counted(self):
        call = await self.made()
        self.says(b"abc\r\ndef")
        self.assertEqual(
            [await call.octets(5), await call.octets(0), await call.octets(3)], [b"abc\r\n", b"", b"def"]
        )

    async def test_more_octets_than_are_held_otherwise_come_when_they_are_asked_for(self):
        call = await self.made()
        much = bytes(range(256)) * 4096
        self.says(much + b"\r\n")
        self.assertEqual(await call.octets(len(much)), much)
        self.assertEqual(await call.line(), b"")

    async def test_what_nobody_asks_for_is_held_up_to_a_bound(self):
        call = await self.made()
        self.says(b"x" * 20_000_000)
        for _ in range(20):
            await later()
        self.assertLess(call.unread, LIMIT + 128 * 1024 + 1)
        self.assertEqual(len(await call.octets(20_000_000)), 20_000_000)

    async def test_one_reads_at_a_time(self):
        call = await self.made()
        first = started(call.line())
        with self.assertRaises(AssertionError):
            await call.line()
        self.says(b"hello\r\n")
        self.assertEqual(await first, b"hello")


class WaitingTests(CallCase):
    async def test_an_answer_has_its_time(self):
        call = await self.made()
        line = started(call.line())
        self.clock.advance(29)
        self.says(b"* O")
        await later()
        self.assertNoResult(line)
        self.clock.advance(1)
        error = self.failureResultOf(line, NotAnswered).value
        self.assertEqual((error.status, error.detail), ("4.4.2", "mail.inside:143: no answer in time"))
        self.assertTrue(call.over)
        await self.there.gone

    async def test_a_whole_login_has_its_time(self):
        call = await self.made()
        call.until = self.clock.seconds() + 40
        self.clock.advance(35)
        line = started(call.line())
        self.clock.advance(5)
        self.failureResultOf(line, NotAnswered)
        call = await self.made()
        call.until = self.clock.seconds()
        line = started(call.line())
        self.clock.advance(0)
        self.failureResultOf(line, NotAnswered)

    async def test_no_timer_is_left(self):
        call = await self.made()
        self.says(b"one\r\n")
        await call.line()
        call.hand_over(Taking())
        self.assertEqual(self.clock.reactor.getDelayedCalls(), [])

    async def test_who_is_called_off_leaves_the_call_as_it_was(self):
        call = await self.made()
        line = started(call.line())
        line.cancel()
        self.failureResultOf(line, CancelledError)
        self.says(b"one\r\n")
        self.assertEqual(await call.line(), b"one")

    async def test_whoever_waits_hears_that_we_hang_up(self):
        for end in (Call.close, Call.abort):
            call = await self.made()
            line = started(call.line())
            end(call)
            self.failureResultOf(line, NotAnswered)
            await self.there.gone


class EndTests(CallCase):
    async def test_what_came_before_the_end_can_be_read(self):
        call = await self.made()
        self.says(b"421 too many\r\nha")
        self.there.transport.loseConnection()
        await later()
        self.assertEqual(await call.line(), b"421 too many")
        error = await self.refused(call.line())
        self.assertIn("mail.inside:143: Connection was closed", error.detail)

    async def test_a_server_that_shuts_its_side_has_gone(self):
        call = await self.made()
        line = started(call.line())
        self.there.transport.loseWriteConnection()
        error = await self.refused(line)
        self.assertEqual(error.status, "4.4.2")

    async def test_a_reset_is_an_end(self):
        call = await self.made()
        line = started(call.line())
        self.there.transport.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
        self.there.transport.abortConnection()
        await self.refused(line)
        self.assertTrue(call.over)
        call.write(b"nobody hears this")

    async def test_ended_is_told_once(self):
        ends = []
        for end in (Call.close, Call.abort, lambda call: self.there.transport.loseConnection()):
            call = await self.made()
            call.ended = lambda: ends.append(1)
            end(call)
            await self.there.gone
            await later()
            call.abort()
        self.assertEqual(ends, [1, 1, 1])
        self.assertEqual(self.clock.reactor.getDelayedCalls(), [])

    async def test_what_was_written_goes_out_before_the_end(self):
        call = await self.made()
        call.write(b"x" * 5_000_000 + b"QUIT\r\n")
        call.close()
        await self.there.gone
        self.assertEqual(len(self.there.heard), 5_000_006)

    async def test_a_server_that_does_not_take_it_is_cut_off(self):
        call = await self.made()
        self.there.transport.pauseProducing()
        call.write(b"x" * 20_000_000)
        call.close()
        await later()
        self.assertFalse(self.there.gone.called)
        self.clock.advance(PARTING)
        self.there.transport.resumeProducing()
        await self.there.gone
        self.assertLess(len(self.there.heard), 20_000_000)


class WritingTests(CallCase):
    async def test_drained_waits_for_room(self):
        call = await self.made()
        await call.drained()
        self.there.transport.pauseProducing()
        call.write(b"x" * 20_000_000)
        waits = started(call.drained())
        self.assertNoResult(waits)
        self.there.transport.resumeProducing()
        await waits
        self.assertEqual(len(await self.there.hears(20_000_000)), 20_000_000)

    async def test_many_small_writes_are_no_way_round_it(self):
        call = await self.made()
        self.there.transport.pauseProducing()
        for _ in range(20_000):
            call.write(b"x" * 1000)
        waits = started(call.drained())
        self.assertNoResult(waits)
        self.clock.advance(30)
        error = self.failureResultOf(waits, NotAnswered).value
        self.assertEqual(error.why, "does not take what is sent to it")
        self.there.transport.resumeProducing()

    async def test_an_answer_meanwhile_is_kept(self):
        call = await self.made()
        self.there.transport.pauseProducing()
        call.write(b"x" * 20_000_000)
        waits = started(call.drained())
        self.says(b"552 too big\r\n")
        await later()
        self.assertNoResult(waits)
        self.there.transport.resumeProducing()
        await waits
        self.assertEqual(await call.line(), b"552 too big")


class HandingOverTests(CallCase):
    async def test_what_comes_goes_to_another_one(self):
        call = await self.made()
        self.says(b"A OK\r\n* unread")
        self.assertEqual(await call.line(), b"A OK")
        taking = Taking()
        self.assertEqual(call.hand_over(taking), b"* unread")
        came = taking.came
        self.says(b" rest\r\n")
        await came
        self.assertEqual(taking.octets, b" rest\r\n")
        self.there.transport.loseConnection()
        await taking.end
        await later()
        self.assertEqual(taking.ended, 1)

    async def test_reading_that_was_held_goes_on(self):
        call = await self.made()
        self.says(b"x" * 3_000_000)
        for _ in range(10):
            await later()
        taking = Taking()
        unread = call.hand_over(taking)
        while len(unread + taking.octets) < 3_000_000:
            await taking.came

    async def test_it_can_be_paused(self):
        call = await self.made()
        taking = Taking()
        call.hand_over(taking)
        call.pause()
        self.says(b"later")
        await later()
        self.assertEqual(taking.octets, b"")
        came = taking.came
        call.resume()
        await came
        self.assertEqual(taking.octets, b"later")

    async def test_another_producer_may_come(self):
        call = await self.made()
        call.write(b"x" * 100_000)
        call.hand_over(Taking())
        call.transport.registerProducer(self, True)
        call.transport.unregisterProducer()

    def pauseProducing(self):
        pass

    resumeProducing = stopProducing = pauseProducing

    async def test_an_end_that_came_meanwhile_is_told_in_the_next_turn(self):
        call = await self.made()
        self.says(b"* BYE\r\n")
        self.there.transport.loseConnection()
        await later()
        taking = Taking()
        self.assertEqual(call.hand_over(taking), b"* BYE\r\n")
        self.assertEqual(taking.ended, 0)
        self.clock.advance(0)
        self.assertEqual(taking.ended, 1)

    async def test_after_our_own_end_nothing_is_told(self):
        for end in (Call.close, Call.abort):
            call = await self.made()
            taking = Taking()
            call.hand_over(taking)
            end(call)
            self.says(b"late")
            await self.there.gone
            await later()
            call.pause()
            call.resume()
            self.assertEqual((taking.octets, taking.ended), (b"", 0))


class TlsTests(CallCase):
    def setUp(self):
        super().setUp()
        authority = Authority()
        self.contexts = self.serving(authority.bundle("mail.inside", "127.0.0.1"))
        roots = self.file(authority.pem)
        self.towards = Outbound(roots=roots).context("mail.inside")

    def serving(self, *bundles):
        contexts = ServerContexts()
        contexts.serve(bundles)
        return contexts

    def file(self, octets):
        path = Path(self.mktemp())
        path.write_bytes(octets)
        return path

    async def test_tls_begins_on_our_word_and_lines_go_on(self):
        call = await self.made()
        tls = started(call.start_tls(self.towards))
        self.there.transport.startTLS(self.contexts)
        await tls
        self.assertTrue(call.encrypted)
        self.says(b"220 in private\r\n")
        self.assertEqual(await call.line(), b"220 in private")
        call.write(b"QUIT\r\n")
        self.assertEqual(await self.there.hears(6), b"QUIT\r\n")

    async def test_much_passes_both_ways_under_tls(self):
        call = await self.made(self.contexts)
        await call.start_tls(self.towards)
        much = bytes(range(256)) * 20_000
        call.write(much)
        waits = started(call.drained())
        self.assertEqual(await self.there.hears(len(much)), much)
        await waits
        self.says(much)
        self.assertEqual(await call.octets(len(much)), much)
        call.close()
        await self.there.gone

    async def test_octets_in_clear_behind_the_answer_are_no_answer(self):
        call = await self.made()
        self.says(b"220 go\r\n250-mail.inside\r\n250 AUTH PLAIN\r\n")
        self.assertEqual(await call.line(), b"220 go")
        error = await self.refused(call.start_tls(self.towards))
        self.assertEqual(
            (error.status, error.why), ("4.7.0", "octets in clear behind the answer to STARTTLS")
        )
        await self.there.gone
        self.assertEqual(self.there.heard, b"")

    async def test_octets_in_clear_that_come_later_are_none_either(self):
        call = await self.made()
        tls = started(call.start_tls(self.towards))
        self.says(b"250-mail.inside\r\n250 AUTH PLAIN\r\n")
        error = await self.refused(tls)
        self.assertEqual(error.status, "4.7.5")
        self.assertIn("does not speak TLS", error.why)

    async def test_a_handshake_has_its_time(self):
        call = await self.made()
        tls = started(call.start_tls(self.towards))
        self.clock.advance(30)
        self.failureResultOf(tls, NotAnswered)
        await self.there.gone

    async def test_a_server_that_hangs_up_in_the_handshake_is_told_so(self):
        call = await self.made()
        tls = started(call.start_tls(self.towards))
        self.there.transport.loseConnection()
        error = await self.refused(tls)
        self.assertEqual(error.why, "the connection was closed during the TLS handshake")

    async def test_nothing_is_said_to_a_server_with_the_wrong_certificate(self):
        call = await self.made(self.serving(Authority("Else").bundle("mail.inside")))
        with self.assertRaises(Exception) as caught:
            await call.start_tls(self.towards)
        self.assertEqual(caught.exception.status, "4.7.5")
        call.write(b"A LOGIN ann secret\r\n")
        await self.there.gone
        self.assertEqual(self.there.heard, b"")

    async def test_the_end_under_tls_is_an_end(self):
        call = await self.made(self.contexts)
        await call.start_tls(self.towards)
        call.until = inf
        taking = Taking()
        call.hand_over(taking)
        self.there.transport.loseConnection()
        await taking.end
        self.assertEqual(taking.ended, 1)
