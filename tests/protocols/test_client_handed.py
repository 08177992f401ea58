"""A connection that we made, handed over to somebody else, or under TLS."""

from math import inf
from pathlib import Path

from mailtwist.kit.spawn import started
from mailtwist.protocols.client import Call, NotAnswered
from mailtwist.tls.contexts import ServerContexts
from mailtwist.tls.outbound import Outbound
from tests.protocols.calling import CallCase, Taking, later
from tests.tls.made import Authority


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
