"""The rules of who imports whom hold, and they bite; what few need is loaded for them alone."""

import subprocess
import sys
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.tree import ROOT, copied

ROOMS = "A room imports only from rooms below it"
PURE = "Grammar and commands know no Twisted"
PARTS = "Parts and extensions are found by entry point and imported by nobody"

LIBRARIES = ("joserfc", "lexicon", "psycopg", "pyasn1", "pyasn1_modules", "pymysql", "pyrad")
"""Of extras."""

EVERY_PART = """
import sys
from importlib.metadata import entry_points

for group in entry_points().groups:
    if group.startswith("mailtwist."):
        for one in entry_points(group=group):
            one.load()
print(*{module.partition(".")[0] for module in sys.modules})
"""


def linted(tree: Path) -> tuple[int, str]:
    done = subprocess.run(
        [Path(sys.prefix) / "bin" / "lint-imports", "--config", "setup.cfg", "--no-cache"],
        cwd=tree, env={"PYTHONPATH": str(tree), "PATH": "/usr/bin:/bin"}, capture_output=True, text=True,
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr


class ImportTests(SynchronousTestCase):
    timeout = 120

    def test_the_rules_hold(self) -> None:
        code, said = linted(ROOT)
        self.assertEqual(code, 0, said)
        for rule in (ROOMS, PURE, PARTS):
            self.assertIn(f"{rule} KEPT", said)

    def test_each_rule_bites(self) -> None:
        plants = {
            ROOMS: ("kit/ids.py", "import mailtwist.mail.flags"),
            PURE: ("protocols/imap/command.py", "import twisted.internet.defer"),
            PARTS: ("protocols/imap/server.py", "import mailtwist.protocols.imap.ext.move"),
        }
        tree = copied(Path(self.mktemp()).resolve(), tests=False)
        for rule, (file, line) in plants.items():
            planted = tree / "mailtwist" / file
            before = planted.read_text()
            planted.write_text(f"{before}{line}\n")
            code, said = linted(tree)
            self.assertEqual((code, f"{rule} BROKEN" in said), (1, True), said)
            planted.write_text(before)

    def test_a_new_room_needs_a_place(self) -> None:
        tree = copied(Path(self.mktemp()).resolve(), tests=False)
        (tree / "mailtwist" / "attic").mkdir()
        (tree / "mailtwist" / "attic" / "__init__.py").write_text('"""A room that nobody has drawn."""\n')
        code, said = linted(tree)
        self.assertEqual((code, f"{ROOMS} BROKEN" in said), (1, True), said)

    def test_no_library_of_an_extra_is_loaded_before_its_part_is_built(self) -> None:
        done = subprocess.run(
            [sys.executable, "-c", EVERY_PART],
            cwd=ROOT, env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=True,
        )  # fmt: skip
        loaded = set(done.stdout.split())
        self.assertIn("mailtwist", loaded)
        self.assertEqual(loaded.intersection(LIBRARIES), set())
