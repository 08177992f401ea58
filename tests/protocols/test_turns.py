"""One turn at a time, whatever the peer sends."""

from mailtwist.kit.events import connection_id
from mailtwist.protocols.patience import Stretch
from mailtwist.protocols.received import LIMIT
from tests.protocols.turning import Case


class OrderTests(Case):
    def test_a_pipelined_command_waits(self):
        self.say(b"ECHO 1", b"WAIT", b"ECHO 2", b"ECHO 3")
        self.assertEqual(self.heard(), [b"1"])
        self.assertEqual(self.server.did, [b"ECHO 1", b"WAIT"])
        self.server.gate.callback(None)
        self.assertEqual(self.heard(), [b"waited", b"2", b"3"])

    def test_what_a_turn_began_is_part_of_it(self):
        self.say(b"TWICE x", b"ECHO 2")
        self.assertEqual(self.heard(), [b"x"])
        self.server.gate.callback(None)
        self.assertEqual(self.heard(), [b"waited", b"2"])

    def test_replies_to_a_pipeline_leave_in_one_write(self):
        writes = []
        self.patch(self.wire, "write", writes.append)
        self.say(*[b"ECHO %d" % n for n in range(50)])
        self.assertEqual(len(writes), 1)
        self.assertEqual(writes[0].split(), [b"%d" % n for n in range(50)])

    def test_stock_replies_keep_their_place(self):
        self.server.do_STOCK = self.stock
        self.say(b"ECHO 1", b"STOCK", b"ECHO 3")
        self.assertEqual(self.heard(), [b"1", b"2", b"3"])

    async def stock(self, rest):
        self.server.sendLine(b"2")

    def test_a_long_pipeline_lets_the_reactor_work(self):
        self.say(*[b"ECHO x"] * (Stretch.TURNS * 3 - 1))
        self.assertEqual(len(self.heard()), Stretch.TURNS)
        self.clock.advance(0)
        self.clock.advance(0)
        self.assertEqual(len(self.heard()), Stretch.TURNS * 2 - 1)

    def test_slow_commands_let_the_reactor_work_the_sooner(self):
        async def slow(rest):
            self.clock.reactor.rightNow += Stretch.SECONDS / 2
            self.server.say(b"slow")

        self.server.do_SLOW = slow
        self.say(*[b"SLOW"] * 8, b"ECHO x")
        told = [len(self.heard())]
        while told[-1]:
            self.clock.advance(0)
            told.append(len(self.heard()))
        self.assertEqual((told[0], sum(told)), (3, 9))

    def test_a_turn_knows_its_connection(self):
        async def do_ID(rest):
            self.server.say(connection_id.get().encode())

        self.server.do_ID = do_ID
        self.say(b"ID")
        self.assertEqual(self.heard(), [self.server.turns.id.encode()])
        self.assertEqual(connection_id.get(), "")


class InputTests(Case):
    def test_reading_pauses_when_much_is_unread(self):
        self.say(b"WAIT", *[b"ECHO " + b"x" * 994] * 200)
        self.assertLess(len(self.server.turns._in), LIMIT * 2)
        self.assertTrue(self.wire._held)
        self.server.gate.callback(None)
        for _ in range(3):
            self.clock.advance(0)
        self.assertEqual(len(self.heard()), 201)

    def test_a_literal_is_cut_out(self):
        self.say(b"READ 6", b"a\r\nb\r\nECHO 1")
        self.assertEqual(self.heard(), [b"read a", b"b", b"", b"1"])

    def test_an_unread_literal_is_not_executed(self):
        self.say(b"PEEK 20")
        self.wire.send(b"x")
        self.wire.send(b"ECHO evil\r\nECHO evi")
        self.assertEqual(self.heard(), [b"peeked"])
        self.wire.send(b"ECHO good\r\n")
        self.assertEqual(self.heard(), [b"good"])

    def test_an_unread_block_is_not_executed(self):
        self.say(b"GLANCE", b"a", b"ECHO evil", b"..", b".", b"ECHO good")
        self.assertEqual(self.heard(), [b"no: enough", b"good"])

    def test_a_block(self):
        self.say(b"DATA", b"..a", b"b", b".", b"ECHO 1")
        self.assertEqual(b"".join(self.server.box), b".a\r\nb\r\n")
        self.assertEqual(self.heard(), [b"taken", b"1"])

    def test_a_block_with_a_bare_lf_ends_the_connection_when_it_ends(self):
        self.say(b"DATA", b"a\n.\nECHO evil", b".", b"ECHO evil")
        self.assertEqual(self.heard(), [b"no: CR and LF come in pairs only"])
        self.assertTrue(self.wire.disconnecting)

    def test_a_line_too_long_need_not_be_the_end(self):
        self.say(b"ECHO " + b"x" * 5000, b"ECHO 1")
        self.assertEqual(self.heard(), [b"no: Line too long", b"1"])

    def test_reading_goes_on_after_a_line_that_filled_the_buffer(self):
        self.say(b"ECHO " + b"x" * (LIMIT - 8))
        self.say(b"ECHO 1")
        self.assertEqual(self.heard(), [b"no: Line too long", b"1"])

    def test_a_line_without_end_is_the_end(self):
        self.wire.send(b"x" * LIMIT)
        self.assertEqual(self.heard(), [b"no: The line has no end"])
        self.assertTrue(self.wire.disconnecting)

    def test_what_came_before_tls_is_dropped(self):
        self.say(b"TLS", b"ECHO evil")
        self.assertEqual(self.heard(), [b"go on"])
        self.assertEqual(self.wire.secured, ["context"])
        self.say(b"ECHO 1")
        self.assertEqual(self.heard(), [b"1"])

    def test_what_filled_the_buffer_before_tls_is_dropped_too(self):
        self.server.do_LATER = self.later
        self.say(b"LATER", *[b"ECHO evil"] * 20000)
        self.assertTrue(self.wire._held)
        self.server.gate.callback(None)
        self.assertEqual(self.heard(), [b"go on"])
        self.say(b"ECHO 1")
        self.assertEqual(self.heard(), [b"1"])

    async def later(self, rest):
        await self.server.gate
        await self.server.do_TLS(rest)


class TellTests(Case):
    def test_something_is_told_while_a_line_is_awaited(self):
        self.say(b"IDLE")
        self.server.turns.tell()
        self.assertEqual(self.heard(), [b"news"])
        self.wire.send(b"DO")
        self.server.turns.tell()
        self.wire.send(b"NE\r\nECHO 1\r\n")
        self.assertEqual(self.heard(), [b"news", b"done DONE", b"1"])

    def test_what_was_told_before_is_told_once(self):
        self.server.turns.tell()
        self.server.turns.tell()
        self.say(b"ECHO 1", b"IDLE", b"DONE")
        self.assertEqual(self.heard(), [b"1", b"done DONE"])
        self.say(b"IDLE")
        self.assertEqual(self.heard(), [b"news"])

    def test_idling_has_its_own_patience(self):
        self.say(b"IDLE")
        self.pass_time(1799)
        self.assertEqual(self.heard(), [])
        self.clock.advance(1)
        self.assertEqual(self.heard(), [b"too slow"])
