"""Processes of servers under test: the whole tree of one is stopped, frozen, killed, each by its number."""

import ctypes
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from tests.peers.programs import PATH

PATIENCE = 60.0
_LIBC = ctypes.CDLL(None)
_PR_SET_PDEATHSIG = 1


def _end_with_parent() -> None:
    """A run of tests that is killed cannot stop what it has started: the kernel does."""
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def tree(root: int) -> list[int]:
    """The process and all that come from it."""
    found = [root]
    for pid in found:
        for task in _listed(Path(f"/proc/{pid}/task")):
            with suppress(OSError):
                found += map(int, (task / "children").read_text().split())
    return found


def send(root: int, number: signal.Signals) -> None:
    """To the process and all that come from it."""
    for pid in tree(root):
        with suppress(ProcessLookupError):
            os.kill(pid, number)


def eventually(true: Callable[[], object], patience: float = PATIENCE) -> bool:
    """`true()`, as soon as it is, or at last."""
    deadline = time.monotonic() + patience
    while not (found := true()) and time.monotonic() < deadline:
        time.sleep(0.02)
    return bool(found)


class Program:
    """One command in the foreground, from `begin` until `end`; what it says goes into a file."""

    def __init__(self, words: Sequence[str | Path], output: Path) -> None:
        self._words = [str(word) for word in words]
        self._output = output
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def runs(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def said(self) -> str:
        return self._output.read_text("utf-8", "replace") if self._output.exists() else ""

    def begin(self, environment: Mapping[str, str] | None = None, folder: Path | None = None) -> None:
        with self._output.open("ab") as output:
            self._process = subprocess.Popen(
                self._words,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=folder,
                env={**os.environ, "PATH": PATH, **(environment or {})},
                start_new_session=True,
                preexec_fn=_end_with_parent,
            )

    def until(self, ready: Callable[[], object], log: Callable[[], str]) -> None:
        """`ready()`; AssertionError with what it has said when it ends before, or never gets there."""
        if not eventually(lambda: not self.runs or ready()) or not self.runs:
            self.kill()
            raise AssertionError(f"{self._words[0]} did not start: {self.said}{log()}")

    def end(self) -> None:
        """SIGTERM, and whatever does not heed it is killed: no process of it is left."""
        if self._process is None:
            return
        if self.runs:
            self._process.terminate()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(20)
        self._bury()

    def kill(self) -> None:
        """As by a power cut: all of them at once."""
        if self._process is not None:
            send(self.pid, signal.SIGKILL)
            self._bury()

    def freeze(self) -> None:
        """They run no more; the kernel still takes what is sent to them."""
        send(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        send(self.pid, signal.SIGCONT)

    def _bury(self) -> None:
        """Those of ours that live on: of the same session, as is what was begun while they ended, which may
        hold their ports."""
        assert self._process is not None
        session = self._process.pid
        eventually(lambda: not _members(session), 5.0)
        for pid in _members(session):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        eventually(lambda: not _members(session), 5.0)
        self._process.wait(20)
        self._process = None


def _members(session: int) -> list[int]:
    every = [int(name) for name in os.listdir("/proc") if name.isdigit()]
    return [pid for pid in every if _session(pid) == session]


def _session(pid: int) -> int:
    """0: there is none; a zombie has none either."""
    try:
        words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0
    return 0 if words[0] == "Z" else int(words[3])


def _listed(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError:
        return []
