"""What commands change counts at once in a server that runs: two real processes, one state folder."""

import imaplib
import json
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pyotp
from twisted.trial.unittest import SynchronousTestCase

from mailtwist.testing.serve import program_with_clock, words_with_clock
from mailtwist.testing.server import RunningServer
from tests.app.cli.inside import INI

SERVING = """\
[store:mail]
type = memory
[service:imap]
listen = 127.0.0.1:0
store = mail
"""


class RunningTests(SynchronousTestCase):
    def setUp(self) -> None:
        folder = Path(self.mktemp()).absolute()
        folder.mkdir(parents=True)
        self.file, self.ahead = folder / "clock", 0
        ini = INI.replace("state = state\n", "state = state\ntrusted_networks = 127.0.0.0/8\n") + SERVING
        clock = program_with_clock(self.file)
        self.server = RunningServer(folder, ini, program=clock, words=words_with_clock(self.file))
        self.addCleanup(self.server.kill)
        self.server.start()
        self.server.command("user", "add", "ann", "--password-stdin", typed="p@ss word\n")
        self.totp = pyotp.TOTP(json.loads(self.server.command("otp", "enroll", "ann", "--json"))["secret"])
        self.server.command("otp", "confirm", "ann", self.code())

    def code(self) -> str:
        """One that was never used: the clock goes on by a step."""
        self.ahead += 30
        self.file.write_text(str(self.ahead))
        return self.totp.at(int(time.time()) + self.ahead)

    def gets_in(self, secret: str) -> bool:
        imap = imaplib.IMAP4("127.0.0.1", self.server.port("imap"), timeout=30)
        try:
            imap.login("ann", secret)
            return True
        except imaplib.IMAP4.error as refused:
            self.assertEqual(str(refused), "b'[AUTHENTICATIONFAILED] Authentication failed.'")
            return False
        finally:
            imap.shutdown()

    def get_in_at_once(self, secret: str) -> list[bool]:
        """Five connections, as mail programs open them; the server has several connections to its databases
        from then on."""
        with ThreadPoolExecutor(5) as pool:
            return list(pool.map(self.gets_in, [secret] * 5))

    def test_a_password_changed_under_a_running_server(self) -> None:
        saved = f"p@ss word@{self.code()}"
        self.assertEqual(self.get_in_at_once(saved), [True] * 5)
        for password in ("new", "newer"):
            self.server.command("user", "passwd", "ann", "--password-stdin", typed=f"{password}\n")
            self.assertFalse(self.gets_in(saved))
            saved = f"{password}@{self.code()}"
            self.assertTrue(self.gets_in(saved))

    def test_a_device_revoked_under_a_running_server(self) -> None:
        saved = f"p@ss word@{self.code()}"
        self.assertEqual(self.get_in_at_once(saved), [True] * 5)
        (device,) = json.loads(self.server.command("device", "list", "ann", "--json"))
        self.server.command("device", "revoke", "ann", device["id"])
        self.assertFalse(self.gets_in(saved))
        self.assertTrue(self.gets_in(f"p@ss word@{self.code()}"))

    def test_an_account_disabled_and_removed_under_a_running_server(self) -> None:
        saved = f"p@ss word@{self.code()}"
        self.assertTrue(self.gets_in(saved))
        self.server.command("user", "disable", "ann")
        self.assertFalse(self.gets_in(saved))
        self.server.command("user", "enable", "ann")
        self.assertTrue(self.gets_in(saved))
        self.server.command("user", "remove", "ann")
        self.assertFalse(self.gets_in(saved))

    def test_a_string_outlives_a_restart_and_a_code_stays_used(self) -> None:
        saved = f"p@ss word@{self.code()}"
        self.assertTrue(self.gets_in(saved))
        self.server.stop()
        self.server.start()
        self.assertTrue(self.gets_in(saved))
        self.assertFalse(self.gets_in(f"other@{saved[-6:]}"))

    def test_no_secret_is_in_the_log_of_a_real_server(self) -> None:
        saved = f"p@ss word@{self.code()}"
        self.gets_in(saved)
        self.gets_in("p@ss word@000000")
        self.server.stop()
        self.assertIn("login.accepted", self.server.log)
        for secret in ("p@ss word", saved[-6:], "000000"):
            self.assertNotIn(secret, self.server.log)
