"""Big mails and the ends of servers: nothing is taken that the server behind has not taken."""

import smtplib
import ssl

from twisted.trial.unittest import SynchronousTestCase

from tests.backends import shared
from tests.backends.dovecot import Dovecot
from tests.gateway.talking import Talking
from tests.gateway.whole import Gateway, before_dovecot, before_postfix

MESSAGE = (
    b"From: ann@inside.test\r\nTo: bob@sink.test\r\nSubject: hello\r\n"
    b"Date: Sun, 22 Nov 2026 04:00:00 +0000\r\nMessage-ID: <%d@inside.test>\r\n\r\n"
    b"..two dots\r\n.\r\n.one\r\n\xc3\xbc and \xff\r\n" + b"x" * 900 + b"\r\nend\r\n"
)


class BigTests(SynchronousTestCase):
    timeout = 300

    def test_two_mails_of_one_session_one_of_them_big(self) -> None:
        for number, make in enumerate((before_dovecot, before_postfix)):
            gateway = make()
            login = gateway.person("ann").login()
            tls = ssl.create_default_context(cafile=str(gateway.certificate))
            big = MESSAGE % number + (b"y" * 76 + b"\r\n") * 50_000
            with smtplib.SMTP("localhost", login.ports["submission"]) as smtp:
                smtp.starttls(context=tls)
                smtp.login(login.user, login.secret)
                for size, message in (("big", big), ("small", MESSAGE % number)):
                    to = f"{size}{number}@sink.test"
                    smtp.sendmail(login.user, [to], message)
                    (kept,) = shared.sink().for_(to)
                    self.assertTrue(kept.text.endswith(b"\r\n" + message))

    def test_lmtp(self) -> None:
        gateway, dovecot = before_dovecot(), shared.dovecot()
        gateway.person("lena")
        with smtplib.LMTP("localhost", gateway.server.port("lmtp")) as lmtp:
            self.assertEqual(lmtp.sendmail("x@elsewhere.test", ["lena@inside.test"], MESSAGE % 5), {})
        (stored,) = dovecot.messages("lena@inside.test")
        self.assertTrue(
            stored.replace(b"\r\n", b"\n").endswith(b"\n" + (MESSAGE % 5).replace(b"\r\n", b"\n"))
        )


class FaultTests(SynchronousTestCase):
    """The server behind goes within a mail."""

    timeout = 300

    def setUp(self) -> None:
        self.server = Dovecot("killed", relay=shared.sink().port)
        self.addCleanup(self.server.stop)
        self.server.start()
        self.gateway = Gateway(self.server)
        self.addCleanup(self.gateway.end)
        self.login = self.gateway.person("ann").login()

    def in_data(self, to: bytes) -> Talking:
        talking = Talking(self.gateway, "submissions")
        self.addCleanup(talking.close)
        talking.log_in(self.login)
        talking.ask(b"MAIL FROM:<ann@inside.test>")
        talking.ask(b"RCPT TO:<" + to + b">")
        self.assertTrue(talking.ask(b"DATA").startswith(b"354 "))
        talking.send((MESSAGE % 20).replace(b"\r\n.", b"\r\n..") + b"x" * 100_000)
        return talking

    def test_killed_within_the_message(self) -> None:
        talking = self.in_data(b"killed@sink.test")
        self.server.kill()
        told = talking.ask(b"\r\n.")
        self.assertTrue(told.startswith(b"451 4.4.2 "), told)
        told = talking.ask(b"MAIL FROM:<ann@inside.test>")
        self.assertTrue(told.startswith(b"421 "), told)
        self.assertEqual(talking.answer(), b"")
        self.assertFalse([one for one in shared.sink().kept if b"killed@sink.test" in one.recipients])

    def test_killed_behind_the_last_dot(self) -> None:
        talking = self.in_data(b"frozen@sink.test")
        self.server.freeze()
        talking.send(b"\r\n.\r\n")
        self.server.kill()
        told = talking.answer()
        self.assertTrue(told.startswith(b"451 4.4.2 "), told)
