"""ManageSieve through a whole gateway, before a real Dovecot and a real Cyrus: what is smuggled, and what is
not.  The same octets said to the server itself show that there is something to smuggle."""

import base64
import re
import socket
import ssl
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from tests.gateway.whole import Gateway, before_cyrus, before_dovecot
from tests.peers.programs import needs

INNER = b"UNAUTHENTICATE\r\n"
SCRIPT = b'require "fileinto";\r\n# UNAUTHENTICATE\r\nfileinto "x";\r\n'
LITERAL = b"{%d+}\r\n%b" % (len(INNER), INNER)

SMUGGLED = [
    'PUTSCRIPT "ä" '.encode() + LITERAL,
    b"PUTSCRIPT {1+}\r\n\xff " + LITERAL,
    b"XNONSENSE " + LITERAL,
    b"CHECKSCRIPT " + LITERAL,
    b'PUTSCRIPT "a/b" ' + LITERAL,
    b'PUTSCRIPT "a" "b" ' + LITERAL,
    b'PUTSCRIPT "a" {99999999+}',
    b'PUTSCRIPT "a" {99999999999999999999+}',
    b'PUTSCRIPT "a\\z" ' + LITERAL,
    b'PUTSCRIPT "' + b"x" * 5000 + b'" ' + LITERAL,
    b"UNAUTHENTICATE",
    b'AUTHENTICATE "PLAIN" "AHJvb3QAcm9vdA=="',
    b"STARTTLS",
]
"""Lines and literals of which one server or the other takes a part for a command."""


class Client:
    """A connection; `said` sends octets and gives the lines of all answers up to a NOOP's."""

    def __init__(self, port: int, user: str, secret: str, root: Any) -> None:
        sock = socket.create_connection(("localhost", port), 60)
        self._file = sock.makefile("rb")
        self.answer()
        sock.sendall(b"STARTTLS\r\n")
        self.answer()
        tls = ssl.create_default_context(cafile=str(root))
        self.sock = tls.wrap_socket(sock, server_hostname="localhost")
        self._file = self.sock.makefile("rb")
        self.greeting = self.answer()
        login = base64.b64encode(f"\0{user}\0{secret}".encode())
        self.sock.sendall(b'AUTHENTICATE "PLAIN" {%d+}\r\n%b\r\n' % (len(login), login))
        self.welcome = self.answer()

    def ask(self, octets: bytes) -> list[bytes]:
        self.sock.sendall(octets + b"\r\n")
        return self.answer()

    def answer(self) -> list[bytes]:
        """Its pieces; `verdict` is OK, NO or BYE, and nothing at the end."""
        pieces: list[bytes] = []
        self.verdict = b""
        while line := self._file.readline():
            pieces.append(line)
            first = line
            while found := re.search(rb"\{(\d+)\}\r\n\Z", line):
                pieces.append(self._file.read(int(found[1])))
                line = self._file.readline()
                pieces.append(line)
            if found := re.match(rb"(OK|NO|BYE)[ \r]", first):
                self.verdict = found[1]
                return pieces
        return pieces

    def close(self) -> None:
        self._file.close()
        self.sock.close()


class SieveThroughTheGateway:
    """The tests, for each server behind."""

    names = [b'"main"', b"{4+}\r\nmain", b'"with \\"quotes\\""']
    """Cyrus does not find scripts again that are called otherwise."""

    def gateway_before(self) -> Gateway:
        raise NotImplementedError

    def setUp(self: Any) -> None:
        self.gateway = self.gateway_before()
        self.ann = self.gateway.person(f"scripts-{type(self).__name__.lower()}")

    def client(self: Any) -> Client:
        login = self.ann.login()
        made = Client(login.ports["sieve"], login.user, login.secret, login.certificate)
        self.addCleanup(made.close)
        self.assertEqual(made.welcome, [b'OK "Logged in"\r\n'])
        return made

    def direct(self: Any) -> Client:
        home = self.gateway.home
        made = Client(home.ports["sieve"], self.ann.address, self.ann.password, home.root)
        self.addCleanup(made.close)
        self.assertEqual(made.welcome[-1][:2], b"OK")
        return made

    def test_scripts_come_back_as_they_were_put(self: Any) -> None:
        client = self.client()
        for name in self.names:
            self.assertEqual(
                client.ask(b"PUTSCRIPT %b {%d+}\r\n%b" % (name, len(SCRIPT), SCRIPT))[-1][:2], b"OK"
            )
            self.assertIn(SCRIPT, client.ask(b"GETSCRIPT " + name))
            self.assertEqual(client.ask(b"SETACTIVE " + name)[-1][:2], b"OK")
        self.assertIn(b"Active", b"".join(client.ask(b"LISTSCRIPTS")).title())
        self.assertEqual(client.ask(b'SETACTIVE ""')[-1][:2], b"OK")
        self.assertEqual(client.ask(b'RENAMESCRIPT "main" "other"')[-1][:2], b"OK")
        self.assertEqual(client.ask(b'DELETESCRIPT "other"')[-1][:2], b"OK")
        self.assertEqual(client.ask(b'HAVESPACE "x" 99999999')[-1][:2], b"NO")
        self.assertEqual(client.ask(b"LOGOUT")[-1][:2], b"OK")
        self.assertEqual(client.answer(), [])

    def test_a_script_with_an_error_is_answered_by_the_server(self: Any) -> None:
        client = self.client()
        answer = b"".join(client.ask(b'PUTSCRIPT "wrong" {9+}\r\nnonsense!'))
        self.assertIn(b"line 1", answer)
        self.assertEqual(client.ask(b"NOOP")[-1][:2], b"OK")

    def test_a_script_that_is_too_big_is_not_sent_on(self: Any) -> None:
        client = self.client()
        script = b"# a line that says nothing\r\n" * 38_000
        self.assertIn(
            b"(QUOTA/MAXSIZE)", client.ask(b'PUTSCRIPT "big" {%d+}\r\n%b' % (len(script), script))[-1]
        )
        client.ask(b"NOOP")
        self.assertEqual(client.verdict, b"OK")

    def test_a_long_script_passes(self: Any) -> None:
        client = self.client()
        script = b"# a line that says nothing\r\n" * 1100 + b"keep;\r\n"
        self.assertEqual(client.ask(b'PUTSCRIPT "long" {%d+}\r\n%b' % (len(script), script))[-1][:2], b"OK")
        self.assertIn(script, client.ask(b'GETSCRIPT "long"'))

    def test_nothing_is_smuggled(self: Any) -> None:
        for said in SMUGGLED:
            client = self.client()
            client.ask(said)
            self.assertIn(client.verdict, (b"NO", b"OK", b"BYE"), said)
            after = b"".join(client.ask(b'NOOP "after"') if client.verdict != b"BYE" else [])
            if not after or client.verdict == b"BYE":
                self.assertEqual(client.answer(), [], said)
                continue
            self.assertIn(b"after", after, said)
            client.ask(b"LISTSCRIPTS")
            self.assertEqual(client.verdict, b"OK", said)

    def test_capabilities_say_what_passes(self: Any) -> None:
        client = self.client()
        early, late = b"".join(client.greeting), b"".join(client.ask(b"CAPABILITY"))
        for told in (early, late):
            self.assertRegex(told, rb'"SIEVE" ".*fileinto')
            self.assertIn(b'"VERSION" "1.0"', told)
            self.assertNotIn(b"STARTTLS", told)
            self.assertNotIn(b"UNAUTHENTICATE", told)

    def test_without_a_code_nobody_comes_in(self: Any) -> None:
        login = self.ann.login()
        for secret in (self.ann.password, f"{self.ann.password}@{self.ann.wrong_code()}"):
            client = Client(login.ports["sieve"], login.user, secret, login.certificate)
            self.addCleanup(client.close)
            self.assertEqual(client.welcome, [b'NO "Authentication failed"\r\n'])


@needs("dovecot")
class DovecotTests(SieveThroughTheGateway, SynchronousTestCase):
    timeout = 300
    names = [*SieveThroughTheGateway.names, "{5+}\r\nBüro".encode(), '"Büro 2"'.encode()]

    def gateway_before(self) -> Gateway:
        return before_dovecot()

    def test_the_server_itself_takes_a_refused_literal_for_commands(self) -> None:
        client = self.direct()
        self.assertEqual(client.ask(SMUGGLED[1])[-1][:2], b"NO")
        self.assertIn(b"UNAUTHENTICATE: Unknown command", client.answer()[-1])


@needs("dovecot")
class CyrusTests(SieveThroughTheGateway, SynchronousTestCase):
    timeout = 300

    def gateway_before(self) -> Gateway:
        return before_cyrus()

    def test_the_server_itself_takes_a_refused_literal_for_commands(self) -> None:
        client = self.direct()
        self.assertEqual(client.ask(SMUGGLED[0])[-1], b'NO "Did not specify script name"\r\n')
        self.assertEqual(client.answer()[-1][:2], b"OK")
        self.assertEqual(client.ask(b"LISTSCRIPTS")[-1], b'NO "Authenticate first"\r\n')
