"""Programs the tests need: found, or skipped visibly, or (with CI=true) a failure."""

import contextlib
import fcntl
import os
import pty
import shutil
import signal
import socket
import subprocess
import tempfile
import termios
import threading
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from itertools import cycle
from pathlib import Path
from typing import Any, NoReturn
from unittest import SkipTest

PATH = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
LASTING = (10_000, 28_000)
"""Below what the kernel takes for outgoing connections."""
EACH = 1500
"""So many are for each process."""


def absent(said: str) -> NoReturn:
    """Something that a test needs is not there: it skips, in CI it fails."""
    if os.environ.get("CI") == "true":
        raise AssertionError(said)
    raise SkipTest(said)


def program(name: str) -> str:
    """Where `name` is, or it is `absent`."""
    found = shutil.which(name, path=PATH)
    if found is None:
        absent(f"{name} is not installed; `make peers` as root installs it on Debian")
    return found


def needs(*names: str) -> Callable[[type[Any]], type[Any]]:
    """Class decorator of a TestCase whose tests run these programs."""

    def decorate(case: type[Any]) -> type[Any]:
        before = case.setUp

        def setUp(self: Any) -> Any:
            for name in names:
                program(name)
            return before(self)

        case.setUp = setUp
        return case

    return decorate


def run(
    *command: str | Path,
    stdin: bytes = b"",
    env: dict[str, str] | None = None,
    timeout: float = 120,
    ok: Sequence[int] = (0,),
    cwd: Path | None = None,
) -> "subprocess.CompletedProcess[bytes]":
    """The ended program; AssertionError with all it said when its code is not in `ok`."""
    words = [program(str(command[0])), *map(str, command[1:])]
    environment = {**os.environ, "PATH": PATH, "LC_ALL": "C.UTF-8", **(env or {})}
    done = subprocess.run(words, input=stdin, env=environment, capture_output=True, timeout=timeout, cwd=cwd)
    if done.returncode not in ok:
        said = (done.stdout + done.stderr).decode("utf-8", "replace")
        raise AssertionError(f"{words[0]} exited {done.returncode}:\n{said}")
    return done


def run_in_terminal(*command: str | Path, env: dict[str, str], timeout: float = 120) -> str:
    """What a program that wants a terminal had shown when it ended by itself."""
    words = [program(str(command[0])), *map(str, command[1:])]
    environment = {**os.environ, "PATH": PATH, "LC_ALL": "C.UTF-8", "TERM": "xterm", **env}
    child, terminal = pty.fork()
    if not child:
        os.execve(words[0], words, environment)
    termios.tcsetwinsize(terminal, (40, 150))
    watch = threading.Timer(timeout, os.kill, (child, signal.SIGKILL))
    watch.start()
    shown = b""
    with contextlib.suppress(OSError):  # how a terminal says that nobody is there any more
        while data := os.read(terminal, 65536):
            shown += data
    _, status = os.waitpid(child, 0)
    watch.cancel()
    os.close(terminal)
    if status:
        raise AssertionError(f"{words[0]} ended with {status}:\n{shown.decode('utf-8', 'replace')}")
    return shown.decode("utf-8", "replace")


def free_ports(count: int) -> list[int]:
    """Ports nobody listens on, on any loopback address, that the kernel gives to no outgoing connection, and
    this function to no other process: a server that was stopped finds them free again."""
    held: list[socket.socket] = []
    ports = _ours()
    while len(held) < count:
        with contextlib.suppress(OSError):
            held.append(socket.create_server(("127.0.0.1", next(ports))))
    found = [s.getsockname()[1] for s in held]
    for s in held:
        s.close()
    return found


@cache
def _ours() -> Iterator[int]:
    """The ports of this process, round and round: those whose file it has locked as long as it lives."""
    folder = Path(tempfile.gettempdir()) / f"mailtwist-ports-{os.getuid()}"
    folder.mkdir(exist_ok=True)
    for first in range(*LASTING, EACH):
        file = os.open(folder / str(first), os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(file)
        else:
            return cycle(range(first, first + EACH))
    raise AssertionError(f"so many processes run tests that no ports are left for this one: {folder}")
