"""Passwords that programs get wrong reach the server behind octet by octet, through every door."""

import base64
from collections.abc import Callable

from twisted.trial.unittest import SynchronousTestCase

from tests.backends.passwords import PASSWORDS
from tests.gateway import whole
from tests.peers.host import Person
from tests.peers.programs import needs
from tests.process.talk import Talker

LogIn = Callable[[Talker, str, bytes], bytes]
"""Says the user and the secret; the answer."""


def imap_plain(talker: Talker, user: str, secret: bytes) -> bytes:
    talker.line()
    return talker.imap(b"AUTHENTICATE PLAIN " + _plain(user, secret))[-1]


def imap_literal(talker: Talker, user: str, secret: bytes) -> bytes:
    talker.line()
    return talker.imap(b"LOGIN %b" % user.encode(), secret)[-1]


def imap_quoted(talker: Talker, user: str, secret: bytes) -> bytes:
    """What LOGIN takes in quotes is ASCII; the rest goes by AUTHENTICATE LOGIN."""
    talker.line()
    if secret.isascii():
        word = secret.replace(b"\\", b"\\\\").replace(b'"', b'\\"')
        return talker.imap(b'LOGIN "%b" "%b"' % (user.encode(), word))[-1]
    talker.send(b"a AUTHENTICATE LOGIN\r\n")
    for one in (user.encode(), secret):
        talker.line()
        talker.send(base64.b64encode(one) + b"\r\n")
    return talker.line().removeprefix(b"a ")


def pop3_pass(talker: Talker, user: str, secret: bytes) -> bytes:
    talker.pop3()
    talker.pop3(b"USER " + user.encode())
    return talker.pop3(b"PASS " + secret)


def pop3_plain(talker: Talker, user: str, secret: bytes) -> bytes:
    talker.pop3()
    talker.pop3(b"AUTH PLAIN")
    return talker.pop3(_plain(user, secret))


def smtp_plain(talker: Talker, user: str, secret: bytes) -> bytes:
    _hello(talker)
    talker.smtp(b"AUTH PLAIN")
    return talker.smtp(_plain(user, secret))


def smtp_login(talker: Talker, user: str, secret: bytes) -> bytes:
    _hello(talker)
    talker.smtp(b"AUTH LOGIN " + base64.b64encode(user.encode()))
    return talker.smtp(base64.b64encode(secret))


def sieve_plain(talker: Talker, user: str, secret: bytes) -> bytes:
    while not talker.line().startswith(b"OK"):
        pass
    talker.send(b"STARTTLS\r\n")
    talker.line()
    talker.start_tls()
    while not talker.line().startswith(b"OK"):
        pass
    word = _plain(user, secret)
    talker.send(b'AUTHENTICATE "PLAIN" {%d+}\r\n%b\r\n' % (len(word), word))
    return talker.line()


DOORS: dict[str, tuple[LogIn, ...]] = {
    "imaps": (imap_plain, imap_literal, imap_quoted),
    "pop3s": (pop3_pass, pop3_plain),
    "submissions": (smtp_plain, smtp_login),
    "sieve": (sieve_plain,),
}
GOOD = (b"OK", b"+OK", b"235 ")


class Passwords(SynchronousTestCase):
    """What the tests before one kind of server share."""

    timeout = 600
    gateway: whole.Gateway

    def changed(self, password: bytes) -> Person:
        """Somebody who has this password from now on, and saves it anew."""
        person = self.gateway.person("any", password=password.decode())
        if person.password.encode() != password:
            self.gateway.admit(person.address, password.decode())
        person.saves(password.decode())
        return person

    def tried(self, *doors: str) -> None:
        for password in PASSWORDS:
            person = self.changed(password)
            for door, log_in in [(door, log_in) for door in doors for log_in in DOORS[door]]:
                port = self.gateway.server.port(door)
                with Talker(port, tls=door != "sieve") as talker:
                    answer = log_in(talker, person.address, person.secret.encode())
                self.assertTrue(answer.startswith(GOOD), (log_in.__name__, person.password, answer))


@needs("dovecot")
class DovecotTests(Passwords):
    """It compares them octet by octet with what it was told."""

    def setUp(self) -> None:
        self.gateway = whole.before_dovecot()

    def test_every_door(self) -> None:
        """All of them for each password: Dovecot notices a change once a second."""
        self.tried(*DOORS)


@needs("dovecot")
class LoginOnlyTests(DovecotTests):
    """By LOGIN, not PLAIN."""

    def setUp(self) -> None:
        self.gateway = whole.before_login_only()


@needs("postfix", "dovecot")
class PostfixTests(Passwords):
    def setUp(self) -> None:
        self.gateway = whole.before_postfix()

    def test_submission(self) -> None:
        self.tried("submissions")


@needs("/usr/lib/cyrus/bin/master")
class CyrusTests(Passwords):
    """It keeps what it was asked, people of its default domain without that."""

    def setUp(self) -> None:
        self.gateway = whole.before_cyrus()

    def test_every_door(self) -> None:
        before = len(self.gateway.home.tried)
        self.tried("imaps", "sieve")
        asked = [word for user, word in self.gateway.home.tried[before:] if user == b"any"]
        self.assertEqual(list(dict.fromkeys(asked)), list(PASSWORDS))


def _plain(user: str, secret: bytes) -> bytes:
    return base64.b64encode(b"\0%b\0%b" % (user.encode(), secret))


def _hello(talker: Talker) -> None:
    talker.smtp()
    talker.smtp(b"EHLO client.example.net")
