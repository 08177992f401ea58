"""What the Cyrus behind does without a gateway: above all, it lets go of who has logged in."""

import base64

from twisted.trial.unittest import SynchronousTestCase

from tests.backends.passwords import PASSWORDS
from tests.backends.shared import cyrus
from tests.peers.programs import needs
from tests.process.talk import Talker, deliver

MESSAGE = (
    b"From: a@x.test\r\nSubject: one\r\nMessage-Id: <1@x.test>\r\n"
    b"Date: Thu, 01 Jan 2026 00:00:00 +0000\r\n\r\nbody\r\n"
)


@needs("/usr/lib/cyrus/bin/master")
class CyrusTests(SynchronousTestCase):
    timeout = 300

    def setUp(self) -> None:
        self.server = cyrus()
        for name in ("ann", "bob", "cyrus"):
            self.server.add(name, f"{name}'s word")

    def imap(self, name: str) -> Talker:
        """Logged in."""
        talker = Talker(self.server.ports["imap"])
        self.addCleanup(talker.close)
        talker.line()
        self.assertTrue(talker.imap(f'LOGIN {name} "{name}\'s word"'.encode())[-1].startswith(b"OK "))
        return talker

    def test_an_administrator_becomes_another_without_a_new_connection(self) -> None:
        """rfc8437"""
        talker = self.imap("cyrus")
        self.assertTrue(talker.imap(b"UNAUTHENTICATE")[-1].startswith(b"OK "))
        self.assertTrue(talker.imap(b'LOGIN bob "bob\'s word"')[-1].startswith(b"OK "))

    def test_of_sieve_anybody_becomes_another_without_a_new_connection(self) -> None:
        """rfc5804#2.14.1"""
        with Talker(self.server.ports["sieve"]) as talker:
            while not talker.line().startswith(b"OK"):
                pass
            for name in (b"ann", b"bob"):
                word = base64.b64encode(b"\0%b\0%b's word" % (name, name))
                talker.send(b'AUTHENTICATE "PLAIN" "%b"\r\n' % word)
                self.assertEqual(talker.line(), b"OK")
                talker.send(b"UNAUTHENTICATE\r\n")
                self.assertEqual(talker.line(), b"OK")

    def test_passwords_come_as_they_are(self) -> None:
        for number, password in enumerate(PASSWORDS):
            self.server.add(f"any{number}", password)
            with Talker(self.server.ports["imap"]) as talker:
                talker.line()
                word = base64.b64encode(b"\0any%d\0%b" % (number, password))
                answer = talker.imap(b"AUTHENTICATE PLAIN " + word)
                self.assertTrue(answer[-1].startswith(b"OK "), password)
                self.assertEqual(self.server.tried[-1], (b"any%d" % number, password))

    def test_mail_comes_by_lmtp(self) -> None:
        talker = self.imap("bob")
        with Talker(self.server.ports["lmtp"]) as lmtp:
            lmtp.smtp()
            lmtp.smtp(b"LHLO client.test")
            answer = deliver(lmtp, "a@x.test", ["bob@inside.test"], MESSAGE)
            self.assertTrue(answer.startswith(b"250 "), answer)
        talker.imap(b"SELECT INBOX")
        fetched = talker.imap(b"FETCH * BODY.PEEK[]")
        self.assertTrue(any(MESSAGE in line for line in fetched), fetched)
