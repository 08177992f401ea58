"""A Postfix that believes the gateway who is logged in (`login = none`), and nobody else."""

import socket
from functools import cache

from twisted.trial.unittest import SynchronousTestCase

from tests.backends import shared
from tests.backends.processes import eventually
from tests.gateway.talking import Talking
from tests.gateway.whole import Gateway, until_the_end
from tests.peers.clients import Login
from tests.peers.programs import needs

PEOPLE = """
[directory:people]
type = sqlite
hash_memory = 8 KiB
hash_passes = 1
"""


class Trusting(Gateway):
    """People have their passwords here, and none at Postfix."""

    def __init__(self) -> None:
        super().__init__(shared.postfix(), people=PEOPLE, inside="login = none", service="upstream = inside")

    def admit(self, address: str, password: str) -> None:
        self.server.command("user", "add", address, "--password-stdin", typed=password + "\n")


@cache
def trusting() -> Trusting:
    return until_the_end(Trusting())


@needs("postfix", "dovecot")
class TrustedTests(SynchronousTestCase):
    timeout = 300

    def setUp(self) -> None:
        self.gateway = trusting()
        self.ann = self.gateway.person("ann").login()

    def talking(self, login: Login | None = None, name: bytes = b"client.example") -> Talking:
        talking = Talking(self.gateway, "submissions")
        self.addCleanup(talking.close)
        if login is not None:
            talking.log_in(login, name)
        return talking

    def sent(self, talking: Talking, to: bytes) -> None:
        for command, code in (
            (b"MAIL FROM:<ann@inside.test>", b"250 "),
            (b"RCPT TO:<%b>" % to, b"250 "),
            (b"DATA", b"354 "),
            (b"Subject: x\r\n\r\nhello\r\n.", b"250 "),
        ):
            told = talking.ask(command)
            self.assertTrue(told.startswith(code), (command, told))

    def lines(self, words: str) -> list[str]:
        postfix = shared.postfix()
        eventually(lambda: postfix.lines(words), 20)
        return postfix.lines(words)

    def test_mail_is_taken_as_that_of_who_is_logged_in(self) -> None:
        self.sent(self.talking(self.ann), b"trusted@elsewhere.test")
        (kept,) = shared.sink().for_("trusted@elsewhere.test")
        self.assertEqual(kept.sender, b"ann@inside.test")
        self.assertTrue(self.lines("sasl_username=ann@inside.test"))

    def test_a_wrong_code_and_no_login_are_refused_here(self) -> None:
        talking = self.talking()
        talking.ask(b"EHLO x")
        for command in (b"MAIL FROM:<ann@inside.test>", b"RCPT TO:<x@elsewhere.test>", b"DATA"):
            self.assertEqual(talking.ask(command)[:1], b"5")
        person = self.gateway.person("ann")
        with self.assertRaisesRegex(AssertionError, "535"):
            self.talking(person.login(f"{person.password}@{person.wrong_code()}"))

    def test_a_client_that_says_xclient_itself_is_refused(self) -> None:
        for login in (None, self.ann):
            talking = self.talking(login)
            for words in (b"LOGIN=boss@inside.test", b"ADDR=127.0.0.1 LOGIN=boss@inside.test"):
                for verb in (b"XCLIENT ", b"xclient ", b"XFORWARD "):
                    self.assertEqual(talking.ask(verb + words)[:4], b"500 ")
            if login is not None:
                self.sent(talking, b"typed@elsewhere.test")
        self.assertEqual(shared.postfix().lines("sasl_username=boss"), [])

    def test_a_name_with_xclient_in_it_is_a_name(self) -> None:
        """EHLO, the sender and its parameters are the client's words."""
        for name in (b"x LOGIN=boss@inside.test", b"x+20LOGIN=boss@inside.test", b"[UNAVAILABLE]"):
            talking = self.talking()
            if talking.ask(b"EHLO " + name).startswith(b"250"):
                self.sent(self.talking(self.ann, name), b"named@elsewhere.test")
        talking = self.talking(self.ann)
        talking.ask(b"MAIL FROM:<ann@inside.test> AUTH=boss@inside.test")
        talking.ask(b"RSET")
        self.sent(talking, b"named@elsewhere.test")
        self.assertEqual(shared.postfix().lines("sasl_username=boss"), [])

    def test_however_long_the_client_calls_itself(self) -> None:
        """The first of the lines that XCLIENT would need then is forgotten by Postfix."""
        login = self.gateway.person(f"{'a' * 180}@inside.test").login()
        self.sent(self.talking(login, b".".join([b"h" * 60] * 4)), b"long@elsewhere.test")
        self.assertTrue(self.lines(f"sasl_username={login.user}"))

    def test_a_stranger_is_refused_by_postfix_itself(self) -> None:
        """127.0.0.2 is not the gateway."""
        for door in ("smtp", "submission"):
            with socket.create_connection(
                ("127.0.0.1", shared.postfix().ports[door]), 60, source_address=("127.0.0.2", 0)
            ) as raw:
                lines = raw.makefile("rb")

                def ask(command: bytes, raw: socket.socket = raw, lines: object = lines) -> bytes:
                    raw.sendall(command)
                    told = b""
                    while line := lines.readline():  # type: ignore[attr-defined]
                        told += line
                        if line[3:4] != b"-":
                            break
                    return told

                ask(b"")
                self.assertNotIn(b"XCLIENT", ask(b"EHLO x\r\n"))
                self.assertEqual(ask(b"XCLIENT LOGIN=ann@inside.test\r\n")[:4], b"550 ")
                self.assertEqual(ask(b"MAIL FROM:<ann@inside.test>\r\n")[:4], b"250 ")
                self.assertEqual(ask(b"RCPT TO:<x@elsewhere.test>\r\n")[:4], b"554 ")
