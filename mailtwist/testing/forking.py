"""Inside the process that forks for tests: it imports, waits for what is asked, and forks."""

import gc
import json
import os
import socket
import sys
from contextlib import suppress
from importlib import import_module
from importlib.metadata import distribution
from types import CodeType, ModuleType
from typing import Any

READ_FIRST = ("twisted.scripts.twistd", "mailtwist.app.cli", "mailtwist.app.tap", "mailtwist.testing.clock")


def code() -> CodeType:
    """What is to be run.  Returns in each forked process; in this one never."""
    _read()
    gc.collect()
    gc.freeze()
    asked = socket.socket(fileno=int(sys.argv[1]))
    while True:
        with suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        said, files, *_ = socket.recv_fds(asked, 1, 4)
        if not said:
            os._exit(0)
        if os.fork() == 0:
            asked.close()
            return _begun(files)
        for file in files:
            os.close(file)


def fresh() -> dict[str, Any]:
    """The names of a new `__main__`."""
    main = sys.modules["__main__"] = ModuleType("__main__")
    return main.__dict__


def _read() -> None:
    """All that twistd and the commands may need, but for what needs a reactor: each process has its own."""
    modules: dict[str, Any] = sys.modules
    modules["twisted.internet.reactor"] = None
    for name in READ_FIRST:
        import_module(name)
    for point in distribution("mailtwist").entry_points:
        if point.group.startswith("mailtwist."):
            with suppress(Exception):  # who needs it hears of that in its own process
                point.load()
    del modules["twisted.internet.reactor"]


def _begun(files: list[int]) -> CodeType:
    """In the child: its own child goes on; it waits for that, says its pid and its end, and ends when it was
    heard."""
    status = socket.socket(fileno=files[3])
    with status.makefile("rb") as lines:
        asked = json.loads(lines.readline())
    pid = os.fork()
    if pid:
        with suppress(OSError):
            status.sendall(b"%d\n" % pid)
            for file in files[:3]:
                os.close(file)
            os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
            status.sendall(b"%d\n" % _exit_status(pid))
            status.recv(1)
        os._exit(0)
    status.close()
    return _as_asked(asked, files[:3])


def _exit_status(pid: int) -> int:
    """Of one that has ended; it stays to be reaped."""
    ended = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    assert ended is not None
    return ended.si_status if ended.si_code == os.CLD_EXITED else -ended.si_status


def _as_asked(asked: dict[str, Any], files: list[int]) -> CodeType:
    for number, file in enumerate(files):
        os.dup2(file, number)
        os.close(file)
    os.chdir(asked["folder"])
    os.umask(asked["umask"])
    os.environ.clear()
    os.environ.update(asked["environment"])
    sys.argv[:] = asked["words"]
    gc.unfreeze()
    return compile(asked["code"], "<string>", "exec")
