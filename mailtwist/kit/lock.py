"""One server per folder, one at a time: locks that end with their process, however that ends."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class Taken(Exception):
    """Another process has the folder: one sentence."""


class FolderLock:
    """Held from `take` to `release`, or to the end of the process.  Commands that only look, or change what
    is made to be shared, do without."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "lock"
        self._fd: int | None = None

    def take(self) -> None:
        """`Taken` when another process has it."""
        fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            who = os.read(fd, 20).decode("ascii", "replace").strip()
            os.close(fd)
            raise Taken(f"another mailtwist (process {who}) uses {self._path.parent}") from None
        os.ftruncate(fd, 0)
        os.write(fd, b"%d\n" % os.getpid())
        self._fd = fd

    def release(self) -> None:
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None


def is_taken(folder: Path) -> bool:
    """Some process holds the lock of `folder` now."""
    try:
        fd = os.open(folder / "lock", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(fd)
    return False


@contextmanager
def alone(path: Path, patience: float) -> Iterator[None]:
    """No other process is within this at the same `path`, a file for nothing else.  For threads: it waits up
    to `patience` seconds, then it raises `TimeoutError`."""
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        end = time.monotonic() + patience
        while not _locked(fd):
            if time.monotonic() > end:
                raise TimeoutError(f"another process holds {path}")
            time.sleep(0.005)
        yield
    finally:
        os.close(fd)


def _locked(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
