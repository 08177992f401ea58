"""A log that fail2ban, jq and people can read."""

import json
import os
from pathlib import Path

from twisted.internet.task import Clock
from twisted.logger import Logger, LogLevel, LogPublisher
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from mailtwist.app.logs import GATHERED, MOST_GATHERED, Log


class Lines(SynchronousTestCase):
    def setUp(self) -> None:
        self.path = Path(self.mktemp())

    def log(self, shape: str = "text", level: str = "info") -> Log:
        made = Log(self.path, shape, level)
        self.addCleanup(lambda: os.close(made._fd))
        return made

    def told(self, log: Log, namespace: str = "mailtwist", **event: object) -> str:
        words = event.pop("words", "hello {who}")
        level = event.pop("level", LogLevel.info)
        told = LogPublisher(lambda e: log({**e, "log_time": 1767225600.25}))
        Logger(namespace, observer=told).emit(level, words, **event)
        return self.path.read_text()

    def test_text_has_time_level_event_ids_and_words(self) -> None:
        line = self.told(self.log(), who="ann", event_id="login-refused", connection="c1", login="l1")
        self.assertEqual(line, "2026-01-01T00:00:00.250Z info login-refused [c1 l1] hello ann\n")

    def test_what_is_empty_at_the_end_leaves_no_space(self) -> None:
        self.assertTrue(self.told(self.log(), who="", event_id="greeted").endswith(" greeted hello\n"))

    def test_json_has_the_fields_of_the_event(self) -> None:
        line = self.told(self.log("json"), who="änn", event_id="greeted", connection="c1", count=3)
        self.assertEqual(line.count("\n"), 1)
        self.assertEqual(
            json.loads(line),
            {
                "time": "2026-01-01T00:00:00.250Z",
                "level": "info",
                "event": "greeted",
                "message": "hello änn",
                "who": "änn",
                "connection": "c1",
                "count": 3,
            },
        )

    def test_what_strangers_send_cannot_begin_a_line(self) -> None:
        line = self.told(self.log(), who="x\n2026-01-01T00:00:00Z info forged\x1b[2J\u2028y")
        self.assertEqual(line.count("\n"), 1)
        self.assertNotIn("\x1b", line)
        self.assertNotIn("\u2028", line)

    def test_lower_levels_are_left_out(self) -> None:
        log = self.log(level="warn")
        self.assertEqual(self.told(log, who="x"), "")
        self.assertIn(" warn ", self.told(log, who="x", level=LogLevel.warn))

    def test_what_twisted_calls_info_is_debug(self) -> None:
        self.assertEqual(self.told(self.log(), namespace="twisted.internet.tcp.Port", who="x"), "")
        self.assertIn(" debug ", self.told(self.log(level="debug"), namespace="twisted.x", who="x"))

    def test_a_failure_brings_its_traceback(self) -> None:
        try:
            raise ValueError("no\nway")
        except ValueError:
            failure = Failure()
        text = self.told(self.log(), who="x", level=LogLevel.critical, log_failure=failure)
        self.assertIn("\n    Traceback", text)
        self.assertIn("ValueError: no", text)
        self.path.unlink()
        line = self.told(self.log("json"), who="x", level=LogLevel.critical, log_failure=failure)
        self.assertIn("ValueError: no", "\n".join(json.loads(line)["traceback"]))

    def test_lines_wait_for_others_and_not_for_long(self) -> None:
        log, clock = self.log(), Clock()
        log.gather(clock.callLater)
        self.assertEqual(self.told(log, who="ann") + self.told(log, who="bob"), "")
        clock.advance(GATHERED)
        self.assertEqual(self.path.read_text().count("hello"), 2)
        self.assertEqual(self.told(log, who="eve").count("hello"), 2)
        clock.advance(GATHERED)
        self.assertEqual(self.path.read_text().count("hello"), 3)

    def test_a_warning_takes_along_what_waits(self) -> None:
        log, clock = self.log(), Clock()
        log.gather(clock.callLater)
        self.told(log, who="ann")
        lines = self.told(log, who="bob", level=LogLevel.warn).splitlines()
        self.assertEqual([line.rpartition(" ")[2] for line in lines], ["ann", "bob"])
        clock.advance(GATHERED)
        self.assertEqual(len(self.path.read_text().splitlines()), 2)

    def test_nothing_is_lost_at_the_end(self) -> None:
        log = self.log()
        log.gather(Clock().callLater)
        self.told(log, who="ann")
        log.flush()
        self.assertIn("ann", self.path.read_text())
        self.assertIn("bob", self.told(log, who="bob"))

    def test_no_more_than_so_many_lines_wait(self) -> None:
        log = self.log()
        log.gather(Clock().callLater)
        for _ in range(MOST_GATHERED):
            text = self.told(log, who="ann")
        self.assertEqual(text.count("ann"), MOST_GATHERED)

    def test_a_rotated_log_goes_on_in_a_new_file(self) -> None:
        log = self.log()
        self.told(log, who="before")
        old = self.path.rename(f"{self.path}.1")
        log.reopen()
        self.assertNotIn("before", self.told(log, who="after"))
        self.assertNotIn("after", old.read_text())

    def test_a_log_that_cannot_be_reopened_stays(self) -> None:
        log = self.log()
        self.told(log, who="before")
        old = self.path.rename(f"{self.path}.1")
        self.path.mkdir()
        self.assertRaises(OSError, log.reopen)
        Logger("mailtwist", observer=LogPublisher(log)).info("after")
        self.assertIn("after", old.read_text())

    def test_it_is_given_to_who_writes_it_after_root_has_gone(self) -> None:
        log = self.log()
        uid, gid = (65534, 65534) if os.getuid() == 0 else (os.getuid(), os.getgid())
        log.belongs_to(uid, gid)
        found = os.stat(self.path)
        self.assertEqual((found.st_uid, found.st_gid), (uid, gid))

    def test_a_full_disk_loses_the_line_and_nothing_else(self) -> None:
        log = Log(Path("/dev/full"), "text", "info")
        self.addCleanup(lambda: os.close(log._fd))
        Logger("mailtwist", observer=LogPublisher(log)).info("gone")
