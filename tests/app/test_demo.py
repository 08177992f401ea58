"""`mailtwist demo`: one command, and mail works; the next start keeps everything."""

import imaplib
import re
import signal
import socket
import subprocess
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from mailtwist.app.cli.demo import _ini
from mailtwist.testing.server import COMMAND, RunningServer
from tests.app.clients import read_imaps, send

MESSAGE = b"Subject: hello\r\n\r\nIt works.\r\n"


class Demo(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = Path(self.mktemp()).absolute() / "state"
        ini = _ini(self.folder)
        ini.write_text(re.sub(r"localhost:\d+", "127.0.0.1:0", ini.read_text()))

    def demo(self) -> RunningServer:
        made = RunningServer(self.folder.parent, "", program=[*COMMAND, "demo", str(self.folder)])
        made.begin()
        self.addCleanup(made.kill)
        made.wait_for(" app.ready ")
        return made

    def port(self, server: RunningServer, service: str) -> int:
        line = server.wait_for(f"[service:{service}] listens")
        return int(line.strip().rpartition(":")[2])

    def secret(self, server: RunningServer, user: str) -> str:
        return server.command("demo", str(self.folder), "--secret", user).strip()

    def test_it_says_all_one_needs_and_the_next_start_keeps_the_mail(self) -> None:
        server = self.demo()
        (shown,) = re.findall(r"^  ann@laptop\.test +(\S+) +(\d{6})$", server.log, re.MULTILINE)
        self.assertIn("█", server.log)
        for word in ("swaks ", "curl ", "openssl ", "Thunderbird"):
            self.assertIn(word, server.log)
        secret = self.secret(server, "ann")
        self.assertEqual(secret.rpartition("@")[0], shown[0])
        send(self.port(server, "submission"), "ann@laptop.test", secret, MESSAGE, ["bob@laptop.test"])
        server.send(signal.SIGINT)
        self.assertEqual(server.wait(), -signal.SIGINT)
        self.assertIn(" app.stopped ", server.lines[-1])

        again = self.demo()
        self.assertIn(shown[0], again.log)
        (text,) = read_imaps(self.port(again, "imaps"), "bob@laptop.test", self.secret(again, "bob"))
        self.assertTrue(text.endswith(MESSAGE))
        self.assertEqual(again.stop(), -signal.SIGTERM)

    def test_who_types_six_wrong_codes_is_told_what_to_do(self) -> None:
        ini = self.folder / "laptop.ini"
        ini.write_text(ini.read_text().replace("[login]\n", "[login]\nrefusal = 0 s\n"))
        server = self.demo()
        server.config = ini
        right, port = self.secret(server, "ann"), self.port(server, "imaps")
        for number in range(6):
            wrong = f"{right[:-6]}00000{number}"
            self.assertRaises(imaplib.IMAP4.error, read_imaps, port, "ann@laptop.test", wrong)
        later = self.assertRaises(imaplib.IMAP4.error, read_imaps, port, "ann@laptop.test", right)
        self.assertIn("UNAVAILABLE", str(later))

        history, listed, lift = re.findall(r"^  mailtwist ((?:history|ban) .*)$", server.log, re.MULTILINE)
        self.assertIn("account ann@laptop.test from 127.0.0.1/32", server.command(*listed.split()))
        server.command(*lift.split())
        read_imaps(port, "ann@laptop.test", self.secret(server, "ann"))
        told = (server.command(*history.split()) for _ in range(10))  # it is written once a second
        self.assertTrue(any("too-many-attempts" in text for text in told))
        self.assertEqual(server.stop(), -signal.SIGTERM)

    def test_a_taken_port_is_said_in_a_sentence(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            ini = self.folder / "laptop.ini"
            ini.write_text(ini.read_text().replace("127.0.0.1:0", f"127.0.0.1:{port}", 1))
            server = RunningServer(self.folder.parent, "")
            error = self.assertRaises(subprocess.CalledProcessError, server.command, "demo", str(self.folder))
        self.assertEqual(error.returncode, 1)
        self.assertIn(f"cannot listen on 127.0.0.1:{port}: Address already in use", error.stderr)
        self.assertNotIn("Traceback", error.stderr)
