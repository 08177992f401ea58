"""Octets sent behind STARTTLS in one segment, in clear: dropped, and what came before is forgotten.

rfc3207#4.2 rfc3501#6.2.1 rfc2595#4"""

import signal
from base64 import b64encode

from twisted.trial.unittest import SynchronousTestCase

from tests.process.site import PASSWORD, USER, Site, eventually, site


class Injection(SynchronousTestCase):
    def setUp(self) -> None:
        self.site: Site = site("starttls")
        self.all_is_logged()
        self.log_so_far = len(self.site.server.lines)

    def log(self) -> str:
        """What was logged in this test."""
        self.all_is_logged()
        return "".join(self.site.server.lines[self.log_so_far :])

    def all_is_logged(self) -> None:
        """Lines come in order, though not at once: one that we ask for is behind all others."""
        before = self.site.server.log.count(" app.reloaded ")
        self.site.server.send(signal.SIGHUP)
        self.assertTrue(eventually(lambda: self.site.server.log.count(" app.reloaded ") > before))

    def test_in_imap_a_login_is_not_executed(self) -> None:
        with self.site.connect("imap") as imap:
            imap.line()
            imap.send(b"a STARTTLS\r\nb " + self.site.login + b"\r\nc LOGIN {5+}\r\n")
            self.assertTrue(imap.line().startswith(b"a OK "))
            imap.start_tls()
            answer = imap.imap(b"CAPABILITY")
            self.assertEqual(len(answer), 2, answer)
            self.assertNotIn(b"STARTTLS", answer[0])
            self.assertTrue(imap.imap(b"SELECT INBOX")[-1].startswith(b"BAD "))
            self.assertTrue(imap.imap(self.site.login)[-1].startswith(b"OK "))
        self.assertEqual(self.log().count("login.accepted"), 1)
        self.site.healthy()

    def test_in_imap_nothing_said_before_is_known(self) -> None:
        with self.site.connect("imap") as imap:
            imap.line()
            self.assertTrue(imap.imap(self.site.login)[-1].startswith(b"OK "))
            self.assertTrue(imap.imap(b"STARTTLS")[-1].startswith(b"BAD "))  # too late

    def test_in_pop3_neither_user_nor_pass_is_executed(self) -> None:
        with self.site.connect("pop3") as pop3:
            pop3.line()
            self.assertTrue(pop3.pop3(b"USER " + USER.encode()).startswith(b"+OK"))
            pop3.send(b"STLS\r\n" + self.site.password + b"\r\nSTAT\r\n")
            self.assertTrue(pop3.line().startswith(b"+OK"))
            pop3.start_tls()
            self.assertTrue(pop3.pop3(self.site.password).startswith(b"-ERR"))  # whose?
            self.assertTrue(pop3.pop3(b"STLS").startswith(b"-ERR"))
            self.assertTrue(pop3.pop3(b"STAT").startswith(b"-ERR"))
            self.assertTrue(pop3.pop3(b"USER " + USER.encode()).startswith(b"+OK"))
            self.assertTrue(pop3.pop3(self.site.password).startswith(b"+OK"))
        self.assertEqual(self.log().count("login.accepted"), 1)
        self.site.healthy()

    def test_in_smtp_no_mail_is_begun_and_ehlo_is_forgotten(self) -> None:
        with self.site.smtp() as smtp:
            smtp.send(b"STARTTLS\r\nEHLO evil.example.net\r\nMAIL FROM:<evil@example.net>\r\n")
            self.assertTrue(smtp.line().startswith(b"220 "))
            smtp.start_tls()
            self.assertTrue(smtp.smtp(b"MAIL FROM:<b@example.net>").startswith(b"503 "))  # no EHLO
            self.assertTrue(smtp.smtp(b"RCPT TO:<%b>" % USER.encode()).startswith(b"503 "))
            self.assertTrue(smtp.smtp(b"EHLO client.example.net").startswith(b"250 "))
            self.assertTrue(smtp.smtp(b"RCPT TO:<%b>" % USER.encode()).startswith(b"503 "))
            self.assertTrue(smtp.smtp(b"STARTTLS").startswith(b"50"))
        self.site.healthy()

    def test_in_submission_a_login_in_clear_is_forgotten(self) -> None:
        with self.site.connect("submission") as smtp:
            smtp.smtp()
            smtp.smtp(b"EHLO client.example.net")
            smtp.send(b"STARTTLS\r\nAUTH PLAIN " + self.plain() + b"\r\n")
            self.assertTrue(smtp.line().startswith(b"220 "))
            smtp.start_tls()
            self.assertTrue(smtp.smtp(b"EHLO client.example.net").startswith(b"250 "))
            self.assertTrue(smtp.smtp(b"MAIL FROM:<%b>" % USER.encode()).startswith(b"530 "))
            self.assertTrue(smtp.smtp(b"AUTH PLAIN " + self.plain()).startswith(b"235 "))
            self.assertTrue(smtp.smtp(b"MAIL FROM:<%b>" % USER.encode()).startswith(b"250 "))
        self.assertEqual(self.log().count("login.accepted"), 1)
        self.site.healthy()

    def test_what_is_no_tls_at_all_harms_nobody(self) -> None:
        for service, command in (("imap", b"a STARTTLS"), ("pop3", b"STLS"), ("smtp", b"STARTTLS")):
            with self.site.smtp() if service == "smtp" else self.site.connect(service) as talker:
                if service != "smtp":
                    talker.line()
                talker.send(command + b"\r\n")
                talker.line()
                talker.send(b"a LOGIN x y\r\nEHLO x\r\nUSER x\r\n" * 9)
                self.assertNotIn(b"OK", talker.rest())
        self.site.healthy()

    def plain(self) -> bytes:
        return b64encode(f"\0{USER}\0{self.site.secret}".encode())

    def test_the_secret_is_in_no_line_of_the_log(self) -> None:
        self.site.healthy()
        self.assertNotIn(PASSWORD, self.site.server.log)
        self.assertNotIn(self.plain().decode(), self.site.server.log)
