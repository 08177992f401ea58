"""A folder of small files, of which only those are read again that have changed."""

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from mailtwist.kit.events import Event
from mailtwist.kit.files import read_small
from mailtwist.tls.acme.api import Issued
from mailtwist.tls.acme.formats import Damaged

T = TypeVar("T")
Seen = tuple[int, int, int]
Known = tuple[Seen, Issued | None]
UNREAD = (0, 0, 0)

NOT_READ = Event("acme.not_read", "{path} is not used: {why}", "error")


class Remembered:
    """What was read, until its file is another one.  For threads; two that read at once read twice."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._known: dict[str, Known] = {}

    def all(self, folder: Path, read: Callable[[bytes], Issued]) -> list[Issued]:
        """What is in the files of `folder`, in the order of their names.  One that is damaged is told once,
        and left out; if there was something in it before, that stays as long as the file and this process."""
        known: dict[str, Known] = {}
        for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
            if entry.name.startswith("."):
                continue
            try:
                seen = _seen(entry)
                old = self._known.get(entry.name)
                known[entry.name] = old if old and old[0] == seen else self._one(entry, read, seen, old)
            except FileNotFoundError:  # taken away meanwhile
                continue
        self._known = known
        return [issued for _, issued in known.values() if issued is not None]

    def _one(
        self, entry: "os.DirEntry[str]", read: Callable[[bytes], Issued], seen: Seen, old: Known | None
    ) -> Known:
        before = None if old is None else old[1]
        try:
            return seen, read(read_small(Path(entry.path), self._most))
        except Damaged as damaged:
            NOT_READ.log(path=entry.path, why=str(damaged))
        except FileNotFoundError:
            raise
        except OSError as error:
            NOT_READ.log(path=entry.path, why=error.strerror)
            if error.errno not in (errno.ELOOP, errno.EINVAL):  # it may be read the next time
                return UNREAD, before
        return seen, before


def signature(folder: Path) -> list[tuple[str, Seen]]:
    """Another one after every change of a file in `folder`.  Drafts are none."""
    found = []
    for entry in os.scandir(folder):
        try:
            if not entry.name.startswith("."):
                found.append((entry.name, _seen(entry)))
        except FileNotFoundError:
            continue
    return sorted(found)


def _seen(entry: "os.DirEntry[str]") -> Seen:
    status = entry.stat(follow_symlinks=False)
    return status.st_ino, status.st_mtime_ns, status.st_size
