"""ManageSieve through the gateway: what passes, in what form, and how it ends."""

from twisted.trial.unittest import SynchronousTestCase

from mailtwist.gateway.relay.sieve import MOST_BAD, MOST_HELD
from mailtwist.gateway.relay.sieve_commands import NEVER
from tests.gateway.relay.entrance import OFFERS, Entrance

SCRIPT = b'require "fileinto";\r\nUNAUTHENTICATE\r\nfileinto "x\\"{9+}";\r\n'
NO = b'NO "Unknown command, or not now"\r\n'
WRONG = b'NO "Not the arguments of this command"\r\n'


class SieveRelayTests(SynchronousTestCase):
    def said_to(self, entrance: Entrance, said: bytes) -> bytes:
        """What the server behind hears of it."""
        entrance.client.send(said)
        return entrance.behind.heard()

    def test_commands_pass_in_one_form(self) -> None:
        for said, heard in (
            (b"listscripts", b"LISTSCRIPTS"),
            (b'SetActive  "a\\"b\\\\"', b'SETACTIVE "a\\"b\\\\"'),
            (b"GETSCRIPT {4+}\r\nmain", b'GETSCRIPT "main"'),
            ('GETSCRIPT "Büro"'.encode(), "GETSCRIPT {5+}\r\nBüro".encode()),
            (b'RENAMESCRIPT "a" {1+}\r\nb', b'RENAMESCRIPT "a" "b"'),
            (b'HAVESPACE "a" 007', b'HAVESPACE "a" 7'),
            (b'SETACTIVE ""', b'SETACTIVE ""'),
            (b'NOOP "x"', b'NOOP "x"'),
        ):
            self.assertEqual(self.said_to(Entrance("sieve").logged_in(), said + b"\r\n"), heard + b"\r\n")

    def test_answers_pass_and_commands_wait_for_them(self) -> None:
        entrance = Entrance("sieve").logged_in()
        self.assertEqual(
            self.said_to(entrance, b'GETSCRIPT "a"\r\nCAPABILITY\r\nLISTSCRIPTS\r\n'), b'GETSCRIPT "a"\r\n'
        )
        answer = b"{%d}\r\n%b\r\nOK {3}\r\nyes\r\n" % (len(SCRIPT) * 9000, SCRIPT * 9000)
        entrance.behind.says(answer[:100])
        self.assertEqual(entrance.behind.heard(), b"")
        entrance.behind.says(answer[100:])
        self.assertEqual(entrance.behind.heard(), b"LISTSCRIPTS\r\n")
        said = entrance.client.read()
        self.assertTrue(said.startswith(answer))
        self.assertEqual(
            said[len(answer) :],
            b'"IMPLEMENTATION" "x"\r\n"SIEVE" "fileinto reject"\r\n"VERSION" "1.0"\r\n'
            b'OK "Capability completed"\r\n',
        )

    def test_before_login_it_is_said_what_filters_there_are(self) -> None:
        entrance = Entrance("sieve", early=("IMPLEMENTATION x", "SIEVE fileinto", "STARTTLS", "SASL PLAIN"))
        self.assertEqual(
            entrance.client.read(),
            b'"IMPLEMENTATION" "mailtwist"\r\n"SASL" "PLAIN LOGIN"\r\n"SIEVE" "fileinto"\r\n'
            b'"VERSION" "1.0"\r\nOK "Ready"\r\n',
        )
        self.assertIn(b'"SIEVE" ""\r\n', Entrance("sieve").client.read())

    def test_a_script_is_put_once_there_is_space_for_it(self) -> None:
        entrance = Entrance("sieve").logged_in()
        put = b'PUTSCRIPT "a" {%d+}\r\n%b' % (len(SCRIPT), SCRIPT)
        self.assertEqual(self.said_to(entrance, put), b'HAVESPACE "a" %d\r\n' % len(SCRIPT))
        entrance.behind.says(b'OK "yes"\r\n')
        self.assertEqual(entrance.behind.heard(), put)
        self.assertEqual(entrance.client.read(), b"")
        self.assertEqual(self.said_to(entrance, b"\r\nLISTSCRIPTS\r\n"), b"\r\n")
        entrance.behind.says(b'OK "Stored"\r\n')
        self.assertEqual(entrance.client.read(), b'OK "Stored"\r\n')
        self.assertEqual(entrance.behind.heard(), b"LISTSCRIPTS\r\n")

    def test_a_script_without_space_is_not_sent_on(self) -> None:
        entrance = Entrance("sieve").logged_in()
        self.said_to(entrance, b'PUTSCRIPT "a" {%d+}\r\n' % len(SCRIPT))
        entrance.behind.says(b"NO (QUOTA/MAXSIZE) {4}\r\nbig!\r\n")
        self.assertEqual(entrance.client.read(), b"NO (QUOTA/MAXSIZE) {4}\r\nbig!\r\n")
        self.assertEqual(self.said_to(entrance, SCRIPT + b"\r\nLISTSCRIPTS\r\n"), b"LISTSCRIPTS\r\n")

    def test_a_short_script_may_be_quoted(self) -> None:
        entrance = Entrance("sieve").logged_in()
        self.assertEqual(self.said_to(entrance, b'PUTSCRIPT "a" "keep;"\r\n'), b'HAVESPACE "a" 5\r\n')
        entrance.behind.says(b"OK\r\n")
        self.assertEqual(entrance.behind.heard(), b'PUTSCRIPT "a" {5+}\r\nkeep;\r\n')

    def test_a_script_of_nothing_is_the_servers_to_refuse(self) -> None:
        entrance = Entrance("sieve").logged_in()
        self.assertEqual(self.said_to(entrance, b'PUTSCRIPT "a" {0+}\r\n\r\n'), b'PUTSCRIPT "a" {0+}\r\n\r\n')

    def test_a_script_is_checked(self) -> None:
        entrance = Entrance("sieve").logged_in()
        check = b"CHECKSCRIPT {%d+}\r\n%b\r\n" % (len(SCRIPT), SCRIPT)
        self.assertEqual(self.said_to(entrance, check), check)
        entrance.behind.says(b'OK (WARNINGS) "hm"\r\n')
        self.assertEqual(entrance.client.read(), b'OK (WARNINGS) "hm"\r\n')

    def test_a_server_that_answers_too_early_hears_no_more(self) -> None:
        entrance = Entrance("sieve").logged_in()
        self.said_to(entrance, b"CHECKSCRIPT {1000+}\r\nkeep;")
        entrance.behind.says(b'NO "too big"\r\n')
        self.assertEqual(self.said_to(entrance, b"\r\nUNAUTHENTICATE\r\n"), b"")
        self.assertTrue(entrance.client.read().startswith(b'NO "too big"\r\nBYE '))
        self.assertTrue(entrance.behind.call.over)

    def test_an_older_server_is_never_asked_what_it_does_not_know(self) -> None:
        entrance = Entrance("sieve", offers=("IMPLEMENTATION x", "SIEVE fileinto")).logged_in()
        check = b"CHECKSCRIPT {%d+}\r\n%b\r\n" % (len(SCRIPT), SCRIPT)
        self.assertEqual(self.said_to(entrance, check + b'RENAMESCRIPT "a" "b"\r\nNOOP\r\n'), b"")
        self.assertEqual(entrance.client.read(), NO * 3)

    def test_what_would_undo_the_login_never_passes(self) -> None:
        for name in sorted(NEVER - {"CAPABILITY"}):
            entrance = Entrance("sieve").logged_in()
            self.assertEqual(self.said_to(entrance, b'%b "PLAIN" "AA=="\r\n' % name.encode()), b"")
            self.assertEqual(entrance.client.read(), NO)

    def test_a_setting_lets_further_commands_through(self) -> None:
        entrance = Entrance("sieve", allow=("XFOO",)).logged_in()
        self.assertEqual(self.said_to(entrance, b'XFOO "a" {2+}\r\nbc 7\r\n'), b'XFOO "a" "bc" 7\r\n')
        entrance.behind.says(b"OK\r\n")
        self.assertEqual(self.said_to(entrance, b"XFOO {2+}\r\n\r\n\r\n"), b"")

    def test_names_that_no_script_can_have_are_refused_here(self) -> None:
        for name in (b"\xff", b"a\r\nb", b"a\0b", b"a\x7f", "\u2028".encode(), "\x85".encode(), b"x" * 513):
            entrance = Entrance("sieve").logged_in()
            heard = self.said_to(entrance, b"PUTSCRIPT {%d+}\r\n%b {6+}\r\nLOGOUT\r\n" % (len(name), name))
            self.assertEqual((heard, entrance.client.read()), (b"", WRONG), name)

    def test_wrong_arguments_are_refused_here(self) -> None:
        for line in (b"LISTSCRIPTS 1", b"GETSCRIPT", b"GETSCRIPT 1", b'HAVESPACE "a"', b'HAVESPACE "a" "1"'):
            entrance = Entrance("sieve").logged_in()
            self.assertEqual((self.said_to(entrance, line + b"\r\n"), entrance.client.read()), (b"", WRONG))

    def test_logout_is_answered_and_both_go(self) -> None:
        entrance = Entrance("sieve").logged_in()
        self.assertEqual(self.said_to(entrance, b"LOGOUT\r\nLISTSCRIPTS\r\n"), b"LOGOUT\r\n")
        entrance.behind.says(b'OK "bye"\r\n')
        self.assertEqual(entrance.client.read(), b'OK "bye"\r\n')
        self.assertTrue(entrance.client.disconnecting and entrance.behind.call.over)

    def test_a_goodbye_of_the_server_is_the_end(self) -> None:
        for asked in (b"", b"LISTSCRIPTS\r\n", b'PUTSCRIPT "a" {9+}\r\n'):
            entrance = Entrance("sieve").logged_in()
            self.said_to(entrance, asked)
            entrance.behind.says(b"BYE {4}\r\n")
            entrance.behind.says(b"idle\r\n")
            self.assertEqual(entrance.client.read(), b"BYE {4}\r\nidle\r\n", asked)
            self.assertTrue(entrance.client.disconnecting)

    def test_a_server_that_answers_to_nothing_is_left(self) -> None:
        for asked, said in ((b"", b"OK\r\n"), (b"", b'"x"\r\n'), (b"LISTSCRIPTS\r\n", b"OK\r\nOK\r\n")):
            entrance = Entrance("sieve").logged_in()
            self.said_to(entrance, asked)
            entrance.behind.says(said)
            self.assertEqual(
                entrance.client.read(), b'BYE (TRYLATER) "The server behind cannot be understood"\r\n'
            )
            self.assertTrue(entrance.behind.call.over)

    def test_a_server_that_dies_between_answers_is_told_of(self) -> None:
        entrance = Entrance("sieve").logged_in()
        entrance.behind.dies()
        self.assertEqual(entrance.client.read(), b'BYE (TRYLATER) "The server behind has gone"\r\n')

    def test_an_answer_that_nobody_hears_is_not_held_for_ever(self) -> None:
        entrance = Entrance("sieve").logged_in()
        self.said_to(entrance, b'PUTSCRIPT "a" {9+}\r\n')
        entrance.behind.says(b'"x"\r\n' * (MOST_HELD // 5 + 1))
        self.assertEqual(
            entrance.client.read(), b'BYE (TRYLATER) "The server behind cannot be understood"\r\n'
        )

    def test_a_service_that_ends_takes_no_further_command(self) -> None:
        entrance = Entrance("sieve").logged_in()
        self.said_to(entrance, b"LISTSCRIPTS\r\n")
        entrance.server.finish()
        entrance.client.send(b"LISTSCRIPTS\r\n")
        entrance.behind.says(b"OK\r\n")
        self.assertEqual(entrance.behind.heard(), b"")
        self.assertEqual(entrance.client.read(), b'OK\r\nBYE (TRYLATER) "The server is going down"\r\n')

    def test_half_a_script_never_looks_whole(self) -> None:
        entrance = Entrance("sieve").logged_in()
        self.said_to(entrance, b'GETSCRIPT "a"\r\n')
        entrance.behind.says(b"{100}\r\nkeep;")
        entrance.behind.dies()
        self.assertTrue(entrance.client.aborted)
        self.assertEqual(entrance.client.read(), b"{100}\r\nkeep;")

    def test_who_hangs_up_in_a_script_leaves_it_unfinished(self) -> None:
        entrance = Entrance("sieve").logged_in()
        self.said_to(entrance, b'PUTSCRIPT "a" {9+}\r\n')
        entrance.behind.says(b"OK\r\n")
        self.said_to(entrance, b"keep")
        entrance.client.hang_up()
        self.assertEqual((entrance.behind.heard(), entrance.behind.call.over), (b"", True))
        self.assertEqual(entrance.realm.out, [b"ann"])

    def test_a_server_that_takes_no_more_holds_up_the_client(self) -> None:
        entrance = Entrance("sieve").logged_in()
        self.said_to(entrance, b'PUTSCRIPT "a" {1000000+}\r\n')
        entrance.behind.says(b"OK\r\n")
        entrance.behind.heard()
        entrance.behind.wire.window = 1000
        entrance.client.send(b"x" * 1_000_000 + b"\r\n")
        self.assertTrue(entrance.client._waiting, "it is not read from")
        heard = b""
        while piece := entrance.behind.heard():
            heard += piece
        self.assertEqual(heard, b"x" * 1_000_000 + b"\r\n")

    def test_times(self) -> None:
        entrance = Entrance("sieve").logged_in()
        self.said_to(entrance, b"CHECKSCRIPT {9+}\r\nkee")
        entrance.clock.advance(61)
        self.assertTrue(entrance.client.disconnecting)
        entrance = Entrance("sieve").logged_in()
        entrance.clock.advance(599)
        self.assertFalse(entrance.client.disconnecting)
        entrance.clock.advance(2)
        self.assertEqual(entrance.client.read(), b'BYE "Too long without a command"\r\n')

    def test_nonsense_ends_after_a_while(self) -> None:
        entrance = Entrance("sieve").logged_in()
        self.assertEqual(self.said_to(entrance, b"GET / HTTP/1.1\r\n" * 30), b"")
        said = entrance.client.read()
        self.assertEqual((said.count(b"NO "), said.count(b"BYE ")), (MOST_BAD, 1))

    def test_what_was_sent_along_with_the_login_is_filtered_too(self) -> None:
        entrance = Entrance("sieve", OFFERS["sieve"])
        entrance.client.read()
        heard = self.said_to(entrance, entrance.login + b"UNAUTHENTICATE\r\nLISTSCRIPTS\r\n")
        self.assertEqual(heard, b"LISTSCRIPTS\r\n")
