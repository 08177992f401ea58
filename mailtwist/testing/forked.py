"""Python processes that begin with mailtwist imported: a test that starts fifty of them waits for one import.

One process per test run imports and then only forks.  What runs is a process like any other, with arguments,
environment, folder, umask and files of its own, a real pid and a real exit status; only `sys.orig_argv` and
/proc/PID/cmdline tell that it was not begun by a shell."""

import atexit
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import IO, Any

import mailtwist

BEGINNING = ("PYTHON", "LD_", "LC_", "LANG", "OPENSSL", "SSL_", "MALLOC", "GLIBC")
"""What a variable's name begins with that counts when a process begins, and not afterwards."""
PROGRAM = "from mailtwist.testing import forking; exec(forking.code(), forking.fresh())"
PATIENCE = 60.0


def import_path() -> str:
    """This very mailtwist, wherever the child begins; relative paths meant this process's first folder."""
    here = str(Path(mailtwist.__file__).parent.parent)
    inherited = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    return os.pathsep.join([here, *(path for path in inherited if os.path.isabs(path))])


class Forked:
    """What a test needs of `subprocess.Popen`.  The process stays a zombie until its status was asked for."""

    def __init__(self, status: socket.socket) -> None:
        self._status = status
        self._told = b""
        self._ended: int | None = None
        self._lock = threading.Lock()
        self.pid = int(self._line(4 * PATIENCE))

    def poll(self) -> int | None:
        with self._lock:
            if self._ended is None and (line := self._line(0)):
                self._ended = int(line)
                self._status.close()
            return self._ended

    def wait(self, timeout: float) -> int:
        """As `subprocess` tells it; `subprocess.TimeoutExpired`."""
        with self._lock:
            if self._ended is None:
                line = self._line(timeout)
                if not line:
                    raise subprocess.TimeoutExpired("a forked process", timeout)
                self._ended = int(line)
                self._status.close()
            return self._ended

    def kill(self) -> None:
        if self.poll() is None:
            os.kill(self.pid, signal.SIGKILL)

    def _line(self, timeout: float) -> bytes:
        """The next line; empty when there is none in time."""
        end = time.monotonic() + timeout
        while b"\n" not in self._told:
            self._status.settimeout(max(end - time.monotonic(), 0))
            try:
                some = self._status.recv(100)
            except (BlockingIOError, TimeoutError):
                return b""
            if not some:
                raise ChildProcessError("the process that forks for tests has died")
            self._told += some
        line, _, self._told = self._told.partition(b"\n")
        return line


def forked(
    words: Sequence[str], environment: Mapping[str, str], folder: Path, files: Sequence[IO[Any] | int]
) -> Forked | None:
    """`python WORDS`, begun, with `files` as its stdin, stdout and stderr.  None where only a Python that
    begins anew does what is asked: other words than -P -c CODE, another environment of the interpreter."""
    if tuple(words[:2]) != ("-P", "-c") or _beginning(environment) != _beginning(_environment()):
        return None
    here, there = socket.socketpair()
    with there:
        if not _forks().fork([*files, there]):
            here.close()
            return None
    asked = {
        "words": ["-c", *words[3:]],
        "code": words[2],
        "environment": dict(environment),
        "folder": str(folder),
        "umask": _umask(),
    }
    try:
        here.sendall(json.dumps(asked).encode("ascii") + b"\n")
        return Forked(here)
    except (BrokenPipeError, ConnectionResetError, ChildProcessError):  # it could not import
        here.close()
        return None


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": import_path()}


def _beginning(environment: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environment.items() if name.startswith(BEGINNING)}


def _umask() -> int:
    with open("/proc/self/status") as status:
        return int(next(line for line in status if line.startswith("Umask:")).split()[1], 8)


class _Forks:
    def __init__(self) -> None:
        self._asking, asked = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with asked:
            self._child = subprocess.Popen(
                [sys.executable, "-P", "-c", PROGRAM, str(asked.fileno())],
                stdin=subprocess.DEVNULL,
                env=_environment(),
                pass_fds=[asked.fileno()],
                preexec_fn=heed_ctrl_c,
            )
        atexit.register(self.stop)

    def fork(self, files: Sequence[IO[Any] | int | socket.socket]) -> bool:
        """False when nothing can be forked: somebody has killed the process that would."""
        numbers = [file if isinstance(file, int) else file.fileno() for file in files]
        try:
            socket.send_fds(self._asking, [b"."], numbers)
        except BrokenPipeError:
            return False
        return True

    def stop(self) -> None:
        self._asking.close()
        self._child.wait(PATIENCE)


@cache
def _forks() -> _Forks:
    return _Forks()


def heed_ctrl_c() -> None:
    """Whoever was started in the background of a shell ignores it, and so would the children."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
