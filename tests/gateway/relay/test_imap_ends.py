"""How IMAP through the gateway ends, and who waits for whom."""

from itertools import count

from twisted.cred.portal import Portal
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from mailtwist.gateway.relay.joined import AWHILE, Bounds
from tests.gateway.relay.imap_scene import Scene
from tests.protocols.pop3.scene import Checker


class EndsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.scene = Scene().logged_in()
        self.client, self.behind = self.scene.client, self.scene.behind

    def ended(self, *, whole: bool = True) -> None:
        self.assertTrue(self.behind.wire.disconnecting or self.behind.wire.disconnected)
        self.assertEqual((self.client.disconnecting, self.client.aborted), (True, not whole))
        self.client.hang_up()
        self.assertEqual(self.scene.realm.out, [b"ann"])
        self.scene.clock.advance(100)
        self.assertEqual(self.scene.clock.reactor.getDelayedCalls(), [])

    def test_a_server_that_goes_leaves_a_bye(self) -> None:
        self.behind.dies()
        self.assertEqual(self.client.read(), b"* BYE [UNAVAILABLE] The server behind has gone\r\n")
        self.ended()

    def test_but_not_in_the_middle_of_an_answer(self) -> None:
        for said in (b"* 1 FETCH (BODY[] {9}\r\nabc", b"* 1 FETCH (BODY[] {3}\r\nabc"):
            self.setUp()
            self.scene.says(said)
            self.behind.dies()
            self.assertEqual(self.client.read(), b"")
            self.ended(whole=False)

    def test_half_a_line_was_not_told(self) -> None:
        self.assertEqual(self.scene.says(b"* 1 FETCH (FLA"), b"")
        self.behind.dies()
        self.assertEqual(self.client.read(), b"* BYE [UNAVAILABLE] The server behind has gone\r\n")
        self.ended()

    def test_a_server_that_has_said_goodbye_has_said_it(self) -> None:
        self.scene.asks(b"1 LOGOUT\r\n")
        said = b"* BYE so long\r\n1 OK\r\n"
        self.assertEqual(self.scene.says(said), said)
        self.behind.dies()
        self.assertEqual(self.client.read(), b"")
        self.ended()

    def test_nothing_is_said_for_a_client_that_has_gone(self) -> None:
        self.client.hang_up()
        self.assertEqual(self.behind.heard(), b"")
        self.assertTrue(self.behind.wire.disconnecting)

    def test_who_says_no_more_hears_the_answers(self) -> None:
        self.scene.asks(b"1 NOOP\r\n2 SEARCH {1+}\r\nx\r\n")
        self.scene.server.readConnectionLost()
        self.assertEqual(self.scene.says(b"1 OK\r\n"), b"1 OK\r\n")
        self.assertEqual(self.scene.says(b"+\r\n"), b"")
        self.assertTrue(self.behind.heard().endswith(b"x\r\n"))
        self.assertEqual(self.scene.says(b"2 OK\r\n"), b"2 OK\r\n* BYE Goodbye\r\n")
        self.ended()

    def test_also_when_he_listens_slowly(self) -> None:
        self.client.window = 100
        self.scene.asks(b"1 SEARCH ALL\r\n2 SEARCH {1+}\r\nx\r\n")
        self.scene.server.readConnectionLost()
        self.behind.says(b"* SEARCH" + b" 1" * 100 + b"\r\n1 OK\r\n")
        self.assertFalse(self.client.disconnecting)
        self.client.read()
        self.assertEqual(self.behind.heard(), b"2 SEARCH {1}\r\n")
        self.scene.says(b"+\r\n")
        self.assertEqual(self.scene.says(b"2 OK\r\n"), b"2 OK\r\n* BYE Goodbye\r\n")
        self.ended()

    def test_but_not_for_half_a_command(self) -> None:
        for said in (b"1 NO", b"1 APPEND x {5}\r\n"):
            self.setUp()
            self.scene.asks(said)
            self.scene.says(b"+\r\n" if b"{" in said else b"")
            self.scene.server.readConnectionLost()
            self.assertIn(b"* BYE ", self.client.read())
            self.ended()

    def test_before_login_it_is_the_end(self) -> None:
        scene = Scene()
        scene.server.readConnectionLost()
        self.assertTrue(scene.client.disconnecting)
        scene.client.hang_up()

    def test_who_is_dismissed_hears_it_at_the_end_of_a_line(self) -> None:
        self.scene.asks(b"1 FETCH 1 BODY[]\r\n")
        self.scene.says(b"* 1 FETCH (BODY[] {9}\r\nabc")
        self.scene.server.dismiss("revoked")
        said = self.scene.says(b"def\r\n1 )\r\n* 2 EXISTS\r\n1 OK\r\n")
        self.assertEqual(said, b"def\r\n1 )\r\n* BYE Your login is over, log in again\r\n")
        self.ended()

    def test_or_at_once(self) -> None:
        self.scene.asks(b"1 NOOP\r\n")
        self.scene.server.dismiss("revoked")
        self.assertEqual(self.client.read(), b"* BYE Your login is over, log in again\r\n")
        self.ended()

    def test_or_is_cut_off(self) -> None:
        self.scene.says(b"* 1 FETCH (BODY[] {9}\r\nabc")
        self.scene.server.dismiss("revoked")
        self.scene.clock.advance(1)
        self.assertTrue(self.client.aborted)

    def test_a_service_that_ends_lets_what_was_asked_be_answered(self) -> None:
        self.scene.asks(b"1 NOOP\r\n")
        self.scene.server.finish()
        self.assertEqual(self.scene.asks(b"2 NOOP\r\n"), b"")
        said = self.scene.says(b"1 OK\r\n")
        self.assertEqual(said, b"1 OK\r\n* BYE [UNAVAILABLE] The server is going down\r\n")
        self.ended()

    def test_also_when_it_begins_to_end_during_the_login(self) -> None:
        for dismissed in (False, True):
            self.scene = scene = Scene()
            self.client, self.behind = scene.client, scene.behind
            checker = Checker()
            checker.gate = gate = Deferred()
            scene.server.portal = Portal(scene.realm, [checker])
            self.client.send(b'1 LOGIN ann "sec ret "\r\n')
            if dismissed:
                scene.server.dismiss("revoked")
            else:
                scene.server.door.closing = True
                scene.server.finish()
            self.client.read()
            gate.callback(None)
            self.assertRegex(self.client.read(), rb"\A1 OK [^\r]+\r\n\* BYE [^\r]+\r\n\Z")
            self.ended()

    def test_but_does_not_wait_for_idle(self) -> None:
        self.scene.asks(b"1 IDLE\r\n")
        self.scene.says(b"+\r\n")
        self.scene.server.finish()
        self.assertEqual(self.client.read(), b"* BYE [UNAVAILABLE] The server is going down\r\n")
        self.ended()

    def test_half_an_hour_of_idle_stays_up(self) -> None:
        self.scene.asks(b"1 IDLE\r\n")
        self.scene.says(b"+\r\n")
        self.scene.clock.advance(30 * 60)
        self.assertEqual(self.scene.asks(b"DONE\r\n"), b"DONE\r\n")
        self.scene.says(b"1 OK\r\n")
        self.scene.clock.advance(31 * 60)
        self.assertEqual(self.client.read(), b"* BYE Too long without a command\r\n")
        self.ended()

    def test_who_stops_in_the_middle_of_a_command_is_not_waited_for_so_long(self) -> None:
        self.scene.asks(b"1 NO")
        self.scene.clock.advance(60)
        self.assertEqual(self.client.read(), b"* BYE Too long without a command\r\n")
        self.ended()

    def test_who_waits_for_the_server_may_wait(self) -> None:
        self.scene.asks(b"1 SEARCH ALL\r\n2 SEARCH {1+}\r\nx")
        self.scene.clock.advance(1800)
        self.assertFalse(self.client.disconnecting)

    def test_a_client_that_does_not_leave_is_cut_off(self) -> None:
        self.behind.dies()
        self.assertFalse(self.client.aborted)
        self.scene.clock.advance(60)
        self.assertTrue(self.client.aborted)


class RoomTests(SynchronousTestCase):
    """Nobody is read from whose octets nobody takes."""

    def setUp(self) -> None:
        self.scene = Scene(bounds=Bounds(drain=100)).logged_in()
        self.client, self.behind = self.scene.client, self.scene.behind

    def test_a_client_that_does_not_read_stops_the_server(self) -> None:
        self.client.window = 100_000
        self.behind.says(b"* 1 FETCH (BODY[] {10000000}\r\n" + b"x" * 10_000_000 + b")\r\n")
        self.assertLess(len(self.client._out), 300_000)
        got = b""
        while piece := self.client.read():
            got += piece
        self.assertEqual(len(got), 10_000_033)
        self.client.window = None

    def test_and_when_it_goes_the_server_need_not_say_the_rest(self) -> None:
        self.client.window = 100_000
        self.behind.says(b"* 1 FETCH (BODY[] {10000000}\r\n" + b"x" * 200_000)
        self.client.hang_up()
        self.assertTrue(self.behind.wire.aborted)
        self.assertEqual(self.scene.clock.reactor.getDelayedCalls(), [])

    def test_for_some_time(self) -> None:
        self.client.window = 100_000
        self.behind.says(b"* 1 FETCH (BODY[] {10000000}\r\n" + b"x" * 200_000)
        self.scene.clock.advance(100)
        self.assertTrue(self.client.aborted)
        self.assertTrue(self.behind.wire.disconnecting)

    def test_its_commands_wait_too(self) -> None:
        self.client.window = 1000
        self.assertEqual(self.scene.asks(b"1 CAPABILITY\r\n" * 10_000), b"")
        self.assertLess(len(self.client._out), 2000)
        self.assertLess(len(self.scene.server.turns._in), 200_000)
        self.client.window = None
        self.client.read()
        self.assertEqual(self.scene.asks(b"2 NOOP\r\n"), b"2 NOOP\r\n")

    def test_others_have_their_turn_between_its_commands(self) -> None:
        clock = self.scene.clock
        now = count()
        clock.seconds = lambda: next(now) * AWHILE / 10  # type: ignore[method-assign]
        self.scene.server.dataReceived(b"1 ID NIL\r\n" * 1000)
        self.scene.server.readConnectionLost()
        first = self.client.read().count(b"completed")
        clock.advance(0)
        self.assertEqual((first < 100, first + self.client.read().count(b"completed")), (True, 1000))
        self.assertTrue(self.client.disconnecting)

    def test_a_server_that_does_not_read_stops_the_client(self) -> None:
        self.behind.wire.window = 100_000
        self.scene.asks(b"1 APPEND x {10000000}\r\n")
        self.scene.says(b"+\r\n")
        self.client.send(b"x" * 10_000_000 + b"\r\n")
        self.assertLess(len(self.behind.wire._out), 300_000)
        self.assertLess(len(self.scene.server.turns._in), 200_000)
        got = b""
        while piece := self.behind.heard():
            got += piece
        self.assertEqual(len(got), 10_000_002)

    def test_and_when_that_goes_the_client_is_read_from_again(self) -> None:
        self.behind.wire.window = 1000
        self.scene.asks(b"1 APPEND x {10000000}\r\n")
        self.scene.says(b"+\r\n")
        self.client.send(b"x" * 1_000_000)
        self.assertTrue(self.client._held)
        self.behind.dies()
        self.assertFalse(self.client._held, "TLS ends when the other side says so")

    def test_not_for_ever(self) -> None:
        self.behind.wire.window = 1000
        self.scene.asks(b"1 APPEND x {10000000}\r\n")
        self.scene.says(b"+\r\n")
        self.client.send(b"x" * 100_000)
        self.scene.clock.advance(100)
        self.assertEqual(self.client.read(), b"* BYE [UNAVAILABLE] The server behind does not take it\r\n")
