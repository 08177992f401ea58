"""The octets of a message file: small ones read at once, big ones by block, LF as CRLF where need be."""

import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from io import FileIO
from pathlib import Path

from mailtwist.kit.files import disk_trouble
from mailtwist.kit.spawn import spawn
from mailtwist.kit.threads import Threads
from mailtwist.store.api import Content
from mailtwist.store.content import Octets
from mailtwist.store.maildir.ground import Ground
from mailtwist.store.maildir.lines import CRLFView, with_crlf
from mailtwist.store.maildir.look import look
from mailtwist.store.maildir.onebyone import OneByOne
from mailtwist.store.maildir.rows import files_of

SMALL = 128 << 10  # octets that a session may hold in memory instead of an open file
OPENED_TOGETHER, HELD_TOGETHER = 128, 512 << 10  # messages and octets, but for the first message

# What is put in the place of a message does not lead to other files; a pipe keeps no thread waiting.
_MESSAGE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC


@dataclass
class Opened:
    """A file.  `lines` shows it with CRLF; None: it is shown as it is."""

    file: FileIO
    size: int
    lines: CRLFView | None = None


Found = Octets | Opened | None


def open_messages(ground: Ground, uid_validity: int, uids: Sequence[int]) -> list[Found]:
    """The first of `uids`, at least one, even if others have renamed their files; None for one that is not
    there any more.  Blocks."""
    for _ in range(3):
        box = ground.box(uid_validity)
        files = files_of(ground, box, uids) if box else {}
        if box is None or not files:
            return [None]
        found = _opened_together(ground.cur(box), files, uids)
        if found:
            return found
        while look(ground, uid_validity, sure=True):
            pass
    return [None]


def _opened_together(
    cur: Path, files: Mapping[int, tuple[str, int, int]], uids: Sequence[int]
) -> list[Found]:
    """Up to a file that is not there, or beyond which too much would be held."""
    found: list[Found] = []
    held = 0
    folder = os.open(cur, _FOLDER)
    try:
        for uid in uids:
            file = files.get(uid)
            held += min(file[2], SMALL) if file else 0  # an open file is worth as much
            if found and held > HELD_TOGETHER:
                break
            found.append(None if file is None else _opened(folder, *file))
    except OSError as error:
        if not found and not isinstance(error, FileNotFoundError):
            raise  # otherwise whoever asks for the rest hears more
    finally:
        os.close(folder)
    return found


def _opened(folder: int, name: str, size: int, stored: int) -> Found:
    """The message in a file that should have so many octets."""
    fd = os.open(name, _MESSAGE, dir_fd=folder)
    try:
        if stored <= SMALL:
            octets = os.read(fd, stored + 1)
            if len(octets) == stored:  # else others have written to it
                return Octets(with_crlf(octets) if size != stored else octets)
        file, fd = FileIO(fd), -1
    finally:
        if fd >= 0:
            os.close(fd)
    return _opened_file(file, size != stored)


def _opened_file(file: FileIO, has_lf: bool) -> Found:
    try:
        size = os.fstat(file.fileno()).st_size
        if size <= SMALL:
            octets = os.pread(file.fileno(), size, 0)
            file.close()
            return Octets(with_crlf(octets) if has_lf else octets)
        if not has_lf:
            return Opened(file, size)
        lines = CRLFView(lambda start, count: os.pread(file.fileno(), count, start), size)
        return Opened(file, lines.size(), lines)
    except BaseException:
        file.close()
        raise


def content_of(opened: Octets | Opened, threads: Threads) -> Content:
    if isinstance(opened, Octets):
        return opened
    return FileContent(opened.file, opened.size, opened.lines, threads)


class FileContent:
    """An `api.Content` that reads in threads, one read at a time."""

    def __init__(self, file: FileIO, size: int, lines: CRLFView | None, threads: Threads) -> None:
        self.size = size
        self._file = file
        self._lines = lines
        self._threads = threads
        self._in_turn = OneByOne()
        self._closed = False

    async def read(self, start: int, count: int) -> bytes:
        if self._closed:
            raise ValueError("the content is closed")
        if self._lines is None and _is_held(self._file.fileno(), start, min(count, self.size - start)):
            return self._read(start, count)  # costs less than a thread's turn
        return await self._in_turn.run(partial(self._threads.run, self._read, start, count))

    async def in_file(self, start: int, count: int) -> int | None:
        """See `api.SupportsFile`."""
        if self._closed:
            raise ValueError("the content is closed")
        if self._lines is not None:
            return None
        if not _is_held(self._file.fileno(), start, count):
            bring = partial(self._threads.run, _brought, self._file.fileno(), start, count)
            if not await self._in_turn.run(bring):
                return None
        return self._file.fileno()

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            spawn(self._in_turn.run(self._close), "closing a message")

    def _read(self, start: int, count: int) -> bytes:
        try:
            if self._lines is not None:
                return self._lines.read(start, count)
            return os.pread(self._file.fileno(), count, start)
        except OSError as error:
            raise disk_trouble(error) from error

    async def _close(self) -> None:
        with suppress(OSError):
            self._file.close()


LOOKED_AT = 1 << 20  # octets that are copied in no time worth a thread
_UNREAD = bytearray(64 << 10)  # what is put here is of no use to anybody


def _is_held(file: int, start: int, count: int) -> bool:
    """The kernel has these octets in memory and need not read the disk for them.  Does not block."""
    return count <= LOOKED_AT and _passed(file, start, count, getattr(os, "RWF_NOWAIT", None))


def _brought(file: int, start: int, count: int) -> bool:
    """The same, afterwards; False when they are not there to be had.  Blocks."""
    return _passed(file, start, count, 0)


def _passed(file: int, start: int, count: int, how: int | None) -> bool:
    if how is None:
        return False
    try:
        read = os.preadv(file, [_UNREAD] * -(-count // len(_UNREAD)), start, how)
    except OSError:  # not in memory; or a file system that cannot tell, or not read
        return False
    return read >= count
