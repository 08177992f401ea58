"""What the Postfix behind does without a gateway: the controls of all tests with one."""

import base64
import smtplib

from twisted.trial.unittest import SynchronousTestCase

from tests.backends.passwords import PASSWORDS
from tests.backends.shared import dovecot, postfix, sink
from tests.peers.programs import needs
from tests.process.talk import Talker, deliver

MESSAGE = b"From: a@x.test\r\nSubject: one\r\n\r\n.dot\r\nbody \xc3\xa4" + b"x" * 2000 + b"\r\n"


@needs("postfix", "dovecot")
class PostfixTests(SynchronousTestCase):
    timeout = 300

    def setUp(self) -> None:
        self.server = postfix()

    def talker(self, door: str, source: str = "127.0.0.1") -> Talker:
        """Greeted."""
        talker = Talker(self.server.ports[door], source=source)
        self.addCleanup(talker.close)
        if not door.endswith("-proxied"):
            talker.smtp()
            talker.smtp(b"EHLO client.test")
        return talker

    def test_mail_for_its_people_is_stored(self) -> None:
        answer = deliver(self.talker("smtp"), "a@x.test", ["stored@inside.test"], MESSAGE)
        self.assertTrue(answer.startswith(b"250 "), answer)
        (stored,) = self.server.messages("stored@inside.test")
        self.assertTrue(stored.endswith(MESSAGE.replace(b"\r\n", b"\n")))

    def test_some_are_refused_and_strangers_may_not_relay(self) -> None:
        talker = self.talker("smtp")
        talker.smtp(b"MAIL FROM:<a@x.test>")
        for who, words in (
            (b"nobody@inside.test", b"550 5.1.1 "),
            (b"later@inside.test", b"450 4.2.1 "),
            (b"somebody@y.test", b"554 5.7.1 "),
        ):
            answer = talker.smtp(b"RCPT TO:<%b>" % who)
            self.assertTrue(answer.startswith(words), answer)

    def test_who_has_logged_in_may_relay(self) -> None:
        for number, password in enumerate(PASSWORDS):
            dovecot().add(f"relay{number}", password)
            talker = self.talker("submission")
            response = base64.b64encode(b"\0relay%d\0%b" % (number, password))
            answer = talker.smtp(b"AUTH PLAIN " + response)
            self.assertTrue(answer.startswith(b"235 "), (password, answer))
        answer = deliver(talker, "a@x.test", ["relayed@y.test"], MESSAGE)
        self.assertTrue(answer.startswith(b"250 "), answer)
        (kept,) = sink().for_("relayed@y.test")
        self.assertTrue(kept.text.endswith(MESSAGE), kept.text)

    def test_xclient_is_for_the_gateway_alone(self) -> None:
        talker = self.talker("smtp")
        answer = talker.smtp(b"XCLIENT LOGIN=ceo ADDR=203.0.113.9 NAME=client.elsewhere.test")
        self.assertTrue(answer.startswith(b"220 "), answer)
        talker.smtp(b"EHLO client.elsewhere.test")
        answer = deliver(talker, "a@x.test", ["xclient@y.test"], MESSAGE)
        self.assertTrue(answer.startswith(b"250 "), answer)
        (kept,) = sink().for_("xclient@y.test")
        self.assertIn(b"(client.elsewhere.test [203.0.113.9])", kept.text)
        stranger = self.talker("smtp", "127.0.0.2")
        self.assertTrue(stranger.smtp(b"XCLIENT LOGIN=ceo").startswith(b"550 "))

    def test_a_door_for_the_proxy_header(self) -> None:
        talker = self.talker("smtp-proxied")
        talker.send(b"PROXY TCP4 203.0.113.10 192.0.2.1 4000 25\r\n")
        talker.smtp()
        talker.smtp(b"EHLO client.test")
        deliver(talker, "a@x.test", ["proxied@inside.test"], MESSAGE)
        (stored,) = self.server.messages("proxied@inside.test")
        self.assertIn(b"[203.0.113.10]", stored)

    def test_tls(self) -> None:
        smtp = smtplib.SMTP("127.0.0.1", self.server.ports["submission"])
        self.assertEqual(smtp.starttls()[0], 220)
        smtp.quit()
        with Talker(self.server.ports["submissions"], tls=True) as talker:
            self.assertTrue(talker.smtp().startswith(b"220 "))

    def test_it_is_killed_and_comes_again(self) -> None:
        talker = self.talker("smtp")
        self.server.kill()
        self.assertEqual(talker.rest(), b"")
        self.server.start()
        self.assertTrue(self.talker("smtp").smtp(b"NOOP").startswith(b"250 "))
