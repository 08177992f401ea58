"""IMAP through the gateway: what passes, and what is answered here."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailtwist.gateway.relay.imap import BAD, IN_FLIGHT
from mailtwist.gateway.relay.imap_lines import LONGEST
from mailtwist.gateway.relay.imap_text import program
from mailtwist.gateway.relay.imap_words import NEVER, carried
from mailtwist.services.gateway import allowed
from tests.gateway.relay.imap_scene import CARRIED, OFFERS, Scene
from tests.gateway.relay.test_imap_lines import cut

BAD_COMMAND = b"BAD Unknown command, or not passed on\r\n"


class CommandsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.scene = Scene().logged_in()
        self.asks, self.says = self.scene.asks, self.scene.says

    def hears(self) -> bytes:
        return self.scene.client.read()

    def test_commands_pass_in_one_form(self) -> None:
        said = b'1 noop\r\n2 uid Fetch 1:* (FLAGS)\r\n3 SELECT "a \\"b\\" {5}"\r\n'
        self.assertEqual(
            self.asks(said), b'1 NOOP\r\n2 UID FETCH 1:* (FLAGS)\r\n3 SELECT "a \\"b\\" {5}"\r\n'
        )

    def test_what_is_not_known_does_not(self) -> None:
        for name in (
            "UNAUTHENTICATE",
            "LOGIN a b",
            "X-OTHER",
            "UID NOOP",
            "SORT (DATE) UTF-8 ALL",
            "UID",
            "UID ID NIL",
        ):
            self.assertEqual(self.asks(b"1 %b\r\n" % name.encode()), b"")
            self.assertEqual(self.hears(), b"1 " + BAD_COMMAND)

    def test_capability_is_answered_here(self) -> None:
        self.assertEqual(self.asks(b"1 capability\r\n"), b"")
        self.assertEqual(self.hears(), b"* CAPABILITY " + CARRIED + b"\r\n1 OK CAPABILITY completed\r\n")

    def test_so_is_id_and_the_program_is_noted(self) -> None:
        heard: list[str] = []
        self.scene.server.turns._heard_program = heard.append
        self.assertEqual(self.asks(b'1 ID ("name" "Mail \\" x" "os" NIL "version" "7")\r\n2 ID NIL\r\n'), b"")
        said = b'* ID ("name" "mailtwist")\r\n%d OK ID completed\r\n'
        self.assertEqual(self.hears(), said % 1 + said % 2)
        self.assertEqual(heard, ['Mail \\" x 7', ""])

    def test_of_a_program_without_end_the_beginning_is_noted(self) -> None:
        for value in (b"x" * 9000 + b'"', b'\\"' * 4000 + b'"', b"\\x" * 4000 + b'"'):
            self.assertEqual(program(b' ("os" "y" "name" "%b)' % value), value[:200].decode())

    def test_the_servers_own_words_about_capabilities_are_ours(self) -> None:
        said = self.says(
            b"* CAPABILITY IMAP4rev1 COMPRESS=DEFLATE MOVE\r\n"
            b"* OK [CAPABILITY IMAP4rev1 STARTTLS] x\r\n1 OK [capability IMAP4rev1 IDLE X] y\r\n"
        )
        self.assertEqual(
            said,
            b"* CAPABILITY IMAP4rev1 MOVE ID LITERAL+\r\n* OK [CAPABILITY IMAP4rev1 ID LITERAL+] x\r\n"
            b"1 OK [CAPABILITY IMAP4rev1 IDLE ID LITERAL+] y\r\n",
        )
        self.asks(b"1 CAPABILITY\r\n2 MOVE 1 x\r\n")
        self.assertIn(b"\r\n2 " + BAD_COMMAND, self.hears())
        self.assertEqual(
            self.says(b"2 OK [CAPABILITY IMAP4rev1 X\r\n"), b"2 OK [CAPABILITY IMAP4rev1 ID LITERAL+\r\n"
        )

    def test_no_server_has_that_many(self) -> None:
        before = carried.cache_info().currsize
        for said in (b"* CAPABILITY %b\r\n", b"1 OK [CAPABILITY %b] x\r\n"):
            self.setUp()
            self.assertEqual(
                self.says(said % (b"MOVE " * LONGEST)),
                b"* BYE [UNAVAILABLE] The server behind is not understood\r\n",
            )
        self.assertEqual(carried.cache_info().currsize, before)

    def test_a_literal_waits_until_it_is_asked_for(self) -> None:
        self.assertEqual(self.asks(b"1 APPEND INBOX {5}\r\n"), b"1 APPEND INBOX {5}\r\n")
        self.assertEqual(self.says(b"+ go\r\n"), b"+ go\r\n")
        self.assertEqual(self.asks(b"hello\r\n2 NOOP\r\n"), b"hello\r\n2 NOOP\r\n")
        self.assertEqual(self.says(b"1 OK\r\n"), b"1 OK\r\n")

    def test_one_that_was_not_asked_for_waits_here(self) -> None:
        self.assertEqual(self.asks(b"1 APPEND INBOX {5+}\r\nhello {2+}\r\n"), b"1 APPEND INBOX {5}\r\n")
        self.assertEqual(self.says(b"+ go\r\n"), b"", "the client does not wait for it")
        self.assertEqual(self.scene.behind.heard(), b"hello {2}\r\n")
        self.says(b"+\r\n")
        self.assertEqual(self.asks(b"ab\r\n"), b"ab\r\n")

    def test_one_that_is_refused_goes_nowhere(self) -> None:
        self.asks(b"1 APPEND INBOX {5+}\r\nhello {3+}\r\nabc\r\n2 NOOP\r\n")
        self.assertEqual(self.says(b"1 NO\r\n"), b"1 NO\r\n")
        self.assertEqual(self.scene.behind.heard(), b"2 NOOP\r\n")

    def test_of_one_that_is_too_big_too(self) -> None:
        self.asks(b"1 APPEND INBOX {5000000000}\r\n")
        self.assertTrue(self.hears().startswith(b"1 BAD "))
        self.asks(b"1 APPEND INBOX {5000000000+}\r\n")
        self.assertIn(b"* BYE The literal is too big\r\n", self.hears())

    def test_a_command_with_a_literal_waits_for_those_before(self) -> None:
        self.assertEqual(self.asks(b"1 NOOP\r\n2 SEARCH TEXT {3}\r\n"), b"1 NOOP\r\n")
        self.says(b"1 OK\r\n")
        self.assertEqual(self.scene.behind.heard(), b"2 SEARCH TEXT {3}\r\n")

    def test_an_answer_in_the_middle_of_a_literal_ends_it(self) -> None:
        self.asks(b"1 APPEND INBOX {50}\r\n")
        self.says(b"+ go\r\n")
        self.asks(b"x")
        said = self.says(b"1 NO full\r\n")
        self.assertEqual(said, b"1 NO full\r\n* BYE [UNAVAILABLE] The server behind is not understood\r\n")
        self.assertTrue(self.scene.behind.wire.disconnecting)

    def test_and_so_it_does_before_the_end_of_the_command(self) -> None:
        for rest in (b"", b" ", b" {5}\r\n"):
            scene = Scene().logged_in()
            scene.asks(b"1 APPEND INBOX {5}\r\n")
            scene.says(b"+ go\r\n")
            scene.asks(b"hello" + rest)
            self.assertIn(b"1 NO full\r\n* BYE ", scene.says(b"1 NO full\r\n"))

    def test_a_go_ahead_for_nobody_ends_it(self) -> None:
        self.asks(b"1 SEARCH {1}\r\n")
        self.says(b"1 NO\r\n")
        self.assertEqual(
            self.says(b"+ go\r\n"), b"* BYE [UNAVAILABLE] The server behind is not understood\r\n"
        )

    def test_what_is_wrong_behind_a_literal_ends_it(self) -> None:
        for rest in (b"x UNAUTHENTICATE", b' "open', b" \0", b" {3}x"):
            scene = Scene().logged_in()
            scene.asks(b"1 SEARCH {1}\r\n")
            scene.says(b"+\r\n")
            self.assertEqual(scene.asks(b"x" + rest + b"\r\n2 NOOP\r\n"), b"x")
            self.assertTrue(scene.client.read().startswith(b"* BYE "))

    def test_in_idle_only_done_passes(self) -> None:
        self.assertEqual(self.asks(b"1 IDLE\r\n2 NOOP\r\n\r\nx UNAUTHENTICATE {3+}\r\n"), b"1 IDLE\r\n")
        self.assertEqual(self.says(b"+ idling\r\n")[:12], b"+ idling\r\n2 ")
        self.assertEqual(self.asks(b"abc\r\n"), b"")
        self.assertEqual(self.says(b"* 3 EXISTS\r\n")[-12:], b"* 3 EXISTS\r\n")
        self.assertEqual(self.asks(b"done\r\n3 NOOP\r\n"), b"DONE\r\n3 NOOP\r\n")

    def test_a_literal_stands_where_an_argument_does(self) -> None:
        for text in (b"x{5}", b'"x"{5}', b"x~{5}", b"~ {5", b"x{5+}"):
            self.assertEqual(self.asks(b"1 SELECT %b\r\n" % text), b"", text)
            self.assertTrue(self.hears().startswith(b"1 BAD "))

    def test_done_is_nothing_but_done_and_idle_nothing_but_idle(self) -> None:
        self.assertEqual(self.asks(b"1 IDLE {18+}\r\nx UNAUTHENTICATE\r\n\r\n"), b"")
        self.assertEqual(self.hears(), b"1 BAD Expected no literal\r\n")
        self.assertEqual(self.asks(b"1 IDLE now\r\n"), b"1 IDLE\r\n")
        self.says(b"+ idling\r\n")
        self.assertEqual(self.asks(b"DONE now\r\nDONE {3+}\r\nx\r\n\r\n"), b"")
        self.assertEqual(self.hears(), b"DONE BAD Expected DONE\r\n" * 2)

    def test_idle_may_be_refused_or_ended(self) -> None:
        self.asks(b"1 IDLE\r\nDONE\r\n")
        self.assertEqual(self.says(b"1 NO\r\n"), b"1 NO\r\nDONE BAD Expected a tag and a command\r\n")
        self.asks(b"2 IDLE\r\n")
        self.says(b"+\r\n2 NO enough\r\n")
        self.assertEqual(self.asks(b"3 NOOP\r\n"), b"3 NOOP\r\n")

    def test_our_answers_wait_for_the_end_of_a_line(self) -> None:
        self.says(b"* 1 FETCH (BODY[] {9}\r\nabc")
        self.asks(b"1 X\r\n")
        self.assertEqual(self.hears(), b"")
        said = self.says(b"def\r\n1 )\r\n* 2 FETCH (BODY[] {9}\r\nabc")
        self.assertEqual(said, b"def\r\n1 )\r\n1 " + BAD_COMMAND + b"* 2 FETCH (BODY[] {9}\r\nabc")

    def test_only_so_many_of_them_wait(self) -> None:
        self.says(b"* 1 FETCH (BODY[] {9}\r\nabc")
        self.assertEqual(self.asks(b"1 CAPABILITY\r\n" * 9_000), b"")
        self.assertLess(len(self.scene.server.turns._late), 5_000)
        self.assertTrue(self.scene.client._held)
        self.assertGreater(len(self.says(b"def\r\n1 )\r\n")), 9_000 * 30)

    def test_only_so_many_commands_are_in_flight(self) -> None:
        self.assertEqual(self.asks(b"1 NOOP\r\n" * 1000), b"1 NOOP\r\n" * IN_FLIGHT)
        self.says(b"1 OK\r\n")
        self.assertEqual(self.scene.behind.heard(), b"1 NOOP\r\n")

    def test_nonsense_ends(self) -> None:
        self.asks(b"x\r\n" * 100)
        said = self.hears()
        self.assertEqual(said.count(b"BAD"), BAD)
        self.assertTrue(said.endswith(b"* BYE Too many commands that make no sense\r\n"))
        self.assertTrue(self.scene.client.disconnecting)
        self.assertTrue(self.scene.behind.wire.disconnecting)

    def test_a_line_that_is_too_long_is_refused(self) -> None:
        self.assertEqual(self.asks(b"1 FETCH " + b"1," * 32_100 + b"1 FLAGS\r\n2 NOOP\r\n"), b"2 NOOP\r\n")
        self.assertEqual(self.hears(), b"* BAD Line too long\r\n")

    def test_lines_end_with_both(self) -> None:
        for said in (b"1 NOOP\n", b"1 NOOP\r2 NOOP\r\n", b"1 NOOP\n2 NOOP\r\n"):
            scene = Scene().logged_in()
            self.assertEqual(scene.asks(said + b"3 NOOP\r\n"), b"")
            self.assertEqual(scene.client.read(), b"* BYE CR and LF come in pairs only\r\n")

    def test_what_came_with_the_login_is_read(self) -> None:
        scene = Scene()
        scene.client.read()
        self.assertEqual(scene.asks(b'1 LOGIN ann "sec ret "\r\n2 NOOP\r\n3 X\r\n4 NO'), b"2 NOOP\r\n")
        self.assertTrue(scene.client.read().endswith(b"Logged in\r\n3 " + BAD_COMMAND))
        self.assertEqual(scene.asks(b"OP\r\n"), b"4 NOOP\r\n")

    @given(st.lists(st.integers(0, 1000), max_size=10), st.lists(st.integers(0, 1000), max_size=10))
    def test_any_cutting_gives_the_same(self, of_client: list[int], of_server: list[int]) -> None:
        scene = Scene().logged_in()
        said = b"1 NOOP\r\n2 APPEND x {5+}\r\nhello {2+}\r\nab\r\n3 X {3+}\r\nabc\r\n"
        said += b"4 IDLE\r\nDONE\r\n5 NOOP\r\n"
        answers = [b"1 OK\r\n", b"+ go\r\n", b"+ go\r\n", b"2 OK\r\n", b"+ idling\r\n", b"4 OK\r\n"]
        heard = b"".join([scene.asks(piece) for piece in cut(said, of_client)])
        got = b""
        for answer in answers:
            for piece in cut(answer, of_server):
                got += scene.says(piece)
                heard += scene.behind.heard()
        self.assertEqual(
            heard, b"1 NOOP\r\n2 APPEND x {5}\r\nhello {2}\r\nab\r\n4 IDLE\r\nDONE\r\n5 NOOP\r\n"
        )
        self.assertEqual(got, b"1 OK\r\n3 " + BAD_COMMAND + b"2 OK\r\n+ idling\r\n4 OK\r\n")


class WordsTests(SynchronousTestCase):
    def test_what_is_allowed_passes(self) -> None:
        scene = Scene(allow=("X-OTHER", "LOGIN"))
        scene.logged_in()
        self.assertEqual(scene.asks(b"1 X-OTHER a\r\n2 LOGIN a b\r\n"), b"1 X-OTHER a\r\n")

    def test_some_things_are_never_allowed(self) -> None:
        self.assertEqual(allowed(("x-other",), NEVER), {"X-OTHER"})  # type: ignore[arg-type]
        for name in ("unauthenticate", "LOGIN", "Compress"):
            self.assertRaises(ValueError, allowed, (name,), NEVER)
        self.assertFalse(NEVER & carried(OFFERS, NEVER).commands)

    def test_a_command_needs_what_was_offered(self) -> None:
        few = carried(("IMAP4rev1",)).commands
        for name in ("MOVE", "IDLE", "UID EXPUNGE", "ENABLE", "NAMESPACE"):
            self.assertNotIn(name, few)
            self.assertIn(name, carried(("IMAP4rev2",)).commands)
        self.assertIn("UID THREAD", carried(("IMAP4rev1", "THREAD=REFS")).commands)

    def test_what_cannot_be_carried_is_not_told(self) -> None:
        words = carried((*OFFERS, "X\xff", "AUTH=X", "LOGINDISABLED", "JMAPACCESS", "LITERAL+")).words
        self.assertEqual(" ".join(words).encode(), CARRIED)

    def test_imap4rev1_is_there_in_any_case(self) -> None:
        self.assertEqual(carried(()).words, ("IMAP4rev1", "ID", "LITERAL+"))
