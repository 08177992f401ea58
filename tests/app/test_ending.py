"""The end of a server with clients in it, and what a reload does to them.  Every test runs a real twistd."""

import imaplib
import os
import poplib
import signal
import smtplib
import socket
import sqlite3
import ssl
import subprocess
import sys
import time
from pathlib import Path
from unittest import SkipTest

from twisted.trial.unittest import SynchronousTestCase

from mailtwist.app.tap import TWISTD
from mailtwist.testing.server import RunningServer, import_path
from mailtwist.tls.own import self_signed
from tests.app.clients import bring, unverified

INI = """
[server]
hostname = mail.example.org
state = state
shutdown_deadline = {deadline}
trusted_networks = {trusted}

[directory:people]
type = sqlite

[factor:totp]

[store:mail]
type = maildir

[tls:files]
certificate = cert.pem
key = cert.pem

[target:mailboxes]
type = mailbox
store = mail
domains = example.org

[service:mx]
type = smtp
listen = 127.0.0.1:0
connections_per_address = 2

[service:imap]
listen = 127.0.0.1:0
store = mail
connections_per_address = 2

[service:imaps]
type = imap
listen = 127.0.0.1:0
store = mail
tls = files
tls_mode = implicit

[service:pop3]
listen = 127.0.0.1:0
store = mail
connections_per_address = 2
"""
POSTMASTER = "postmaster@example.org"


class Living(SynchronousTestCase):
    def server(self, deadline: str = "20 s", trusted: str = "", **more: object) -> RunningServer:
        ini = INI.format(deadline=deadline, trusted=trusted)
        made = RunningServer(Path(self.mktemp()), ini, **more)
        self.renew(made)
        self.addCleanup(lambda: made._child and made.kill())
        return made

    def renew(self, server: RunningServer) -> bytes:
        pem = self_signed(["mail.example.org"], time.time())
        (server.folder / "cert.pem").write_bytes(pem)
        os.chmod(server.folder / "cert.pem", 0o600)
        return ssl.PEM_cert_to_DER_cert(pem[pem.index(b"-----BEGIN CERT") :].decode())

    def client(self, server: RunningServer, service: str = "mx") -> socket.socket:
        made = socket.create_connection(("127.0.0.1", server.port(service)), timeout=30)
        self.addCleanup(made.close)
        return made

    def mails(self, server: RunningServer) -> list[bytes]:
        state = server.folder / "state"
        return [path.read_bytes() for path in state.rglob("*") if path.parent.name in ("new", "cur")]


class Ending(Living):
    def data(self, server: RunningServer) -> smtplib.SMTP:
        """In the middle of a message."""
        client = smtplib.SMTP("127.0.0.1", server.port("mx"), timeout=30)
        self.addCleanup(client.close)
        client.ehlo()
        client.mail("x@elsewhere.example")
        client.rcpt(POSTMASTER)
        self.assertEqual(client.docmd("DATA")[0], 354)
        client.send(b"Subject: under way\r\n\r\n")
        return client

    def test_a_message_under_way_is_taken_and_answered(self) -> None:
        server = self.server().start()
        client = self.data(server)
        server.send(signal.SIGTERM)
        server.wait_for(" app.stopping ")
        client.send(b"It is safe.\r\n.\r\n")
        self.assertEqual(client.getreply()[0], 250)
        self.assertEqual(client.getreply()[0], 421)
        self.assertEqual(server.wait(), -signal.SIGTERM)
        (mail,) = self.mails(server)
        self.assertTrue(mail.endswith(b"Subject: under way\r\n\r\nIt is safe.\r\n"))

    def test_nobody_new_comes_in_meanwhile(self) -> None:
        server = self.server().start()
        self.data(server)
        server.send(signal.SIGTERM)
        server.wait_for(" app.stopping ")
        self.assertRaises(OSError, self.client, server, "imap")

    def test_who_is_idle_hears_goodbye(self) -> None:
        server = self.server().start()
        greeted = {}
        for service in ("mx", "imap"):
            greeted[service] = self.client(server, service).makefile("rb")
            greeted[service].readline()
        server.send(signal.SIGTERM)
        self.assertEqual(greeted["mx"].read()[:4], b"421 ")
        self.assertEqual(greeted["imap"].read()[:6], b"* BYE ")
        self.assertEqual(server.wait(), -signal.SIGTERM)

    def test_the_deadline_ends_what_does_not_end(self) -> None:
        server = self.server(deadline="1 s").start()
        client = self.data(server)
        server.send(signal.SIGTERM)
        self.assertEqual(server.wait(), -signal.SIGTERM)
        self.assertRaises((OSError, smtplib.SMTPServerDisconnected), self.finish, client)
        self.assertEqual(self.mails(server), [])

    def test_a_second_signal_has_no_patience(self) -> None:
        server = self.server(deadline="1 h").start()
        self.data(server)
        server.send(signal.SIGTERM)
        server.wait_for(" app.stopping ")
        server.send(signal.SIGTERM)
        self.assertEqual(server.wait(), -signal.SIGTERM)
        self.assertIn(" app.stopped ", server.lines[-1])

    def finish(self, client: smtplib.SMTP) -> None:
        client.send(b".\r\n")
        client.getreply()
        client.getreply()


class Reloading(Living):
    def shown(self, server: RunningServer) -> bytes:
        with self.client(server, "imaps") as plain:
            with unverified().wrap_socket(plain, server_hostname="mail.example.org") as client:
                return client.getpeercert(binary_form=True)

    def test_a_renewed_certificate_is_shown_and_nobody_is_cut_off(self) -> None:
        server = self.server().start()
        stays = imaplib.IMAP4_SSL("127.0.0.1", server.port("imaps"), ssl_context=unverified(), timeout=30)
        self.addCleanup(stays.shutdown)
        before = self.shown(server)
        renewed = self.renew(server)
        server.send(signal.SIGHUP)
        server.wait_for(" app.reloaded ")
        self.assertEqual(self.shown(server), renewed)
        self.assertNotEqual(renewed, before)
        self.assertEqual(stays.noop()[0], "OK")

    def test_a_certificate_that_cannot_be_served_is_not(self) -> None:
        server = self.server().start()
        before = self.shown(server)
        (server.folder / "cert.pem").write_bytes(b"nonsense")
        server.send(signal.SIGHUP)
        server.wait_for(" app.reloaded ")
        self.assertEqual(self.shown(server), before)
        self.assertIn(" error tls.", server.log)


class Crowded(Living):
    def test_one_too_many_is_told_so_in_its_own_words(self) -> None:
        server = self.server().start()
        for service, words in (("mx", b"421 4.7.0 "), ("imap", b"* BYE "), ("pop3", b"-ERR [SYS/TEMP] ")):
            held = [self.client(server, service) for _ in range(2)]
            for one in held:
                self.assertNotIn(b"Too many", one.makefile("rb").readline())
            told = self.client(server, service).makefile("rb").read()
            self.assertEqual(told[: len(words)], words)
            self.assertTrue(told.endswith(b"\r\n"))
        self.assertIn(" warn connection.too_many ", server.log)

    def test_trusted_networks_are_not_counted(self) -> None:
        server = self.server(trusted="127.0.0.0/8").start()
        for _ in range(5):
            self.assertEqual(self.client(server).makefile("rb").readline()[:4], b"220 ")


class Beginning(Living):
    def test_without_its_certificate_it_says_so_and_ends(self) -> None:
        server = self.server()
        (server.folder / "cert.pem").unlink()
        self.assertEqual(server.run(), 1)
        self.assertIn("cert.pem cannot be read", server.log)
        self.assertNotIn("Traceback", server.log)

    def test_a_state_from_the_future_is_refused(self) -> None:
        with self.server() as server:
            pass
        people = server.folder / "state" / "people.sqlite"
        with sqlite3.connect(people) as db:
            db.execute("PRAGMA user_version = 9999")
        db.close()
        self.assertEqual(server.run(), 1)
        self.assertIn("people.sqlite", server.log)
        self.assertNotIn("Traceback", server.log)

    def test_a_taken_port_is_a_sentence(self) -> None:
        with self.server() as first:
            second = self.server()
            port = first.port("mx")
            ini = second.config.read_text().replace("127.0.0.1:0", f"127.0.0.1:{port}", 1)
            second.config.write_text(ini)
            self.assertEqual(second.run(), 1)
            self.assertIn(f"cannot listen on 127.0.0.1:{port}: Address already in use", second.log)
            self.assertNotIn("Traceback", second.log)

    def test_ports_are_bound_before_root_is_given_up(self) -> None:
        if os.getuid() != 0 or not self.nobody_can_run_python():
            raise SkipTest("only root can give root up, and only for somebody who can read Python's files")
        program = [*TWISTD[:-1], "--uid", "65534", "--gid", "65534", TWISTD[-1]]
        server = self.server(program=program)
        ini = server.config.read_text().replace("127.0.0.1:0", "127.0.0.1:881", 1)
        server.config.write_text(ini)
        for path in (server.folder, server.folder / "cert.pem"):
            os.chown(path, 65534, 65534)
        self.let_through(server.folder)
        with server:
            self.assertEqual(self.effective(server.pid), {"65534"})
            bring(881, "x@elsewhere.example", [POSTMASTER], b"Subject: x\r\n\r\n")
            self.assertEqual(len(self.mails(server)), 1)

    def nobody_can_run_python(self) -> bool:
        probe = [sys.executable, "-c", "import mailtwist.app.tap, encodings.ascii"]
        environment = {**os.environ, "PYTHONPATH": import_path()}
        try:
            done = subprocess.run(probe, user=65534, env=environment, capture_output=True, check=False)
        except PermissionError:
            return False
        return done.returncode == 0

    def effective(self, pid: int) -> set[str]:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
        return {uid for line in lines if line.startswith("Uid:") for uid in line.split()[1:]}

    def let_through(self, folder: Path) -> None:
        for parent in folder.absolute().parents:
            if not parent.stat().st_mode & 0o001:
                mode = parent.stat().st_mode & 0o7777
                parent.chmod(mode | 0o001)
                self.addCleanup(parent.chmod, mode)


class Secrets(Living):
    def test_no_log_line_holds_what_was_typed(self) -> None:
        server = self.server(trusted="127.0.0.0/8")
        server.config.write_text(
            server.config.read_text().replace("[server]", "[server]\nlog_level = debug", 1)
        )
        with server:
            for log_in in (self.by_imap, self.by_pop):
                log_in(server, "ann@example.org", "Tr0ub4dor&3@123456")
                log_in(server, "Tr0ub4dor&3@123456", "Tr0ub4dor&3@123456")
        self.assertIn("login.refused", server.log)
        for part in ("Tr0ub4dor", "123456"):
            self.assertNotIn(part, server.log)

    def by_imap(self, server: RunningServer, user: str, secret: str) -> None:
        with imaplib.IMAP4("127.0.0.1", server.port("imap"), timeout=30) as client:
            self.assertRaises(imaplib.IMAP4.error, client.login, user, secret)

    def by_pop(self, server: RunningServer, user: str, secret: str) -> None:
        client = poplib.POP3("127.0.0.1", server.port("pop3"), timeout=30)
        client.user(user)
        self.assertRaises(poplib.error_proto, client.pass_, secret)
        client.close()
