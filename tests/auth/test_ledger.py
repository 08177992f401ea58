"""The file of [audit]: every field, every line, and no secret in any of it."""

import json
import os
import re
import stat
from pathlib import Path
from typing import Any

from twisted.logger import formatEvent, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from mailtwist.app.logs import as_json, as_text
from mailtwist.auth.api import EncryptionRequired, LoginRequest
from mailtwist.auth.audit import MASK
from mailtwist.auth.history import EVERY
from mailtwist.auth.ledger import GATHERED, Ledger
from mailtwist.config.audit import AuditSettings
from mailtwist.kit.spawn import started
from mailtwist.state.api import StateAway
from mailtwist.testing.clock import ManualClock
from tests.auth.house import AWAY, HOME, NAME, PASSWORD, House

PAGE = Path(__file__).resolve().parents[2] / "docs" / "operators" / "audit.rst"
HOSTILE = (
    b'x@example.org" counted=True from 192.0.2.99',
    b"a\xe2\x80\xa8b@example.org",
    "Ünïcode <b>@example.org".encode(),
    b"%s{0}${x}@example.org",
    b"\xff\xfe",
    b"ann\r\n2027 warn login.refused [x] a (b) from 192.0.2.99 by imap, tls=True: x, counted=True",
    b"ann\x1b[2J@example.org",
    b"ann\x00@example.org",
    b"x" * 65536,
    PASSWORD,
    PASSWORD + b"@123456",
    b"hunter2",
)


class Audited(House):
    """With a file of [audit]."""

    def build(self, **how: Any) -> None:
        self.path = Path(self.mktemp()).absolute()
        super().build(once=(AuditSettings(path=self.path), *how.pop("once", ())), **how)

    def lines(self) -> list[dict[str, Any]]:
        self.clock.advance(max(GATHERED, EVERY))
        return [json.loads(line) for line in self.path.read_text("ascii").split("\n")[:-1]]

    def everything(self) -> str:
        """All that was written anywhere: the file, the log in both shapes, the history and the spool."""
        self.lines()
        log = [
            as_text(e, "warn") + as_json(e, "warn") + formatEvent(e) for e in self.events if "event_id" in e
        ]
        database = self.durable._db._path
        states = [path.read_bytes().decode("latin-1") for path in database.parent.glob("*.sqlite*")]
        return "".join([self.path.read_text("ascii"), *log, *states])


class FieldTests(Audited):
    def test_each_decision_is_one_line_with_all_the_fields_of_the_page_in_their_order(self) -> None:
        documented = re.findall(r"^``(\w+)``", PAGE.read_text("utf-8"), re.MULTILINE)
        self.accepted(self.right(), client="mutt", service="imaps", connection="c1")
        self.refused(self.wrong())
        self.refused(b"x", user="nobody@example.org")
        self.patch(self.directory, "find", self.away)
        self.unavailable(self.right())
        lines = self.lines()
        self.assertEqual(len(lines), 4)
        for line in lines:
            self.assertEqual(list(line), documented)

    async def away(self, name: str) -> None:
        raise StateAway("the disk is gone")

    def test_what_the_fields_say(self) -> None:
        device = self.accepted(self.right(), client="mutt", service="imaps", connection="c1").device
        (line,) = self.lines()
        login = line.pop("login")
        self.assertRegex(login, "^[0-9a-z]{12}$")
        self.assertRegex(line.pop("time"), r"^2027-01-15T08:\d\d:\d\d\.\d{3}Z$")
        self.assertEqual(
            line,
            {
                "connection": "c1",
                "outcome": "accepted",
                "reason": "",
                "counted": False,
                "address": HOME,
                "network": "192.0.2.0/24",
                "user": NAME,
                "account": "a1",
                "protocol": "imap",
                "service": "imaps",
                "tls": True,
                "client": "mutt",
                "device": device,
                "factor": "totp",
                "source": line["source"],
                "bucket": "",
                "retry": 0.0,
                "rule": "login",
                "would_fail": "",
                "seconds": 0.0,
                "how": "code",
                "detail": "",
            },
        )

    def test_trouble_has_its_words(self) -> None:
        self.patch(self.directory, "find", self.away)
        self.unavailable(self.right())
        (line,) = self.lines()
        self.assertEqual((line["outcome"], line["reason"]), ("unavailable", "state-away"))
        self.assertIn("the disk is gone", line["detail"])

    def test_a_login_in_clear_is_told_too(self) -> None:
        request = LoginRequest("imap", NAME.encode(), self.right(), HOME)
        self.failureResultOf(started(self.decision.decide(request)), EncryptionRequired)
        (line,) = self.lines()
        self.assertEqual((line["reason"], line["user"], line["counted"]), ("no-tls", MASK, False))

    def test_the_history_has_the_same_in_short(self) -> None:
        self.refused(self.wrong(), client="mutt")
        (line,) = self.lines()
        (row,) = self.successResultOf(started(self.durable.history("a1", 0.0)))
        same = ("login", "protocol", "address", "tls", "client", "outcome", "reason", "seconds")
        self.assertEqual([getattr(row, key) for key in same], [line[key] for key in same])
        self.assertEqual(json.loads(row.facts)["counted"], True)


class CountedTests(Audited):
    def counted(self) -> list[bool]:
        return [line["counted"] for line in self.lines()]

    def test_guesses_count(self) -> None:
        self.refused(self.wrong(), AWAY)
        self.refused(PASSWORD + b" not", AWAY)
        self.refused(b"x", AWAY, user="nobody@example.org")
        self.assertEqual(self.counted(), [True, True, True])

    def test_the_same_wrong_secret_counts_once(self) -> None:
        wrong = self.wrong()
        for _ in range(5):
            self.refused(wrong, AWAY)
        self.clock.advance(100)
        self.refused(wrong, AWAY)
        self.assertEqual(self.counted(), [True, False, False, False, False, False])

    def test_a_device_elsewhere_or_with_an_old_password_does_not(self) -> None:
        good = self.right()
        self.accepted(good)
        self.refused(good, AWAY)
        self.directory.add(NAME, b"another", "a1")
        self.refused(good)
        lines = self.lines()[1:]
        self.assertEqual([line["reason"] for line in lines], ["other-network", "old-password"])
        self.assertEqual([line["counted"] for line in lines], [False, False])

    def test_trusted_networks_do_not(self) -> None:
        self.refused(self.wrong(), AWAY, trusted=True)
        self.assertEqual(self.counted(), [False])


class SecretTests(Audited):
    def test_no_secret_and_no_forged_line_whatever_is_sent(self) -> None:
        good, wrong = self.right(), self.wrong()
        self.accepted(good, client=f"mutt {PASSWORD.decode()}")
        for user in HOSTILE:
            self.refused(wrong, AWAY, user=user)
            self.refused(good, AWAY, client=wrong.decode())
        for secret in HOSTILE:
            waiting = self.begin(secret, AWAY, client=secret.decode("latin-1"))
            self.clock.advance(2)
            self.failureResultOf(waiting)
        written = self.everything()
        for secret in (PASSWORD.decode(), good.decode(), wrong.decode(), self.secret, "hunter2"):
            self.assertFalse(secret in written, secret)
        text = self.path.read_text("ascii")
        self.assertEqual(len(text.splitlines()), text.count("\n"))
        self.assertFalse("\x1b" in text)
        for line in self.lines():
            self.assertIn(line["address"], (HOME, AWAY))
            self.assertTrue(all(value.isprintable() for value in line.values() if isinstance(value, str)))

    def test_no_line_of_the_log_can_be_forged(self) -> None:
        for user in HOSTILE:
            self.refused(b"x", AWAY, user=user, client=user.decode("latin-1"))
        for event in self.told("login.refused"):
            for shape in (as_text, as_json):
                line = shape(event, "warn")
                self.assertEqual(len(line.splitlines()), 1)
                self.assertTrue(line[:-1].isprintable())
                self.assertNotIn("from 192.0.2.99 by imap", line.partition('"client"')[0])

    def test_odd_words_of_directories_are_one_word(self) -> None:
        self.directory.add(NAME, PASSWORD, "a (1)\nfrom 192.0.2.99 by imap")
        self.refused(b"nothing@000000", AWAY)
        (line,) = self.lines()
        self.assertEqual(line["account"], "a?(1)?from?192.0.2.99?by?imap")

    def test_an_address_that_is_none_is_not_told(self) -> None:
        for address in ("", "unix:/run/x", "192.0.2.7 by imap", "fe80::1%\r\nx"):
            self.refused(b"x", address, user="nobody@example.org")
        self.assertEqual([line["address"] for line in self.lines()], ["-", "-", "-", "fe80::1"])


class FileTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = ManualClock()
        self.path = Path(self.mktemp())
        self.ledger = Ledger(self.path, self.clock)
        self.successResultOf(started(self.ledger.start()))
        self.addCleanup(lambda: self.successResultOf(started(self.ledger.stop())))

    def write(self, *words: str) -> None:
        for word in words:
            self.ledger.write(1.5, {"word": word})
        self.clock.advance(GATHERED)

    def test_its_mode(self) -> None:
        before = os.umask(0)
        self.addCleanup(os.umask, before)
        path = Path(self.mktemp())
        other = Ledger(path, self.clock)
        self.successResultOf(started(other.start()))
        self.successResultOf(started(other.stop()))
        self.assertEqual(stat.S_IMODE(path.stat().st_mode), 0o640)

    def test_lines_of_a_hundredth_of_a_second_are_one_write(self) -> None:
        written: list[bytes] = []
        write = os.write
        self.patch(os, "write", lambda fd, octets: written.append(octets) or write(fd, octets))
        self.write("a", "b")
        self.assertEqual(len(written), 1)
        self.assertEqual(
            self.path.read_text(),
            "".join(f'{{"time": "1970-01-01T00:00:01.500Z", "word": "{word}"}}\n' for word in "ab"),
        )

    def test_it_is_opened_again_after_a_rotation(self) -> None:
        self.write("old")
        self.ledger.write(1.5, {"word": "on the way"})
        old = self.path.with_suffix(".1")
        self.path.rename(old)
        self.successResultOf(started(self.ledger.reload()))
        self.write("new")
        self.assertEqual((old.read_text().count("\n"), self.path.read_text().count("\n")), (2, 1))

    def test_a_rotation_that_fails_leaves_the_old_one(self) -> None:
        parent = self.path.parent
        self.ledger._path = parent / "none" / "x"
        self.failureResultOf(started(self.ledger.reload()), FileNotFoundError)
        self.write("still")
        self.assertIn("still", self.path.read_text())

    def test_a_disk_that_is_full_loses_lines_and_says_so_once_a_minute(self) -> None:
        events: list[dict[str, Any]] = []
        globalLogPublisher.addObserver(events.append)
        self.addCleanup(globalLogPublisher.removeObserver, events.append)
        write, room = os.write, [20]

        def little(fd: int, octets: bytes) -> int:
            if fd != self.ledger._fd:
                return write(fd, octets)
            if not room:
                raise OSError(28, "No space left on device")
            return write(fd, octets[: room.pop()])

        self.patch(os, "write", little)
        for word in ("torn", "lost", "lost too"):
            self.write(word)
        self.assertEqual([e["count"] for e in events if e.get("event_id") == "audit.not_written"], [1])
        self.patch(os, "write", write)
        self.write("whole")
        torn, whole, end = self.path.read_text().split("\n")
        self.assertEqual((len(torn), json.loads(whole)["word"], end), (20, "whole", ""))

    def test_the_end_writes_what_waits(self) -> None:
        self.ledger.write(1.5, {"word": "last"})
        self.successResultOf(started(self.ledger.stop()))
        self.assertIn("last", self.path.read_text())
        self.assertEqual(self.clock.reactor.getDelayedCalls(), [])
        self.write("nobody hears")
        self.assertEqual(self.path.read_text().count("\n"), 1)

    def test_without_a_path_nothing_is_written(self) -> None:
        ledger = Ledger(None, self.clock)
        self.successResultOf(started(ledger.start()))
        ledger.write(1.5, {"word": "x"})
        self.assertEqual(self.clock.reactor.getDelayedCalls(), [])


class FullDiskTests(Audited):
    def test_no_login_waits_for_history_mail_or_file(self) -> None:
        async def full(*_: object) -> None:
            raise StateAway("the disk is full")

        for name in ("add_history", "tell_once", "add_notice"):
            self.patch(self.durable, name, full)
        self.path.unlink()
        self.assertTrue(self.accepted(self.right()).device)
        self.refused(self.wrong())
        self.clock.advance(EVERY)
        self.assertEqual(len(self.told("history.late")), 1)
        self.assertTrue(self.told("notice.late"))
