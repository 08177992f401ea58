"""Peers that no operating system packages: fetched once, into a folder outside the checkout."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from bench.servers.api import NotHere

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "mailtwist-bench"
PATIENCE = 180


def python_with(package: str) -> Path:
    """The folder of programs of an environment of its own, in which `package` is installed."""
    programs = CACHE / package / "bin"
    if not (programs / package).exists():
        _fetch(package, [sys.executable, "-m", "venv", str(CACHE / package)])
        _fetch(package, [str(programs / "pip"), "install", "--quiet", package])
    return programs


def node_modules_with(package: str) -> Path:
    """What NODE_PATH is to be."""
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        raise NotHere("node and npm are not installed")
    folder = CACHE / f"node-{package}"
    if not (folder / "node_modules" / package).exists():
        folder.mkdir(parents=True, exist_ok=True)
        _fetch(package, [npm, "install", "--silent", "--prefix", str(folder), package])
    return folder / "node_modules"


def _fetch(package: str, command: list[str]) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NotHere(f"{package} cannot be installed: {error}") from None
    if done.returncode:
        raise NotHere(f"{package} cannot be installed: {done.stderr.strip()[-300:]}")
