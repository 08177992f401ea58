"""A forked process is what a Python that begins anew would have been."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryFile

from twisted.trial.unittest import TestCase

from mailtwist.testing.forked import Forked, forked, heed_ctrl_c, import_path
from mailtwist.testing.server import COMMAND, PATIENCE, RunningServer

TOLD = """
import atexit, os, signal, sys, threading
print(__name__, sys.argv, os.getcwd(), sys.flags.safe_path, sorted(os.environ.items()), sys.stdin.read())
print("complaint", file=sys.stderr)
print(os.umask(0), [str(signal.getsignal(one)) for one in (2, 13, 15, 17)], len(os.listdir("/proc/self/fd")))
print(os.getpgrp(), os.isatty(0), threading.active_count(), "twisted.internet.reactor" in sys.modules)
atexit.register(print, "at the end")
threading.Thread(target=lambda: print("of a thread")).start()
"""
ENDS = (
    "raise SystemExit(7)",
    "raise SystemExit('a sentence')",
    "import os; os.abort()",
    "import os; os._exit(3)",
)
INI = """
[server]
state = state
[state:shared]
type = memory
[directory:people]
type = sqlite
"""


class ForkedTests(TestCase):
    def setUp(self) -> None:
        self.folder = Path(self.mktemp()).absolute()
        self.folder.mkdir()
        self.environment = {**os.environ, "PYTHONPATH": import_path(), "WHO": "a tést"}

    def both(self, *words: str, typed: bytes = b"") -> list[tuple[int, bytes, bytes]]:
        """Status, stdout and stderr: forked, and begun anew."""
        return [self.ended(words, typed, anew) for anew in (False, True)]

    def ended(self, words: tuple[str, ...], typed: bytes, anew: bool) -> tuple[int, bytes, bytes]:
        with TemporaryFile() as stdin, TemporaryFile() as stdout, TemporaryFile() as stderr:
            stdin.write(typed)
            stdin.seek(0)
            files = [stdin, stdout, stderr]
            child = self.begun(words, files) if anew else forked(words, self.environment, self.folder, files)
            assert child is not None, "not forked"
            status = child.wait(PATIENCE)
            stdout.seek(0)
            stderr.seek(0)
            return status, stdout.read(), stderr.read()

    def begun(self, words, files):
        return subprocess.Popen(
            [sys.executable, *words],
            stdin=files[0],
            stdout=files[1],
            stderr=files[2],
            env=self.environment,
            cwd=self.folder,
            preexec_fn=heed_ctrl_c,
        )

    def test_all_that_a_process_is_given_is_the_same(self) -> None:
        one, other = self.both("-P", "-c", TOLD, "a", "--b", typed=b"typed")
        self.assertEqual(one, other)
        self.assertEqual((other[0], other[2]), (0, b"complaint\n"))

    def test_so_is_the_umask(self) -> None:
        self.addCleanup(os.umask, os.umask(0o027))
        one, other = self.both("-P", "-c", "import os; print(os.umask(0))")
        self.assertEqual(one, other)
        self.assertEqual(other[1], b"23\n")

    def test_all_ends_are_the_same(self) -> None:
        for code in ENDS:
            one, other = self.both("-P", "-c", code)
            self.assertEqual(one, other)
            self.assertNotEqual(other[0], 0)

    def test_an_error_ends_it_in_the_same_words(self) -> None:
        one, other = self.both("-P", "-c", "1 / 0")
        self.assertEqual((one[0], one[2].splitlines()[-1]), (other[0], other[2].splitlines()[-1]))

    def test_the_command_says_the_same(self) -> None:
        for words in (["--version"], ["check"], ["parts"], ["user", "list"], ["nonsense"], ["otp", "--help"]):
            (self.folder / "mailtwist.ini").write_text(INI)
            one, other = self.both(*COMMAND, "--config", "mailtwist.ini", *words)
            self.assertEqual(one, other)

    def test_a_killed_one_stays_until_it_was_asked_for(self) -> None:
        with open(os.devnull, "r+b") as nothing:
            words = ("-P", "-c", "import time; time.sleep(600)")
            child = forked(words, self.environment, self.folder, [nothing] * 3)
        assert child is not None
        self.assertIsNone(child.poll())
        self.assertRaises(subprocess.TimeoutExpired, child.wait, 0.01)
        child.kill()
        self.assertEqual((child.wait(PATIENCE), child.poll()), (-signal.SIGKILL, -signal.SIGKILL))
        child.kill()

    def test_another_environment_of_the_interpreter_is_not_forked(self) -> None:
        for name in ("PYTHONPATH", "PYTHONHASHSEED", "LD_PRELOAD", "LC_ALL", "OPENSSL_CONF"):
            environment = {**self.environment, name: "other"}
            self.assertIsNone(forked(("-P", "-c", "pass"), environment, self.folder, []))
        self.assertIsNone(forked(("-m", "this"), self.environment, self.folder, []))

    def test_servers_are_forked_unless_they_are_to_begin_anew(self) -> None:
        statuses = []
        for anew in (False, True):
            with RunningServer(self.folder / str(anew), INI, anew=anew) as server:
                self.assertEqual(isinstance(server._child, Forked), not anew)
            statuses.append(server.wait())
        self.assertEqual(statuses, [-signal.SIGTERM] * 2)
