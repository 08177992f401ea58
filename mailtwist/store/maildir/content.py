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
from mailtwist.store.maildir.filenames import joined
from mailtwist.store.maildir.ground import Ground
from mailtwist.store.maildir.lines import CRLFView, with_crlf
from mailtwist.store.maildir.look import look
from mailtwist.store.maildir.onebyone import OneByOne
from mailtwist.store.maildir.rows import Row, rows_of

SMALL = 128 << 10  # octets that a session may hold in memory instead of an open file
OPENED_TOGETHER, HELD_TOGETHER = 64, 256 << 10  # messages and octets, but for the first message


@dataclass
class Opened:
    """A file, or already all its octets.  `lines` shows it with CRLF; None: it is shown as it is."""

    octets: bytes = b""
    file: FileIO | None = None
    size: int = 0
    lines: CRLFView | None = None


def open_messages(ground: Ground, uid_validity: int, uids: Sequence[int]) -> list[Opened | None]:
    """The first of `uids`, at least one, even if others have renamed their files; None for one that is not
    there any more.  Blocks."""
    for _ in range(3):
        box = ground.box(uid_validity)
        rows = rows_of(ground, box, uids) if box else []
        if box is None or not rows:
            return [None]
        found = _opened_together(ground.cur(box), {row.uid: row for row in rows}, uids)
        if found:
            return found
        while look(ground, uid_validity, sure=True):
            pass
    return [None]


def _opened_together(cur: Path, rows: Mapping[int, Row], uids: Sequence[int]) -> list[Opened | None]:
    """Up to a file that is not there, or beyond which too much would be held."""
    found: list[Opened | None] = []
    held = 0
    for uid in uids:
        row = rows.get(uid)
        held += row.stored if row else 0
        if found and held > HELD_TOGETHER:
            break
        try:
            found.append(None if row is None else _opened_row(cur, row))
        except OSError as error:
            if found or isinstance(error, FileNotFoundError):
                break  # whoever asks for the rest hears more
            raise
    return found


def _opened_row(cur: Path, row: Row) -> Opened:
    file = FileIO(cur / joined(row.base, row.letters), opener=_no_link)
    return _opened(file, row.size != row.stored)


def _no_link(path: str, flags: int) -> int:
    """What is put in the place of a message does not lead to other files; a pipe keeps no thread waiting."""
    return os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)


def _opened(file: FileIO, has_lf: bool) -> Opened:
    try:
        size = os.fstat(file.fileno()).st_size
        if size <= SMALL:
            octets = os.pread(file.fileno(), size, 0)
            file.close()
            return Opened(octets=with_crlf(octets) if has_lf else octets)
        if not has_lf:
            return Opened(file=file, size=size)
        lines = CRLFView(lambda start, count: os.pread(file.fileno(), count, start), size)
        return Opened(file=file, size=lines.size(), lines=lines)
    except BaseException:
        file.close()
        raise


def content_of(opened: Opened, threads: Threads) -> Content:
    if opened.file is None:
        return Octets(opened.octets)
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
        return await self._in_turn.run(partial(self._threads.run, self._read, start, count))

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
