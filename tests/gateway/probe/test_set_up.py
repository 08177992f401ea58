"""From one command to a login: IMAP, POP3 and submission, in front of real servers."""

import contextlib
import imaplib
import json
import poplib
import re
import smtplib
import socket
import ssl
import time
from pathlib import Path

from cryptography.hazmat.primitives.serialization import Encoding
from pyotp import TOTP
from twisted.trial.unittest import SynchronousTestCase

from mailtwist.testing.server import RunningServer
from tests.backends import shared
from tests.backends.server import Server
from tests.gateway.probe.setting_up import enrolled, free_plus, from_just_that, key_of, ran, set_up, where
from tests.peers.programs import needs
from tests.tls.acme.pebble import pebble, zones

UNVERIFIED = ssl._create_unverified_context


class SetUp(SynchronousTestCase):
    timeout = 180

    def gateway(
        self, server: Server, *more: str, name: str, implicit: bool = True, typed: str = ""
    ) -> tuple[RunningServer, int]:
        """Started from what the command has left; `name` is enrolled, and confirmed."""
        self.folder = Path(self.mktemp()).absolute()
        plus, self.said = set_up(server, self.folder, "--user", name, *more, implicit=implicit, typed=typed)
        running = from_just_that(self.folder)
        self.assertEqual(running.command("check"), "ok\n")
        self.totp = TOTP(key_of(running, name))
        self.now = int(time.time())
        running.command("otp", "confirm", name, self.totp.at(self.now))
        running.start()
        self.addCleanup(running.stop)
        return running, plus

    def secret(self, password: str) -> str:
        """Good already, and once: what each program then saves is the same."""
        return f"{password}@{self.totp.at(self.now + 30)}"

    def imap(self, port: int, user: str, secret: str) -> None:
        with imaplib.IMAP4_SSL("127.0.0.1", port, ssl_context=UNVERIFIED()) as imap:
            imap.login(user, secret)
            self.assertEqual(imap.select("INBOX")[0], "OK")

    def pop3(self, port: int, user: str, secret: str) -> None:
        pop3 = poplib.POP3_SSL("127.0.0.1", port, context=UNVERIFIED())
        with contextlib.closing(pop3):
            pop3.user(user)
            pop3.pass_(secret)
            self.assertTrue(pop3.stat())

    def submission(self, port: int, user: str, secret: str) -> None:
        with smtplib.SMTP_SSL("127.0.0.1", port, context=UNVERIFIED()) as smtp:
            smtp.login(user, secret)
            self.assertEqual(smtp.mail("ann@inside.test")[0], 250)

    def refused(self, port: int, user: str, password: str) -> None:
        with self.assertRaises(imaplib.IMAP4.error):
            self.imap(port, user, password)


@needs("dovecot")
class BeforeDovecot(SetUp):
    def test_a_user_gets_in_by_all_three_with_the_code_and_by_none_without(self) -> None:
        server = shared.dovecot()
        server.add("ann@inside.test", "geheim")
        _, plus = self.gateway(server, "--domain", "inside.test", name="ann@inside.test")
        secret = self.secret("geheim")
        self.imap(plus + 993, "ann@inside.test", secret)
        self.pop3(plus + 995, "ann@inside.test", secret)
        self.submission(plus + 465, "ann@inside.test", secret)
        self.refused(plus + 993, "ann@inside.test", "geheim")

    def test_what_was_said_leads_on(self) -> None:
        server = shared.dovecot()
        server.add("said@inside.test", "geheim")
        running, plus = self.gateway(server, "--domain", "inside.test", name="said")
        self.assertIn("otpauth://totp/", self.said)
        self.assertIn("otp confirm said@inside.test CODE", self.said)
        self.assertIn(f"imaps://gw.example.test:{plus + 993}/INBOX", self.said)
        self.assertIn("There already", self.again(server, plus, "said"))
        for words in (
            ("device", "list", "said"),
            ("app-password", "list", "said"),
            ("history", "said"),
            ("recovery", "issue", "said"),
            ("backend", "list"),
            ("policy", "report"),
        ):
            running.command(*words)
        words = ("app-password", "add", "said", "--label", "phone", "--json", "--password-stdin")
        added = json.loads(running.command(*words, typed="geheim\n"))
        self.imap(plus + 993, "said", added["password"])
        (device,) = json.loads(running.command("device", "list", "said", "--json"))
        running.command("device", "revoke", "said", device["id"])
        self.refused(plus + 993, "said", added["password"])
        running.command("otp", "reset", "said", "--reason", "a lost phone")
        self.assertEqual(json.loads(running.command("otp", "list", "said", "--json")), [])

    def test_people_are_enrolled_while_the_server_is_away(self) -> None:
        running, _ = self.gateway(shared.dovecot(), "--domain", "inside.test", name="away")
        ini = running.config.read_text()
        running.config.write_text(re.sub(r"^(imap|pop3|submission|sieve) = \d+", r"\1 = 1", ini, flags=re.M))
        for words in (("otp", "enroll", "bob"), ("device", "list", "away"), ("history", "away")):
            running.command(*words)

    def test_certificates_come_by_themselves(self) -> None:
        """Let's Encrypt is somebody else here; nothing but where it is, and where it asks, is changed."""
        ca, folder = pebble(), Path(self.mktemp()).absolute()
        plus, said = set_up(shared.dovecot(), folder, "--acme", "ann@inside.test")
        self.assertIn("mailtwist tls list", said)
        ini = folder / "mailtwist.ini"
        text = re.sub(r"(?m)^http_listen = .*", f"http_listen = 127.0.0.1:{ca.http_port}", ini.read_text())
        there = f"[authority:letsencrypt]\ndirectory = {ca.directory}\nroots = {ca.roots}\n"
        ini.write_text(f"{text}\n{there}[resolver]\nservers = 127.0.0.1:{zones().port}\n")
        trust = ssl.create_default_context(cadata=ca.root().public_bytes(Encoding.PEM).decode())
        with from_just_that(folder) as running:
            running.wait_for("from now on gw.example.test is served")
            with socket.create_connection(("127.0.0.1", plus + 993), 20) as plain:
                trust.wrap_socket(plain, server_hostname="gw.example.test").close()

    def again(self, server: Server, plus: int, name: str) -> str:
        ini = self.folder / "mailtwist.ini"
        before = ini.read_text()
        options = ["--folder", str(self.folder), "--ports", str(plus + 1), "--user", name]
        done = ran("quickstart", "gateway", *where(server), *options)
        self.assertEqual((done.returncode, ini.read_text()), (0, before), done.stderr)
        self.assertNotIn("otpauth", done.stdout)
        return done.stdout

    def test_a_key_that_was_seen_is_pinned_and_works(self) -> None:
        server = shared.dovecot()
        server.add("pinned@inside.test", "geheim")
        plus = self.pinned(server)
        ini = self.folder / "mailtwist.ini"
        self.assertRegex(ini.read_text(), r"\npins = sha256//[^,\n]+\n")
        self.assertNotIn("\nroots =", ini.read_text())
        running = from_just_that(self.folder)
        self.totp, self.now = TOTP(enrolled(running, "pinned@inside.test")), int(time.time())
        running.command("otp", "confirm", "pinned@inside.test", self.totp.at(self.now))
        running.start()
        self.addCleanup(running.stop)
        self.imap(plus + 993, "pinned@inside.test", self.secret("geheim"))

    def pinned(self, server: Server) -> int:
        """The config is there, and nobody vouches for the server's certificate."""
        self.folder, plus = Path(self.mktemp()).absolute(), free_plus()
        self.folder.mkdir()
        options = [word for word in where(server) if word not in ("--roots", str(server.root))]
        ours = [
            "--ports",
            str(plus),
            "--listen",
            "127.0.0.1",
            "--state",
            "state",
            "--hostname",
            "gw.example.test",
        ]
        done = ran("probe", "backend", *options, *ours, "--write", str(self.folder / "mailtwist.ini"))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("NOT RIGHT", done.stdout)
        return plus


@needs("dovecot")
class BeforeOthers(SetUp):
    def test_before_what_exchange_is_like(self) -> None:
        server = shared.login_only()
        server.add("eve@inside.test", "geheim")
        _, plus = self.gateway(server, "--domain", "inside.test", name="eve")
        secret = self.secret("geheim")
        self.imap(plus + 993, "eve", secret)
        self.pop3(plus + 995, "eve", secret)
        self.submission(plus + 465, "eve", secret)

    def test_before_what_gmail_is_like(self) -> None:
        server = shared.named_only()
        server.add("eve@inside.test", "geheim")
        _, plus = self.gateway(server, name="eve@inside.test", implicit=False)
        secret = self.secret("geheim")
        self.imap(plus + 993, "eve@inside.test", secret)
        self.pop3(plus + 995, "eve@inside.test", secret)
        self.submission(plus + 465, "eve@inside.test", secret)

    def test_before_a_cyrus_that_knows_no_domains(self) -> None:
        server = shared.cyrus()
        server.add("bare", "geheim")
        self.folder = Path(self.mktemp()).absolute()
        _, plus = self.gateway(server, name="bare")
        self.imap(plus + 993, "bare", self.secret("geheim"))

    def test_names_without_a_domain_stay_so_behind_when_a_login_has_shown_it(self) -> None:
        server = shared.cyrus()
        server.add("local", "geheim")
        more = ("--domain", "inside.test", "--password-stdin")
        _, plus = self.gateway(server, *more, name="local", typed="geheim\n")
        self.assertIn("\nuser_name = local\n", (self.folder / "mailtwist.ini").read_text())
        self.imap(plus + 993, "local@inside.test", self.secret("geheim"))

    def test_a_refused_login_writes_nothing(self) -> None:
        server, folder = shared.cyrus(), Path(self.mktemp())
        server.add("local", "geheim")
        more = ("--folder", str(folder), "--user", "local", "--password-stdin")
        done = ran("quickstart", "gateway", *where(server), *more, typed="wrong\n")
        self.assertEqual((done.returncode, folder.exists()), (1, False))
        self.assertIn("refuses this name with this password", done.stderr)


@needs("postfix")
class BeforePostfix(SetUp):
    def test_submission_alone(self) -> None:
        shared.dovecot().add("sub@inside.test", "geheim")
        _, plus = self.gateway(shared.postfix(), "--domain", "inside.test", name="sub")
        self.submission(plus + 465, "sub", self.secret("geheim"))
