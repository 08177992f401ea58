"""A file of an account that tells other processes: the index has changed."""

import os
from contextlib import suppress
from pathlib import Path
from secrets import token_bytes

FILE = "mailtwist-bell"
_LENGTH = 16


class Bell:
    """One process's hand at it.  What is in the file says who rang last, and how often: who watches the file
    knows his own ringing by that.  It is never synced and may be lost."""

    def __init__(self, root: Path) -> None:
        self.path = root / FILE
        self.times = 0
        self._who = token_bytes(_LENGTH // 2)
        self._last = b""

    def make(self) -> None:
        """It can be watched."""
        with suppress(OSError):
            os.close(self._opened(os.O_CREAT))

    def ring(self) -> None:
        """After a change was committed, before this process looks what is new.  Blocks."""
        self.times += 1
        self._last = last = self._who + self.times.to_bytes(_LENGTH // 2, "big")
        with suppress(OSError):  # a disk that is full: they find it later
            fd = self._opened(os.O_CREAT)
            try:
                os.pwrite(fd, last, 0)
            finally:
                os.close(fd)

    def others_rang(self) -> bool:
        """Somebody else did, since this process last looked what is new."""
        try:
            fd = self._opened(0)
        except OSError:
            return True
        try:
            return os.pread(fd, _LENGTH, 0) != self._last
        finally:
            os.close(fd)

    def _opened(self, more: int) -> int:
        return os.open(self.path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK | more, 0o600)
