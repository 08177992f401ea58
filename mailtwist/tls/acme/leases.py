"""The right to do one thing alone among the processes of a machine, as a file that is locked and dated."""

import fcntl
import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from mailtwist.kit.files import Files
from mailtwist.tls.acme.formats import Damaged, read_object

LONGEST = 86_400.0
"""Seconds: a lease that is good for longer was written while the clock was elsewhere."""

_LOOK = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC  # a pipe keeps nobody waiting


@dataclass(eq=False)
class Held:
    """A lease of ours.  The kernel unlocks it when this process ends, however that ends; its date ends it
    when the process lives on and does nothing."""

    path: Path
    owner: str
    fd: int

    def is_mine(self) -> bool:
        """Nobody has taken it over."""
        if self.fd < 0:
            return False
        try:
            return os.path.samestat(os.stat(self.path), os.fstat(self.fd))
        except FileNotFoundError:
            return False

    def prolong(self, until: float) -> bool:
        """Under the store's lock, as all of this is."""
        if not self.is_mine():
            self.close()
            return False
        octets = _written(self.owner, until)
        os.pwrite(self.fd, octets, 0)
        os.ftruncate(self.fd, len(octets))
        return True

    def give_back(self, files: Files) -> None:
        if self.is_mine():
            files.unlink(self.path)
        self.close()

    def close(self) -> None:
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1


def take(files: Files, path: Path, owner: str, now: float, until: float) -> Held | None:
    """None: somebody else has it, who lives and is not late."""
    if _is_taken(path, now):
        return None
    draft = path.with_name(f".{path.name}.{owner}")
    files.create(draft, [_written(owner, until)])
    fd = os.open(draft, os.O_RDWR | os.O_CLOEXEC)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        files.rename(draft, path)
    except BaseException:
        os.close(fd)
        with suppress(FileNotFoundError):
            files.unlink(draft)
        raise
    return Held(path, owner, fd)


def clean(files: Files, folder: Path) -> None:
    """What nobody holds any more is gone; one that is only late may go on."""
    for path in folder.iterdir():
        with suppress(OSError):  # what is no lease
            _clean_one(files, path)


def _clean_one(files: Files, path: Path) -> None:
    fd = os.open(path, _LOOK)
    try:
        if _is_unlocked(fd):
            files.unlink(path)
    finally:
        os.close(fd)


def swept(files: Files, path: Path) -> None:
    """It is gone.  What cannot be taken away, a folder of somebody's snapshots, stays and stops nobody."""
    with suppress(OSError):
        files.unlink(path)


def _is_taken(path: Path, now: float) -> bool:
    try:
        fd = os.open(path, _LOOK)
    except FileNotFoundError:
        return False
    try:
        return not _is_unlocked(fd) and now < _until(os.read(fd, 4096)) <= now + LONGEST
    finally:
        os.close(fd)


def _is_unlocked(fd: int) -> bool:
    """Whoever had it is no more."""
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _until(octets: bytes) -> float:
    try:
        return float(read_object(octets)["until"])
    except (Damaged, KeyError, TypeError, ValueError):
        return 0.0


def _written(owner: str, until: float) -> bytes:
    return b'{"owner": "%s", "process": %d, "until": %.3f}\n' % (owner.encode(), os.getpid(), until)
