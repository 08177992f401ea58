"""A connection that we made: what is read and written, how long that may take, how it ends."""

import socket

from twisted.internet.defer import CancelledError

from mailtwist.kit.spawn import started
from mailtwist.protocols.client import LIMIT, PARTING, Call, NotAnswered
from tests.protocols.calling import CallCase, Taking, later


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
        self.assertIn("mail.inside:143: the server has hung up", error.detail)

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
        error = await self.refused(line)
        self.assertEqual((error.why, call.over), ("the connection was lost", True))
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

    async def test_an_answer_meanwhile_ends_the_waiting(self):
        call = await self.made()
        self.there.transport.pauseProducing()
        call.write(b"x" * 20_000_000)
        waits = started(call.drained())
        self.assertNoResult(waits)
        self.says(b"552 too big\r\n")
        await waits
        self.there.transport.resumeProducing()
        self.assertEqual(await call.line(), b"552 too big")
