"""Files written whole and synced, or not at all: the only place that calls fsync."""

import errno
import os
import stat
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from mailtwist.kit.ids import new_id
from mailtwist.kit.trouble import Trouble


@dataclass(frozen=True, slots=True)
class NewFile:
    """What `Files.create` makes a file of."""

    path: Path
    chunks: Iterable[bytes]
    when: float | None = None


class Files(Protocol):
    """The calls durability depends on; tests record them.  All of them block: use `kit.threads`."""

    def create(
        self, path: Path, chunks: Iterable[bytes], mode: int = 0o600, when: float | None = None
    ) -> None:
        """A new file with all of `chunks`, synced; `when` is its time of change.  FileExistsError when there
        is one.  What fails leaves nothing behind."""

    def create_together(self, files: Sequence[NewFile]) -> list[OSError | None]:
        """`create` for each, at less cost; what failed, or None, in their order."""

    def append(self, path: Path, chunks: Iterable[bytes]) -> None:
        """`chunks` at the end of `path`, not yet synced."""

    def set_time(self, path: Path, when: float) -> None:
        """The time of change of `path`, seconds since 1970, not yet synced."""

    def sync(self, path: Path) -> None:
        """What was written to `path` is on the disk, and its times."""

    def rename(self, old: Path, new: Path) -> None: ...

    def link(self, old: Path, new: Path) -> None:
        """A second name for the same file.  FileExistsError when `new` is there."""

    def unlink(self, path: Path) -> None: ...

    def remove_folder(self, path: Path) -> None:
        """An empty folder is gone."""

    def make_folder(self, path: Path, mode: int = 0o700) -> None:
        """The folder and its parents exist, their entries synced.  NotADirectoryError when something else has
        the name."""

    def sync_folder(self, path: Path) -> None:
        """The names in `path` are on the disk."""


class DiskFiles:
    """The real thing."""

    def create(
        self, path: Path, chunks: Iterable[bytes], mode: int = 0o600, when: float | None = None
    ) -> None:
        _synced(_written(path, chunks, mode, when), path)

    def create_together(self, files: Sequence[NewFile]) -> list[OSError | None]:
        outcomes: list[OSError | None] = [None] * len(files)
        written: list[tuple[int, int]] = []
        for number, file in enumerate(files):
            try:
                fd = _written(file.path, file.chunks, 0o600, file.when)
            except OSError as error:
                outcomes[number] = error
                continue
            written.append((number, fd))
            if len(files) > 1:
                _begin_to_sync(fd)
        for number, fd in written:
            try:
                _synced(fd, files[number].path)
            except OSError as error:
                outcomes[number] = error
        return outcomes

    def append(self, path: Path, chunks: Iterable[bytes]) -> None:
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            _write_all(fd, chunks)
        finally:
            os.close(fd)

    def set_time(self, path: Path, when: float) -> None:
        os.utime(path, ns=_nanoseconds(when))

    def sync(self, path: Path) -> None:
        _sync(path, os.O_RDONLY)

    def rename(self, old: Path, new: Path) -> None:
        os.rename(old, new)

    def link(self, old: Path, new: Path) -> None:
        os.link(old, new)

    def unlink(self, path: Path) -> None:
        os.unlink(path)

    def remove_folder(self, path: Path) -> None:
        os.rmdir(path)

    def make_folder(self, path: Path, mode: int = 0o700) -> None:
        if path.is_dir():
            return
        self.make_folder(path.parent, mode)
        try:
            os.mkdir(path, mode)
        except FileExistsError:
            if path.is_dir():  # somebody else was faster
                return
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(path)) from None
        self.sync_folder(path.parent)

    def sync_folder(self, path: Path) -> None:
        _sync(path, os.O_RDONLY | os.O_DIRECTORY)


def write_whole(files: Files, path: Path, data: bytes, mode: int = 0o600) -> None:
    """`path` holds `data`, synced with its folder; a reader sees the old file or the new one, never less."""
    draft = path.with_name(f".{path.name}.{new_id()}")
    files.create(draft, [data], mode)
    try:
        files.rename(draft, path)
    except BaseException:
        files.unlink(draft)
        raise
    files.sync_folder(path.parent)


def read_small(path: Path, most: int) -> bytes:
    """A file of ours, up to `most` octets of it; FileNotFoundError.  What is no plain file is an OSError: no
    link is followed, and a pipe keeps nobody waiting."""
    fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise OSError(errno.EINVAL, "It is no file", str(path))
        return os.read(fd, most)
    finally:
        os.close(fd)


def disk_trouble(error: OSError) -> Trouble:
    """What a peer hears of a disk that is full or broken: temporary, never a lost message."""
    return Trouble("4.3.1", "Insufficient system storage, try again later", str(error))


def _written(path: Path, chunks: Iterable[bytes], mode: int, when: float | None) -> int:
    """The descriptor of a new file, not yet synced."""
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    try:
        _write_all(fd, chunks)
        if when is not None:
            os.utime(fd, ns=_nanoseconds(when))
        return fd
    except BaseException:
        os.close(fd)
        os.unlink(path)
        raise


def _begin_to_sync(fd: int) -> None:
    """The disk begins to write it while others are prepared; then one turn of its journal does for all.
    Linux does that when told that the file will not be read soon."""
    if hasattr(os, "posix_fadvise"):
        with suppress(OSError):
            os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)


def _synced(fd: int, path: Path) -> None:
    """What is open is on the disk and closed, or else gone."""
    try:
        os.fsync(fd)
    except BaseException:
        os.unlink(path)
        raise
    finally:
        os.close(fd)


def _write_all(fd: int, chunks: Iterable[bytes]) -> None:
    for chunk in chunks:
        rest = memoryview(chunk)
        while rest:
            rest = rest[os.write(fd, rest) :]


def _nanoseconds(when: float) -> tuple[int, int]:
    changed = round(when * 1_000_000) * 1000  # what a float holds of today's time
    return changed, changed


def _sync(path: Path, how: int) -> None:
    fd = os.open(path, how | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
