"""A wheel built from the tree works in an empty environment, far from the checkout."""

import atexit
import os
import shutil
import subprocess
import sys
import tempfile
import venv
from functools import cache
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.tree import copied


def run(*command: str | Path, cwd: Path, check: bool = True) -> "subprocess.CompletedProcess[str]":
    environment = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "VIRTUAL_ENV")}
    done = subprocess.run(
        [str(word) for word in command], cwd=cwd, env=environment, capture_output=True, text=True, timeout=600
    )
    if check and done.returncode:
        raise AssertionError(f"{command} exited {done.returncode}:\n{done.stdout}{done.stderr}")
    return done


@cache
def wheel() -> Path:
    """Built from the tree."""
    place = Path(tempfile.mkdtemp(prefix="mailtwist-wheel-"))
    atexit.register(shutil.rmtree, place, ignore_errors=True)
    tree = copied(place / "tree")
    run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", place / "dist", ".", cwd=tree)
    (built,) = (place / "dist").glob("*.whl")
    return built


@cache
def installed(extra: str = "") -> Path:
    """The folder of programs of a new environment with nothing but our wheel and what it needs, or what an
    extra needs, too."""
    place = Path(tempfile.mkdtemp(prefix="mailtwist-installed-"))
    atexit.register(shutil.rmtree, place, ignore_errors=True)
    venv.create(place / "venv", with_pip=True)
    programs = place / "venv" / "bin"
    wanted = f"{wheel()}[{extra}]" if extra else str(wheel())
    run(programs / "python", "-m", "pip", "install", "--quiet", "--no-compile", wanted, cwd=place)
    return programs


class WheelTests(SynchronousTestCase):
    timeout = 900

    def test_twistd_knows_the_word(self) -> None:
        said = run(installed() / "twistd", "--help", cwd=installed()).stdout
        self.assertRegex(said, r"(?m)^\s+mailtwist\s+\S")

    def test_the_command_works(self) -> None:
        folder = Path(self.mktemp())
        folder.mkdir()
        program = installed() / "mailtwist"
        self.assertIn("mailtwist.imap", run(program, "parts", cwd=folder).stdout)
        sample = run(program, "sample", cwd=folder).stdout
        (folder / "bad.ini").write_text("[service:imap]\nlisen = 143\n")
        self.assertIn("[service:", sample)
        bad = run(program, "check", "bad.ini", cwd=folder, check=False)
        self.assertEqual(bad.returncode, 78)
        self.assertIn(
            'bad.ini:2: [service:imap] lisen: there is no such setting; did you mean "listen"?',
            bad.stdout + bad.stderr,
        )

    def test_nothing_of_the_tests_is_in_the_wheel(self) -> None:
        where = run(
            installed() / "python",
            "-c",
            "import mailtwist, importlib.util as u; print(u.find_spec('tests'))",
            cwd=installed(),
        )
        self.assertEqual(where.stdout.strip(), "None")
