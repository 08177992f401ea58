"""Files for tests: those that remember what was asked of them, and those whose disk is full."""

import errno
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from mailtwist.kit.files import DiskFiles, Files, NewFile


@dataclass(frozen=True)
class Call:
    """`name` is the method of `Files`; `paths` those it was given."""

    name: str
    paths: tuple[Path, ...]


class WatchedFiles:
    """`Files` on the real disk; subclasses see each call `before` it is made, and `after`."""

    def __init__(self, files: Files | None = None) -> None:
        self._files = files or DiskFiles()

    def before(self, name: str, *paths: Path) -> None: ...

    def after(self, name: str, *paths: Path) -> None: ...

    def create(
        self, path: Path, chunks: Iterable[bytes], mode: int = 0o600, when: float | None = None
    ) -> None:
        self.before("create", path)
        self._files.create(path, chunks, mode, when)
        self.after("create", path)

    def create_together(self, files: Sequence[NewFile]) -> list[OSError | None]:
        return [self._created(file) for file in files]

    def _created(self, file: NewFile) -> OSError | None:
        try:
            self.create(file.path, file.chunks, when=file.when)
        except OSError as error:
            return error
        return None

    def append(self, path: Path, chunks: Iterable[bytes]) -> None:
        self.before("append", path)
        self._files.append(path, chunks)
        self.after("append", path)

    def set_time(self, path: Path, when: float) -> None:
        self.before("set_time", path)
        self._files.set_time(path, when)
        self.after("set_time", path)

    def sync(self, path: Path) -> None:
        self.before("sync", path)
        self._files.sync(path)
        self.after("sync", path)

    def rename(self, old: Path, new: Path) -> None:
        self.before("rename", old, new)
        self._files.rename(old, new)
        self.after("rename", old, new)

    def link(self, old: Path, new: Path) -> None:
        self.before("link", old, new)
        self._files.link(old, new)
        self.after("link", old, new)

    def unlink(self, path: Path) -> None:
        self.before("unlink", path)
        self._files.unlink(path)
        self.after("unlink", path)

    def make_folder(self, path: Path, mode: int = 0o700) -> None:
        self.before("make_folder", path)
        self._files.make_folder(path, mode)
        self.after("make_folder", path)

    def remove_folder(self, path: Path) -> None:
        self.before("remove_folder", path)
        self._files.remove_folder(path)
        self.after("remove_folder", path)

    def sync_folder(self, path: Path) -> None:
        self.before("sync_folder", path)
        self._files.sync_folder(path)
        self.after("sync_folder", path)


class RecordingFiles(WatchedFiles):
    """`calls` in the order they ended, for a test to read."""

    def __init__(self, files: Files | None = None) -> None:
        super().__init__(files)
        self.calls: list[Call] = []

    def after(self, name: str, *paths: Path) -> None:
        self.calls.append(Call(name, paths))

    def made_durable(self, path: Path) -> bool:
        """What is at `path` was synced, then got this name, then its folder was synced: in this order."""
        named = max(self._last("rename", path), self._last("link", path))
        if named < 0:
            return False
        source = self.calls[named].paths[0]
        written = self._last("append", source)
        synced = max(self._last("create", source), self._last("sync", source))
        return written < synced < named < self._last("sync_folder", path.parent)

    def _last(self, name: str, path: Path) -> int:
        """When it was last done to `path`; -1: never."""
        done = [n for n, call in enumerate(self.calls) if call.name == name and call.paths[-1] == path]
        return done[-1] if done else -1


class FullDisk(WatchedFiles):
    """After `allowed` calls that need room the next one fails, and all later ones unless `once`; None: there
    is room.  Taking away and syncing never fail."""

    NEED_ROOM = frozenset({"create", "append", "rename", "link", "make_folder"})

    def __init__(self, allowed: int | None = 0, error: int = errno.ENOSPC, once: bool = False) -> None:
        super().__init__()
        self.allowed = allowed
        self._error = error
        self._once = once

    def before(self, name: str, *paths: Path) -> None:
        if self.allowed is None or name not in self.NEED_ROOM or _is_there(name, paths[-1]):
            return
        if self.allowed <= 0:
            self.allowed = None if self._once else 0
            raise OSError(self._error, os.strerror(self._error), str(paths[-1]))
        self.allowed -= 1


def _is_there(name: str, path: Path) -> bool:
    return name == "make_folder" and path.is_dir()
