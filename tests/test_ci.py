"""CI turns red for what it should: a failing test, no test at all, a missing peer."""

import os
import subprocess
import sys
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.tree import copied

PASSING = """\
\"\"\"Planted.\"\"\"

from unittest import TestCase


class Planted(TestCase):
    def test_it(self):
        {}
"""


class CITests(SynchronousTestCase):
    timeout = 600

    def ran(self, tests: dict[str, str]) -> tuple[int, str]:
        """The exit code and the output of `.ci/run` in a copy whose tests are `tests`."""
        tree = copied(Path(self.mktemp()).resolve(), tests=False)
        for name, text in tests.items():
            (tree / "tests" / name).parent.mkdir(parents=True, exist_ok=True)
            (tree / "tests" / name).write_text(text)
        environment = {
            k: v for k, v in os.environ.items() if k not in ("TESTS", "PYTHONPATH", "MAKEFLAGS", "SOAK")
        }
        environment["VENV"] = sys.prefix
        done = subprocess.run(
            ["bash", ".ci/run"], cwd=tree, env=environment, capture_output=True, text=True, timeout=600
        )
        return done.returncode, done.stdout + done.stderr

    def test_a_passing_test_is_green(self) -> None:
        code, said = self.ran({"test_planted.py": PASSING.format("pass")})
        self.assertEqual(said.splitlines()[-1], "trial: 1 passed, 0 failed, 0 skipped", said)
        self.assertEqual(code, 0, said)

    def test_a_failing_test_is_red(self) -> None:
        code, said = self.ran({"test_planted.py": PASSING.format('self.fail("planted")')})
        self.assertEqual(said.splitlines()[-1], "trial: 0 passed, 1 failed, 0 skipped", said)
        self.assertNotEqual(code, 0)

    def test_an_empty_suite_is_red(self) -> None:
        code, said = self.ran({})
        self.assertEqual(
            said.splitlines()[-2:], ["no test ran", "trial: 0 passed, 0 failed, 0 skipped"], said
        )
        self.assertNotEqual(code, 0)

    def test_a_missing_peer_is_red(self) -> None:
        peers = "no-such-command no-such-package-in-debian\n"
        code, said = self.ran({"test_planted.py": PASSING.format("pass"), "peers/peers.txt": peers})
        self.assertIn("missing for the tests (Debian packages): no-such-package-in-debian", said)
        self.assertNotEqual(code, 0)

    def test_a_missing_peer_that_is_unpacked_is_red(self) -> None:
        peers = "unpacked:usr/no-such-file no-such-package-in-debian\n"
        code, said = self.ran({"test_planted.py": PASSING.format("pass"), "peers/peers.txt": peers})
        self.assertIn("missing for the tests (Debian packages): no-such-package-in-debian", said)
        self.assertNotEqual(code, 0)

    def test_missing_npm_modules_are_red(self) -> None:
        planted = {
            "test_planted.py": PASSING.format("pass"),
            "peers/peers.txt": "",
            "peers/node/package.json": '{"dependencies": {"no-such": "file:./nowhere"}}',
            "peers/node/package-lock.json": "{}",
        }
        code, said = self.ran(planted)
        self.assertIn("missing for the tests (npm): ", said)
        self.assertNotEqual(code, 0)
