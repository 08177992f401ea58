"""In front of a Cyrus, which lets go of who has logged in: through the gateway it never does."""

import base64

from twisted.trial.unittest import SynchronousTestCase

from tests.gateway.whole import before_cyrus
from tests.peers.host import Person
from tests.peers.programs import needs
from tests.process.talk import Talker

SPELLED = (b"UNAUTHENTICATE", b"unauthenticate", b"UnAuthenticate", b"UNAUTHENTICATE ", b"UNAUTHENTICATE x")


@needs("/usr/lib/cyrus/bin/master")
class CyrusTests(SynchronousTestCase):
    """Controls, by which Cyrus does what is asked for here when nobody is in front of it, are in
    tests/backends/test_cyrus.py."""

    timeout = 300

    def setUp(self) -> None:
        self.gateway = before_cyrus()
        self.admin: Person = self.gateway.person("cyrus")
        self.ann: Person = self.gateway.person("ann")

    def imap(self, person: Person) -> Talker:
        """Logged in."""
        talker = Talker(self.gateway.server.port("imaps"), tls=True)
        self.addCleanup(talker.close)
        talker.line()
        self.assertTrue(talker.imap(b"AUTHENTICATE PLAIN " + plain(person))[-1].startswith(b"OK "))
        return talker

    def sieve(self) -> Talker:
        """Logged in, as ann."""
        talker = Talker(self.gateway.server.port("sieve"))
        self.addCleanup(talker.close)
        offered(talker)
        talker.send(b"STARTTLS\r\n")
        talker.line()
        talker.start_tls()
        offered(talker)
        talker.send(b'AUTHENTICATE "PLAIN" "%b"\r\n' % plain(self.ann))
        self.assertTrue(talker.line().startswith(b"OK"))
        return talker

    def asked(self) -> int:
        """How many logins Cyrus has judged."""
        return len(self.gateway.home.tried)

    def test_without_the_gateway_the_same_login_is_left(self) -> None:
        """A control."""
        with Talker(self.gateway.home.ports["imap"]) as talker:
            talker.line()
            login = f'LOGIN {self.admin.address} "{self.admin.password}"'.encode()
            for command in (login, b"UNAUTHENTICATE", login):
                self.assertTrue(talker.imap(command)[-1].startswith(b"OK "), command)

    def test_nobody_leaves_his_imap_login(self) -> None:
        talker = self.imap(self.admin)
        before = self.asked()
        for word in SPELLED:
            self.assertTrue(talker.imap(word)[-1].startswith(b"BAD "), word)
        self.assertTrue(talker.imap(b"LOGIN ann ann")[-1].startswith((b"BAD ", b"NO ")))
        self.assertTrue(
            talker.imap(b"AUTHENTICATE PLAIN " + plain(self.ann))[-1].startswith((b"BAD ", b"NO "))
        )
        self.assertEqual(self.asked(), before)
        self.assertNotIn(b"UNAUTHENTICATE", b" ".join(talker.imap(b"CAPABILITY")))
        self.assertTrue(talker.imap(b"NOOP")[-1].startswith(b"OK "))

    def test_nobody_leaves_it_in_a_literal(self) -> None:
        """Octets that are a literal for one and commands for another."""
        talker = self.imap(self.admin)
        before = self.asked()
        hidden = b"x UNAUTHENTICATE\r\ny LOGIN ann ann\r\n"
        for command in (b"CREATE", b"SELECT", b"NOOP", b'STATUS "a', b"SEARCH SUBJECT", b"ID"):
            talker.imap(command, hidden)
            self.assertTrue(talker.imap(b"NOOP")[-1].startswith(b"OK "), command)
        self.assertEqual(self.asked(), before)

    def test_nobody_leaves_his_sieve_login(self) -> None:
        talker = self.sieve()
        before = self.asked()
        for word in SPELLED:
            talker.send(word + b"\r\n")
            self.assertTrue(talker.line().startswith(b"NO"), word)
        talker.send(b'AUTHENTICATE "PLAIN" "%b"\r\n' % plain(self.admin))
        self.assertTrue(talker.line().startswith(b"NO"))
        self.assertEqual(self.asked(), before)
        talker.send(b"CAPABILITY\r\n")
        self.assertNotIn(b'"UNAUTHENTICATE"', offered(talker))

    def test_nobody_leaves_it_in_a_script(self) -> None:
        talker = self.sieve()
        before = self.asked()
        hidden = b'UNAUTHENTICATE\r\nAUTHENTICATE "PLAIN" "%b"\r\n' % plain(self.admin)
        talker.send(b'PUTSCRIPT "one" {%d+}\r\n%b\r\n' % (len(hidden), hidden))
        self.assertTrue(talker.line().startswith(b"NO"))
        good = b"# UNAUTHENTICATE\r\nkeep;\r\n"
        talker.send(b'PUTSCRIPT "two" {%d+}\r\n%b\r\n' % (len(good), good))
        while not (line := talker.line()).startswith(b"OK"):
            self.assertNotIn(b"AUTHENTICATE", line)
        talker.send(b'GETSCRIPT "two"\r\n')
        self.assertEqual(talker.line(), b"{%d}" % len(good))
        self.assertEqual(talker.take(len(good)), good)
        self.assertEqual(self.asked(), before)


def plain(person: Person) -> bytes:
    return base64.b64encode(f"\0{person.address}\0{person.secret}".encode())


def offered(talker: Talker) -> list[bytes]:
    """The lines until OK."""
    lines = []
    while not (line := talker.line()).startswith(b"OK"):
        lines.append(line)
    return lines
