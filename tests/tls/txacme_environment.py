"""An environment with txacme, whose pins would keep others from being installed: made once, and kept."""

import configparser
import os
import shutil
import subprocess
import sys
import tempfile
from functools import cache
from hashlib import sha256
from pathlib import Path

from tests.peers.programs import absent
from tests.tree import ROOT

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "mailtwist-peers"


@cache
def python() -> Path:
    """A Python that has what mailtwist needs, and txacme; where it cannot be had, the test skips, in CI it
    fails.  mailtwist itself is not installed there: it comes from the checkout."""
    wanted = _requirements()
    said = "\n".join([sys.version, *wanted])
    folder = CACHE / f"txacme-{sha256(said.encode()).hexdigest()[:16]}"
    if not folder.exists():
        _make(folder, wanted)
    return folder / "bin" / "python"


def _requirements() -> list[str]:
    setup = configparser.ConfigParser(delimiters=("=",))
    setup.read(ROOT / "setup.cfg")
    needed = setup["options"]["install_requires"].split("\n")
    extra = setup["options.extras_require"]["txacme"].split("\n")
    return [line.strip() for line in (*needed, *extra) if line.strip()]


def _make(folder: Path, wanted: list[str]) -> None:
    """All of it or nothing, also when two make it at once."""
    CACHE.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(dir=CACHE, prefix="draft-txacme-"))
    try:
        _ran(sys.executable, "-m", "venv", str(draft))
        pip = [str(draft / "bin" / "python"), "-m", "pip", "install", "--quiet"]
        _ran(*pip, "--disable-pip-version-check", *wanted)
        draft.rename(folder)
    except (OSError, subprocess.SubprocessError) as error:
        if not folder.exists():
            said = getattr(error, "stderr", "") or str(error)
            absent(f"no environment with txacme: {said[-500:]}")
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _ran(*words: str) -> None:
    subprocess.run(words, check=True, capture_output=True, text=True, timeout=540)
