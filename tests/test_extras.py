"""All extras together, in an environment of their own: none breaks another, and every hash still counts."""

import json
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from mailtwist.auth.directories.hashes import SCHEMES, WEAK
from tests.auth.directories.test_hashes import KNOWN
from tests.auth.directories.test_hashes import WEAK as WEAK_ONES
from tests.test_wheel import installed, run


class ExtrasTests(SynchronousTestCase):
    timeout = 900

    def test_nothing_that_is_installed_wants_something_else(self) -> None:
        programs = installed("all")
        self.assertIn("No broken requirements", run(programs / "pip", "check", cwd=programs).stdout)

    def test_every_scheme_logs_in_and_one_library_alone_has_the_name_passlib(self) -> None:
        known = [(*one, False) for one in KNOWN] + [(*one, True) for one in WEAK_ONES]
        told = self.told(known)
        self.assertEqual(told["passlib"], ["libpass"])
        self.assertEqual(told["radicale"], ["ann", ""])
        self.assertEqual((told["out"], told["wrong"]), ([], []))
        self.assertEqual(told["replaced"], told["hashes"])
        seen = {one.partition(" ")[0] for one in told["in"]}
        self.assertEqual({*SCHEMES, *WEAK} - seen, set())

    def told(self, hashes: Sequence[Any]) -> Any:
        """What the script says, far from the checkout."""
        folder = Path(self.mktemp()).absolute()
        folder.mkdir()
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        done = subprocess.run(
            [installed("all") / "python", Path(__file__).parent / "every_scheme.py"],
            input=json.dumps(hashes).encode(),
            env=environment,
            cwd=folder,
            capture_output=True,
            timeout=300,
        )
        self.assertEqual(done.returncode, 0, done.stderr.decode("utf-8", "replace")[-3000:])
        return json.loads(done.stdout.splitlines()[-1])
