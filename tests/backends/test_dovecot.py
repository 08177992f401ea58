"""What the Dovecots behind do without a gateway: the controls of all tests with one."""

import base64
import imaplib
import poplib
import shutil
import smtplib
import socket
import ssl
import subprocess
import sys
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.backends.dovecot import Dovecot
from tests.backends.passwords import PASSWORDS
from tests.backends.processes import eventually
from tests.backends.shared import dovecot, login_only, named_only, sink
from tests.docs.example import ROOT
from tests.peers.programs import needs
from tests.process.talk import Gone, Talker, deliver

MESSAGE = b"From: a@x.test\r\nSubject: one\r\n\r\n.dot\r\nbody \xc3\xa4\r\n"


def plain(user: str, password: bytes, other: str = "") -> str:
    return base64.b64encode(b"\0".join([other.encode(), user.encode(), password])).decode()


@needs("dovecot")
class DovecotTests(SynchronousTestCase):
    timeout = 300

    def setUp(self) -> None:
        self.server: Dovecot = dovecot()
        self.server.add("ann", "a pass word")

    def imap(self) -> imaplib.IMAP4:
        return imaplib.IMAP4("127.0.0.1", self.server.ports["imap"])

    def test_any_password_is_taken_as_it_is(self) -> None:
        for number, password in enumerate(PASSWORDS):
            self.server.add(f"any{number}", password)
            with self.imap() as imap:
                imap.authenticate("PLAIN", lambda _: b"\0any%d\0%b" % (number, password))

    def test_a_password_is_changed_while_it_runs(self) -> None:
        self.server.add("ann", "another")
        with self.imap() as imap:
            self.assertRaises(imaplib.IMAP4.error, imap.login, "ann", "a pass word")
        with self.imap() as imap:
            imap.login("ann", "another")

    def test_a_master_logs_in_as_anybody(self) -> None:
        self.server.add_master("boss", "of all")
        with self.imap() as imap:
            imap.login("ann*boss", "of all")
        with self.imap() as imap:
            imap.authenticate("PLAIN", lambda _: b"ann\0boss\0of all")

    def test_it_believes_who_the_client_is_only_from_where_it_trusts(self) -> None:
        self.server.add("id", "x")
        for source in ("127.0.0.1", "127.0.0.2"):
            with Talker(self.server.ports["imap"], source=source) as talker:
                talker.line()
                talker.imap(b'ID ("x-originating-ip" "203.0.113.5" "x-session-id" "s%b")' % source.encode())
                self.assertTrue(talker.imap(b"LOGIN id x")[-1].startswith(b"OK "))
        self.server.line("-login: Info: Login: user=<id>", 2)
        trusted, other = self.server.logins("id")
        self.assertEqual((trusted["rip"], trusted["session"]), ("203.0.113.5", "s127.0.0.1"))
        self.assertEqual(other["rip"], "127.0.0.2")

    def test_pop3_and_submission_believe_xclient(self) -> None:
        self.server.add("xclient", "x")
        with Talker(self.server.ports["pop3"]) as talker:
            self.assertIn(b"[XCLIENT]", talker.pop3())
            self.assertTrue(talker.pop3(b"XCLIENT ADDR=203.0.113.6").startswith(b"+OK"))
            talker.pop3(b"USER xclient")
            self.assertTrue(talker.pop3(b"PASS x").startswith(b"+OK"))
        with Talker(self.server.ports["submission"]) as talker:
            talker.smtp()
            talker.smtp(b"EHLO gateway.test")
            self.assertTrue(talker.smtp(b"XCLIENT ADDR=203.0.113.7").startswith(b"220 "))
            talker.smtp(b"EHLO gateway.test")
            answer = talker.smtp(b"AUTH PLAIN " + plain("xclient", b"x").encode())
            self.assertTrue(answer.startswith(b"235 "), answer)
        self.server.line("-login: Info: Login: user=<xclient>", 2)
        found = {one["service"]: one["rip"] for one in self.server.logins("xclient")}
        self.assertEqual(found, {"pop3": "203.0.113.6", "submission": "203.0.113.7"})

    def test_doors_for_the_proxy_header(self) -> None:
        self.server.add("proxied", "x")
        with Talker(self.server.ports["imap-proxied"]) as talker:
            talker.send(b"PROXY TCP4 203.0.113.8 192.0.2.1 4000 143\r\n")
            talker.line()
            self.assertTrue(talker.imap(b"LOGIN proxied x")[-1].startswith(b"OK "))
        self.server.line("-login: Info: Login: user=<proxied>")
        (login,) = self.server.logins("proxied")
        self.assertEqual((login["rip"], login["lip"]), ("203.0.113.8", "192.0.2.1"))

    def test_what_is_submitted_is_kept_octet_by_octet(self) -> None:
        with Talker(self.server.ports["submission"]) as talker:
            talker.smtp()
            talker.smtp(b"EHLO client.test")
            talker.smtp(b"AUTH PLAIN " + plain("ann", b"a pass word").encode())
            answer = deliver(talker, "ann@x.test", ["submitted@y.test"], MESSAGE)
        self.assertTrue(answer.startswith(b"250 "), answer)
        (kept,) = sink().for_("submitted@y.test")
        self.assertTrue(kept.text.endswith(MESSAGE), kept.text)

    def test_mail_comes_by_lmtp_and_goes_by_imap_and_pop3(self) -> None:
        self.server.add("lmtp@inside.test", "x")
        with Talker(self.server.ports["lmtp"]) as talker:
            talker.smtp()
            talker.smtp(b"LHLO client.test")
            answer = deliver(talker, "a@x.test", ["lmtp@inside.test"], MESSAGE)
        self.assertTrue(answer.startswith(b"250 "), answer)
        (stored,) = self.server.messages("lmtp@inside.test")
        self.assertTrue(stored.replace(b"\r\n", b"\n").endswith(MESSAGE.replace(b"\r\n", b"\n")))
        pop3 = poplib.POP3("127.0.0.1", self.server.ports["pop3"])
        pop3.user("lmtp@inside.test")
        pop3.pass_("x")
        self.assertEqual(pop3.stat()[0], 1)
        pop3.quit()

    def test_messages_that_were_put_there_are_read(self) -> None:
        self.server.add("put", "x")
        self.server.put("put", [MESSAGE, MESSAGE])
        with self.imap() as imap:
            imap.login("put", "x")
            self.assertEqual(imap.select()[1], [b"2"])

    def test_sieve_scripts(self) -> None:
        with Talker(self.server.ports["sieve"]) as talker:
            words = []
            while not (line := talker.line()).startswith(b"OK"):
                words.append(line)
            self.assertIn(b'"SASL" "PLAIN LOGIN"', words)
            talker.send(b'AUTHENTICATE "PLAIN" "%b"\r\n' % plain("ann", b"a pass word").encode())
            self.assertTrue(talker.line().startswith(b"OK"))

    def test_tls_is_verified_with_its_root(self) -> None:
        context = ssl.create_default_context(cafile=str(self.server.root))
        imap = imaplib.IMAP4_SSL("localhost", self.server.ports["imaps"], ssl_context=context)
        imap.login("ann", "a pass word")
        imap.logout()
        imap = self.imap()
        imap.starttls(context)
        imap.shutdown()


@needs("dovecot")
class LoginOnlyTests(SynchronousTestCase):
    timeout = 300

    def setUp(self) -> None:
        self.server = login_only()
        self.server.add("ann", "word")

    def test_login_of_imap_is_refused(self) -> None:
        with imaplib.IMAP4("127.0.0.1", self.server.ports["imap"]) as imap:
            self.assertRaises(imaplib.IMAP4.error, imap.login, "ann", "word")
            said = iter([b"ann", b"word"])
            imap.authenticate("LOGIN", lambda _: next(said))

    def test_a_password_is_changed_while_it_runs(self) -> None:
        for word in ("first", "other"):
            self.server.add("changing", word)
            smtp = smtplib.SMTP("127.0.0.1", self.server.ports["submission"])
            smtp.login("changing", word)
            smtp.quit()

    def test_user_of_pop3_is_refused(self) -> None:
        pop3 = poplib.POP3("127.0.0.1", self.server.ports["pop3"])
        self.assertRaises(poplib.error_proto, lambda: (pop3.user("ann"), pop3.pass_("word")))
        pop3.close()

    def test_smtp_offers_login_alone(self) -> None:
        smtp = smtplib.SMTP("127.0.0.1", self.server.ports["submission"])
        smtp.ehlo()
        self.assertEqual(smtp.esmtp_features["auth"].split(), ["LOGIN"])
        smtp.login("ann", "word")
        smtp.quit()


@needs("dovecot")
class NamedOnlyTests(SynchronousTestCase):
    timeout = 300

    def shown(self, port: int, name: str | None) -> str:
        """What the one who asks for `name` learns of the certificate: '' when it is good."""
        context = ssl.create_default_context(cafile=str(named_only().root))
        context.check_hostname = name is not None
        with socket.create_connection(("127.0.0.1", port)) as plain_socket:
            try:
                context.wrap_socket(plain_socket, server_hostname=name).close()
            except ssl.SSLCertVerificationError as error:
                return error.verify_message
        return ""

    def test_only_who_says_the_name_is_shown_the_right_certificate(self) -> None:
        for door in ("imaps", "pop3s", "submissions"):
            port = named_only().ports[door]
            self.assertEqual(self.shown(port, "localhost"), "", door)
            self.assertNotEqual(self.shown(port, None), "", door)


@needs("dovecot")
class LifeTests(SynchronousTestCase):
    timeout = 300

    def test_it_is_killed_and_comes_again_and_leaves_nothing(self) -> None:
        server = Dovecot("life")
        self.addCleanup(server.stop)
        server.add("ann", "x")
        server.start()
        with Talker(server.ports["imap"]) as talker:
            talker.line()
            self.assertTrue(talker.imap(b"LOGIN ann x")[-1].startswith(b"OK "))
            pid = server.pid
            server.kill()
            self.assertRaises((Gone, OSError), talker.imap, b"NOOP")
        self.assertFalse(Path(f"/proc/{pid}").exists())
        server.start()
        with imaplib.IMAP4("127.0.0.1", server.ports["imap"]) as imap:
            imap.login("ann", "x")
        server.stop()
        self.assertFalse(server.folder.exists())

    def test_it_ends_when_a_run_of_tests_is_killed(self) -> None:
        script = (
            "from tests.backends.dovecot import Dovecot; d = Dovecot('orphan'); d.start();"
            "print(d.pid, d.folder, flush=True); input()"
        )
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        run = subprocess.Popen([sys.executable, "-c", script], cwd=ROOT, text=True, **pipes)
        pid, folder = run.stdout.readline().split()
        self.addCleanup(shutil.rmtree, folder)
        run.kill()
        run.communicate()
        self.assertTrue(eventually(lambda: not Path(f"/proc/{pid}").exists()))

    def test_it_is_frozen_and_goes_on(self) -> None:
        server = Dovecot("life")
        self.addCleanup(server.stop)
        server.start()
        with Talker(server.ports["imap"]) as talker:
            talker.line()
            server.freeze()
            talker.send(b"a NOOP\r\n")
            talker.socket.settimeout(0.5)
            self.assertRaises(TimeoutError, talker.line)
            server.thaw()
            talker.socket.settimeout(60)
            self.assertEqual(talker.line()[:4], b"a OK")
