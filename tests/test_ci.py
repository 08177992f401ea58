"""CI turns red for what it should: a failing test, no test at all, a missing peer, a trial that dies.  A test
that fails among the others and passes alone is named, and no more."""

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

from twisted.trial.unittest import SynchronousTestCase

from tests.tree import ROOT, copied

PASSING = """\
\"\"\"Planted.\"\"\"

from unittest import TestCase


class Planted(TestCase):
    def test_it(self):
        {}
"""
BEFORE = """\
\"\"\"Planted.\"\"\"

from pathlib import Path
from unittest import TestCase

ONCE = Path(__file__).with_name("it-was-here-before")


def first():
    there = ONCE.exists()
    ONCE.touch()
    return not there


"""
FAILS_ONCE = f"""\
{BEFORE}class Planted(TestCase):
    def test_it(self):
        self.assertFalse(first())

    def test_another(self):
        pass
"""
MODULE_FAILS_ONCE = f"""\
{BEFORE}if first():
    raise ValueError("planted")


class Planted(TestCase):
    def test_it(self):
        pass

    def test_another(self):
        pass
"""
BROKEN = """\
\"\"\"Planted.\"\"\"

from unittest import TestCase


class Planted(TestCase):
    pass


for n in range(13):
    setattr(Planted, f"test_{n}", lambda self: self.fail("planted"))
"""
DIES = "import os; os.abort()"


class CITests(SynchronousTestCase):
    timeout = 600

    def ran(self, tests: dict[str, str], *, gates: bool = False) -> tuple[int, str]:
        """The exit code and the output of `.ci/run` in a copy whose tests are `tests`."""
        tree = copied(Path(self.mktemp()).resolve(), tests=False)
        for name, text in tests.items():
            (tree / "tests" / name).parent.mkdir(parents=True, exist_ok=True)
            (tree / "tests" / name).write_text(text)
        left = ("TESTS", "PYTHONPATH", "MAKEFLAGS", "SOAK", "AGAIN", "COUNTED")
        environment = {k: v for k, v in os.environ.items() if k not in left}
        environment["VENV"] = sys.prefix
        if not gates:
            makefile = tree / "Makefile"
            makefile.write_text(re.sub(r"(?m)^(check: .*\n)(\t.*\n)+", r"\1", makefile.read_text()))
        done = subprocess.run(
            ["bash", ".ci/run"], cwd=tree, env=environment, capture_output=True, text=True, timeout=600
        )
        return done.returncode, done.stdout + done.stderr

    def test_a_passing_test_is_green(self) -> None:
        code, said = self.ran({"test_planted.py": PASSING.format("pass")}, gates=True)
        self.assertEqual(said.splitlines()[-1], "trial: 1 passed, 0 failed, 0 skipped", said)
        self.assertIn("Success: no issues found", said)
        self.assertEqual(code, 0, said)

    def test_a_gate_that_is_shut_is_red(self) -> None:
        code, said = self.ran({"test_planted.py": "import  os\n"}, gates=True)
        self.assertEqual(
            said.splitlines()[-2:], ["no test ran", "trial: 0 passed, 0 failed, 0 skipped"], said
        )
        self.assertNotEqual(code, 0)

    def test_a_failing_test_is_red(self) -> None:
        code, said = self.ran({"test_planted.py": PASSING.format('self.fail("planted")')})
        self.assertEqual(said.splitlines()[-1], "trial: 0 passed, 1 failed, 0 skipped", said)
        self.assertIn("\nFAILED: tests.test_planted.Planted.test_it\n", said)
        self.assertEqual(said.count("Ran 1 tests in"), 2, "it is run once more")
        self.assertNotEqual(code, 0)

    def test_a_test_that_fails_once_is_named(self) -> None:
        code, said = self.ran({"test_planted.py": FAILS_ONCE})
        self.assertEqual(said.splitlines()[-1], "trial: 2 passed, 0 failed, 0 skipped", said)
        self.assertIn("\nFAILED ONCE, PASSED ALONE: tests.test_planted.Planted.test_it\n", said)
        self.assertEqual(code, 0, said)

    def test_a_module_that_cannot_be_imported_once_is_named(self) -> None:
        code, said = self.ran({"test_planted.py": MODULE_FAILS_ONCE})
        self.assertEqual(said.splitlines()[-1], "trial: 2 passed, 0 failed, 0 skipped", said)
        self.assertIn("\nFAILED ONCE, PASSED ALONE: tests.test_planted\n", said)
        self.assertEqual(code, 0, said)

    def test_a_test_that_is_skipped_the_second_time_is_red(self) -> None:
        text = FAILS_ONCE.replace(
            "self.assertFalse(first())", 'self.fail("x") if first() else self.skipTest("y")'
        )
        code, said = self.ran({"test_planted.py": text})
        self.assertEqual(said.splitlines()[-1], "trial: 1 passed, 1 failed, 0 skipped", said)
        self.assertNotEqual(code, 0)

    def test_a_module_that_cannot_be_imported_is_red(self) -> None:
        planted = {
            "test_planted.py": PASSING.format("pass"),
            "tls/__init__.py": "",
            "tls/test_x.py": "import no_such",
        }
        code, said = self.ran(planted)
        self.assertEqual(said.splitlines()[-1], "trial: 1 passed, 1 failed, 0 skipped", said)
        self.assertIn("\nFAILED: tests.tls.test_x\n", said)
        self.assertNotEqual(code, 0)

    def test_a_trial_that_dies_is_red_and_the_other_goes_on(self) -> None:
        planted = {
            "peers/__init__.py": "",
            "peers/test_planted.py": PASSING.format(DIES),
            "peers/peers.txt": "",
            "test_planted.py": PASSING.format("pass"),
        }
        code, said = self.ran(planted)
        self.assertEqual(said.splitlines()[-1], "trial: 1 passed, 1 failed, 0 skipped", said)
        self.assertIn("\nFAILED: trial 1, which ended with -6 before its tests did\n", said)
        self.assertNotEqual(code, 0)

    def test_a_trial_that_says_nothing_of_its_end_is_red(self) -> None:
        code, said = self.ran({"test_planted.py": PASSING.format("import os; os._exit(0)")})
        self.assertEqual(said.splitlines()[-1], "trial: 0 passed, 1 failed, 0 skipped", said)
        self.assertNotEqual(code, 0)

    def test_what_is_broken_is_not_run_again(self) -> None:
        code, said = self.ran({"test_planted.py": BROKEN})
        self.assertEqual(said.splitlines()[-1], "trial: 0 passed, 13 failed, 0 skipped", said)
        self.assertEqual(said.count("\nRan "), 1, said)
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

    def test_a_peer_is_found_in_the_folder_of_any_version(self) -> None:
        peers = "/no/such/*/command no-such-package-in-debian\n/b*n/sh no-other-package-in-debian\n"
        code, said = self.ran({"test_planted.py": PASSING.format("pass"), "peers/peers.txt": peers})
        self.assertIn("missing for the tests (Debian packages): no-such-package-in-debian\n", said)
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


class PartsTests(SynchronousTestCase):
    def parts(self) -> ModuleType:
        spec = importlib.util.spec_from_file_location("parts", ROOT / ".ci" / "parts.py")
        assert spec is not None and spec.loader is not None
        parts = importlib.util.module_from_spec(spec)
        sys.modules["parts"] = parts
        self.addCleanup(sys.modules.pop, "parts")
        spec.loader.exec_module(parts)
        return parts

    def test_every_package_of_tests_is_in_one_part(self) -> None:
        parts = self.parts()
        there = [path.parent.name for path in (ROOT / "tests").glob("*/__init__.py")]
        there += [path.stem for path in (ROOT / "tests").glob("test_*.py")]
        self.assertEqual(sorted(name for part in parts.PARTS for name in part), sorted(there))

    def test_all_is_run_and_once(self) -> None:
        parts = self.parts()
        divided = parts.division(parts.names(ROOT / "tests"))
        self.assertEqual(
            sorted(name for part in divided for name in part),
            sorted(f"tests.{name}" for part in parts.PARTS for name in part),
        )
        self.assertEqual(parts.division(["test_new"]), [["tests.test_new"]])
