"""Clocks that tests set: in memory, and in processes that really run."""

import json
import poplib
import time
from pathlib import Path

import pyotp
from twisted.trial.unittest import SynchronousTestCase

from mailtwist.testing.clock import BEGIN, ManualClock, SettableClock
from mailtwist.testing.serve import program_with_clock, words_with_clock
from mailtwist.testing.server import RunningServer

INI = """\
[server]
hostname = mail.example.org
state = state
trusted_networks = 127.0.0.0/8
[directory:people]
type = sqlite
hash_memory = 8 KiB
[factor:totp]
[store:mail]
type = memory
[service:pop3]
listen = 127.0.0.1:0
store = mail
"""
AHEAD = 7 * 86400.0


class ManualClockTests(SynchronousTestCase):
    def test_time_passes_only_by_hand(self) -> None:
        clock = ManualClock()
        called: list[float] = []
        clock.later(5, lambda: called.append(clock.now()))
        clock.advance(4)
        self.assertEqual((clock.now(), clock.seconds(), called), (BEGIN + 4, 4, []))
        clock.advance(1)
        self.assertEqual(called, [BEGIN + 5])


class SettableClockTests(SynchronousTestCase):
    def test_the_file_says_how_far_ahead(self) -> None:
        file = Path(self.mktemp())
        clock = SettableClock(file)
        for text, ahead in ((None, 0.0), ("3600\n", 3600.0), ("-60.5", -60.5), ("", 0.0), ("soon", 0.0)):
            if text is not None:
                file.write_text(text)
            before = time.time()
            now = clock.now()
            self.assertTrue(before + ahead <= now <= time.time() + ahead, text)

    def test_a_server_and_a_command_live_in_another_week(self) -> None:
        folder = Path(self.mktemp()).absolute()
        folder.mkdir(parents=True)
        file = folder / "clock"
        file.write_text(str(AHEAD))
        server = RunningServer(folder, INI, program=program_with_clock(file), words=words_with_clock(file))
        self.addCleanup(server.kill)
        server.start()
        server.command("user", "add", "ann@example.org", "--password-stdin", typed="secret\n")
        enrolled = json.loads(server.command("otp", "enroll", "ann@example.org", "--json"))
        totp = pyotp.TOTP(enrolled["secret"])
        server.command("otp", "confirm", "ann@example.org", totp.at(int(time.time() + AHEAD)))
        ahead = AHEAD + 3600
        file.write_text(str(ahead))
        pop3 = poplib.POP3("127.0.0.1", server.port("pop3"), timeout=30)
        pop3.user("ann@example.org")
        self.assertIn(b"+OK", pop3.pass_(f"secret@{totp.at(int(time.time() + ahead))}"))
        pop3.quit()
