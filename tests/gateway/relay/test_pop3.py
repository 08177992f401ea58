"""POP3 through the gateway: what passes, what is answered here, and how it ends."""

import re
from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailtwist.gateway.relay.joined import Bounds
from mailtwist.gateway.relay.pop3 import MOST_BAD, MOST_IN_FLIGHT
from mailtwist.gateway.relay.pop3_commands import NEVER
from tests.gateway.relay.entrance import Entrance
from tests.gateway.relay.test_pop3_answers import cut
from tests.hearing import heard

CAPA = (
    b"+OK Capability list follows\r\nPIPELINING\r\nRESP-CODES\r\nAUTH-RESP-CODE\r\n"
    b"TOP\r\nUIDL\r\nIMPLEMENTATION x\r\nLANG\r\n.\r\n"
)
PASSES = re.compile(
    rb"(STAT|NOOP|RSET|QUIT|(LIST|UIDL)( \d{1,10})?|(RETR|DELE) \d{1,10}|TOP \d{1,10} \d{1,10}"
    rb"|LANG( [A-Za-z0-9*-]+)?)"
)


def serving(entrance: Entrance) -> Callable[[], list[bytes]]:
    """A server behind that answers each line, a dot-ended list where one is due; gives what it heard."""
    heard: list[bytes] = []

    def serve() -> list[bytes]:
        said = entrance.behind.heard()
        assert said.endswith(b"\r\n") or not said
        for line in said.split(b"\r\n")[:-1]:
            heard.append(line)
            name, _, rest = line.partition(b" ")
            lines = name in (b"RETR", b"TOP") or (name in (b"LIST", b"UIDL", b"LANG") and not rest)
            entrance.behind.says(b"+OK %b\r\n" % line + b"..x\r\n.\r\n" * lines)
        return heard

    return serve


class Pop3RelayTests(SynchronousTestCase):
    def test_commands_pass_in_one_form(self) -> None:
        entrance = Entrance("pop3").logged_in()
        entrance.client.send(b"stat\r\nRetr  1 \r\ntop 1 0\r\nUIDL\r\nlist 2\r\nLANG *\r\n")
        self.assertEqual(
            entrance.behind.heard(), b"STAT\r\nRETR 1\r\nTOP 1 0\r\nUIDL\r\nLIST 2\r\nLANG *\r\n"
        )

    def test_answers_pass_as_they_are(self) -> None:
        entrance = Entrance("pop3").logged_in()
        entrance.client.send(b"RETR 1\r\n")
        answer = b"+OK\r\n" + b"Subject: x\r\n\r\n..\r\n\xff\0bare\nline\r\n" * 5000 + b".\r\n"
        entrance.behind.says(answer)
        self.assertEqual(entrance.client.read(), answer)

    def test_capa_before_login_says_what_both_can_do(self) -> None:
        entrance = Entrance("pop3", early=("TOP", "SASL PLAIN", "UIDL", "IMPLEMENTATION x", "XCLIENT"))
        entrance.client.read()
        entrance.client.send(b"CAPA\r\n")
        self.assertEqual(
            entrance.client.read().split(b"\r\n"),
            [b"+OK Capability list follows", b"SASL PLAIN LOGIN", b"PIPELINING", b"RESP-CODES"]
            + [b"AUTH-RESP-CODE", b"USER", b"TOP", b"UIDL", b".", b""],
        )

    def test_capa_after_login_is_answered_here_in_its_place(self) -> None:
        entrance = Entrance("pop3").logged_in()
        entrance.client.send(b"CAPA\r\n")
        self.assertEqual((entrance.client.read(), entrance.behind.heard()), (CAPA, b""))
        entrance.client.send(b"RETR 1\r\nCAPA\r\nUSER bob\r\nSTAT\r\n")
        self.assertEqual((entrance.client.read(), entrance.behind.heard()), (b"", b"RETR 1\r\nSTAT\r\n"))
        entrance.behind.says(b"+OK\r\nx\r\n.\r\n+OK 1 2\r\n")
        no = b"-ERR Unknown command, or not now\r\n"
        self.assertEqual(entrance.client.read(), b"+OK\r\nx\r\n.\r\n" + CAPA + no + b"+OK 1 2\r\n")

    def test_what_would_undo_the_login_never_passes(self) -> None:
        for name in sorted(NEVER - {"CAPA"}):
            entrance = Entrance("pop3").logged_in()
            entrance.client.send(b"%b ann\r\n" % name.encode())
            self.assertEqual(entrance.client.read(), b"-ERR Unknown command, or not now\r\n", name)
            self.assertEqual(entrance.behind.heard(), b"")

    def test_a_setting_lets_further_commands_through(self) -> None:
        entrance = Entrance("pop3", allow=("LAST",)).logged_in()
        entrance.client.send(b"LAST\r\nXFOO\r\n")
        self.assertEqual(entrance.behind.heard(), b"LAST\r\n")

    def test_a_server_without_capa_may_have_uidl(self) -> None:
        entrance = Entrance("pop3", offers=()).logged_in()
        entrance.client.send(b"LANG\r\nUIDL\r\n")
        self.assertEqual(entrance.behind.heard(), b"UIDL\r\n")

    def test_a_server_that_does_not_pipeline_gets_one_at_a_time(self) -> None:
        entrance = Entrance("pop3", offers=("TOP", "UIDL")).logged_in()
        entrance.client.send(b"STAT\r\nNOOP\r\nCAPA\r\nQUIT\r\n")
        for line, answer in ((b"STAT", b"+OK 0 0\r\n"), (b"NOOP", b"+OK\r\n"), (b"QUIT", b"+OK bye\r\n")):
            self.assertEqual(entrance.behind.heard(), line + b"\r\n")
            entrance.behind.says(answer)
        self.assertTrue(entrance.client.read().endswith(b".\r\n+OK bye\r\n"))

    def test_what_waits_is_bounded(self) -> None:
        entrance = Entrance("pop3").logged_in()
        entrance.client.send(b"CAPA\r\nNOOP\r\n" * 40_000)
        self.assertLessEqual(entrance.behind.heard().count(b"NOOP"), MOST_IN_FLIGHT)
        self.assertTrue(entrance.client._waiting, "it is not read from")

    def test_a_client_that_does_not_read_holds_up_the_server(self) -> None:
        entrance = Entrance("pop3").logged_in()
        entrance.client.window = 1000
        entrance.client.send(b"RETR 1\r\n")
        entrance.behind.says(b"+OK\r\n" + b"x" * 2000)
        entrance.behind.says(b"y" * 2000)
        self.assertEqual(entrance.client.read(), b"+OK\r\n" + b"x" * 2000)
        self.assertEqual(entrance.client.read(), b"y" * 2000)

    def test_quit_is_answered_and_both_go(self) -> None:
        entrance = Entrance("pop3").logged_in()
        entrance.client.send(b"QUIT\r\nSTAT\r\n")
        self.assertEqual(entrance.behind.heard(), b"QUIT\r\n")
        self.assertFalse(entrance.client.disconnecting)
        entrance.behind.says(b"+OK 2 deleted\r\n")
        self.assertEqual(entrance.client.read(), b"+OK 2 deleted\r\n")
        self.assertTrue(entrance.client.disconnecting)
        self.assertTrue(entrance.behind.call.over)

    def test_who_hangs_up_is_logged_out_and_nothing_is_said_for_him(self) -> None:
        entrance = Entrance("pop3").logged_in()
        entrance.client.send(b"DELE 1\r\n")
        entrance.behind.heard()
        entrance.client.hang_up()
        self.assertEqual((entrance.behind.heard(), entrance.behind.call.over), (b"", True))
        self.assertEqual(entrance.realm.out, [b"ann"])

    def test_a_server_that_dies_between_answers_is_told_of(self) -> None:
        entrance, told = Entrance("pop3").logged_in(), heard(self)
        entrance.behind.dies()
        self.assertEqual(entrance.client.read(), b"-ERR [SYS/TEMP] The server behind has gone\r\n")
        self.assertTrue(entrance.client.disconnecting)
        self.assertEqual([event["event_id"] for event in told], ["relay.server_gone"])

    def test_a_service_that_ends_takes_no_further_command(self) -> None:
        entrance = Entrance("pop3").logged_in()
        entrance.client.send(b"RETR 1\r\nRETR 2\r\n")
        entrance.behind.says(b"+OK\r\nx")
        entrance.server.finish()
        entrance.client.send(b"RETR 3\r\n")
        entrance.behind.says(b"\r\n.\r\n+OK\r\n.\r\n")
        self.assertEqual(entrance.behind.heard(), b"RETR 1\r\nRETR 2\r\n")
        self.assertEqual(
            entrance.client.read(),
            b"+OK\r\nx\r\n.\r\n+OK\r\n.\r\n-ERR [SYS/TEMP] The server is going down\r\n",
        )

    def test_half_a_message_never_looks_whole(self) -> None:
        entrance = Entrance("pop3").logged_in()
        entrance.client.send(b"RETR 1\r\n")
        entrance.behind.says(b"+OK\r\nSubject: x\r\n")
        entrance.behind.dies()
        self.assertTrue(entrance.client.aborted)
        self.assertEqual(entrance.client.read(), b"+OK\r\nSubject: x\r\n")

    def test_a_server_that_answers_to_nothing_is_left(self) -> None:
        entrance = Entrance("pop3").logged_in()
        entrance.client.send(b"NOOP\r\n")
        entrance.behind.says(b"+OK\r\n+OK maildrop of bob\r\n")
        self.assertEqual(
            entrance.client.read(), b"-ERR [SYS/TEMP] The server behind cannot be understood\r\n"
        )
        self.assertTrue(entrance.behind.call.over)

    def test_a_goodbye_of_the_server_is_the_end(self) -> None:
        entrance = Entrance("pop3").logged_in()
        entrance.behind.says(b"-ERR Disconnected for inactivity.\r\n")
        self.assertEqual(entrance.client.read(), b"-ERR Disconnected for inactivity.\r\n")
        self.assertTrue(entrance.client.disconnecting)

    def test_silence_ends_a_session_and_a_long_answer_does_not(self) -> None:
        entrance = Entrance("pop3").logged_in()
        entrance.client.send(b"RETR 1\r\n")
        entrance.behind.says(b"+OK\r\n")
        for _ in range(10):
            entrance.clock.advance(300)
            entrance.behind.says(b"x\r\n")
        entrance.behind.says(b".\r\n")
        entrance.clock.advance(599)
        self.assertFalse(entrance.client.disconnecting)
        entrance.clock.advance(2)
        self.assertTrue(entrance.client.disconnecting)
        self.assertTrue(entrance.behind.call.over)

    def test_half_a_command_has_a_minute(self) -> None:
        entrance = Entrance("pop3", bounds=Bounds(idle=600, progress=60)).logged_in()
        entrance.client.send(b"RET")
        entrance.clock.advance(61)
        self.assertTrue(entrance.client.disconnecting)

    def test_a_login_that_is_over_ends_both_sides(self) -> None:
        entrance = Entrance("pop3").logged_in()
        entrance.server.dismiss("its device was revoked")
        self.assertTrue(entrance.client.disconnecting)
        self.assertTrue(entrance.behind.call.over)

    def test_nonsense_ends_after_a_while(self) -> None:
        entrance = Entrance("pop3").logged_in()
        entrance.client.send(b"RETR\r\nRETR x\r\nRETR 1 2\r\nTOP 1\r\nSTAT 1\r\n\r\n" * 10)
        self.assertEqual(entrance.behind.heard(), b"")
        self.assertEqual(entrance.client.read().count(b"-ERR"), MOST_BAD + 1)
        self.assertTrue(entrance.client.disconnecting)

    def test_a_line_end_on_its_own_is_the_end(self) -> None:
        for line in (b"NOOP\nAPOP x\r\n", b"NOOP\rAPOP x\r\n", b"LIST 1\0\r\n"):
            entrance = Entrance("pop3").logged_in()
            entrance.client.send(line)
            self.assertEqual(entrance.behind.heard(), b"")

    def test_what_was_sent_along_with_the_login_is_filtered_too(self) -> None:
        entrance = Entrance("pop3")
        entrance.client.send(entrance.login + b"AUTH PLAIN\r\nSTAT\r\nUSER bob\r\n")
        self.assertEqual(entrance.behind.heard(), b"STAT\r\n")


LINES = st.one_of(
    st.sampled_from(
        [
            b"STAT",
            b"RETR 1",
            b"LIST",
            b"LIST 1",
            b"UIDL",
            b"TOP 1 2",
            b"NOOP",
            b"CAPA",
            b"DELE 9",
            b"LANG",
            b"lang de",
        ]
    ),
    st.sampled_from(
        [
            b"USER x",
            b"PASS x",
            b"AUTH PLAIN AA==",
            b"XCLIENT ADDR=1.2.3.4",
            b"STLS",
            b"APOP a b",
            b"XTND x",
            b"UTF8",
        ]
    ),
    st.binary(max_size=30).map(lambda b: b.replace(b"\r", b"").replace(b"\n", b"")),
)


class HostileClientTests(SynchronousTestCase):
    @given(st.lists(LINES, max_size=MOST_BAD - 1), st.lists(st.integers(0, 10**4), max_size=20))
    def test_each_line_has_its_answer_and_nothing_else_passes(
        self, lines: list[bytes], places: list[int]
    ) -> None:
        lines = [line for line in lines if line.split()[:1] not in ([b"QUIT"], [b"quit"])]
        entrance = Entrance("pop3").logged_in()
        serve = serving(entrance)
        for piece in cut(b"".join(line + b"\r\n" for line in lines), places):
            entrance.client.send(piece)
            serve()
        for line in serve():
            self.assertTrue(PASSES.fullmatch(line), line)
        said = entrance.client.read()
        answers = [line for line in said.split(b"\r\n") if line.startswith((b"+OK", b"-ERR"))]
        self.assertEqual(len(answers), len(lines))
        self.assertEqual(
            [answer[4:] for answer in answers if answer[:4] == b"+OK " and answer[4:14] != b"Capability"],
            serve(),
        )
