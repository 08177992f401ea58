"""What others do to files and folders, heard at once: inotify on Linux; where there is none, nothing is."""

import ctypes
import errno
import os
import struct
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from twisted.internet.interfaces import IReadDescriptor
from zope.interface import implementer

from mailtwist.kit.events import Event

MODIFIED, CLOSED, MOVED_FROM, MOVED_TO = 0x2, 0x8, 0x40, 0x80
CREATED, DELETED, OVERFLOW, NO_MORE = 0x100, 0x200, 0x4000, 0x8000

NOT_WATCHED = Event(
    "files.not_watched",
    "{path} is not watched, what others do there is found later: {why} (fs.inotify in /proc/sys)",
    "warn",
)

_HEADER = struct.Struct("=iIII")
_AT_ONCE = 1 << 16
_AND_BEFORE = 0x20000000  # what was watched for there before stays
_NONBLOCK, _CLOEXEC = os.O_NONBLOCK, getattr(os, "O_CLOEXEC", 0)

Heard = Callable[[int], None]


@implementer(IReadDescriptor)
class Watching:
    """All watches of one part; one open file.  It begins with `start` and ends with `stop`; before and after,
    `watch` does nothing."""

    def __init__(self) -> None:
        self._fd = -1
        self._reactor: Any = None
        self._watches: dict[int, dict[object, Heard]] = {}
        self._told = False

    def start(self, reactor: Any) -> None:
        """`reactor` is what reads."""
        if _libc is None or self._fd >= 0:
            return
        fd = _libc.inotify_init1(_NONBLOCK | _CLOEXEC)
        if fd < 0:
            self._not_watched("anything", ctypes.get_errno())
            return
        self._fd, self._reactor = fd, reactor
        reactor.addReader(self)

    def stop(self) -> None:
        if self._fd >= 0:
            self._reactor.removeReader(self)
            os.close(self._fd)
            self._fd = -1
            self._watches.clear()

    def watch(self, path: Path, events: int, heard: Heard) -> Callable[[], None] | None:
        """`heard` is called in the reactor thread with what happened (several things at once: their sum; with
        OVERFLOW something was missed, with NO_MORE nothing will be heard any more).  The answer ends that;
        None: it cannot be watched."""
        if self._fd < 0 or _libc is None:
            return None
        watch = _libc.inotify_add_watch(self._fd, os.fsencode(path), events | _AND_BEFORE)
        if watch < 0:
            self._not_watched(str(path), ctypes.get_errno())
            return None
        key = object()
        self._watches.setdefault(watch, {})[key] = heard
        return lambda: self._end(watch, key)

    def _end(self, watch: int, key: object) -> None:
        watches = self._watches.get(watch, {})
        if watches.pop(key, None) is not None and not watches:
            del self._watches[watch]
            if _libc is not None:
                _libc.inotify_rm_watch(self._fd, watch)

    def _not_watched(self, path: str, error: int) -> None:
        """Said once: where it is true of one it is true of thousands."""
        if not self._told and error not in (errno.ENOENT, errno.ENOTDIR):
            self._told = True
            NOT_WATCHED.log(path=path, why=os.strerror(error))

    # -- IReadDescriptor
    def fileno(self) -> int:
        return self._fd

    def logPrefix(self) -> str:
        return "Watching"

    def connectionLost(self, reason: object) -> None:
        """The reactor says so when it ends."""

    def doRead(self) -> None:
        try:
            octets = os.read(self._fd, _AT_ONCE)
        except OSError:  # nothing there after all
            return
        for watch, events in _happened(octets).items():
            watches = list(self._watches.get(watch, {}).values())
            if events & NO_MORE:
                self._watches.pop(watch, None)
            if watch < 0:
                watches = [heard for some in self._watches.values() for heard in some.values()]
            for heard in watches:
                heard(events)


def _happened(octets: bytes) -> dict[int, int]:
    """The sum of the events of each watch; -1 is all of them."""
    found: dict[int, int] = {}
    at = 0
    while at + _HEADER.size <= len(octets):
        watch, events, _, length = _HEADER.unpack_from(octets, at)
        found[watch] = found.get(watch, 0) | events
        at += _HEADER.size + length
    return found


def _loaded() -> Any:
    if not sys.platform.startswith("linux"):
        return None
    libc = ctypes.CDLL(None, use_errno=True)
    libc.inotify_add_watch.argtypes = [ctypes.c_int, ctypes.c_char_p, ctypes.c_uint32]
    return libc


_libc = _loaded()
