"""A Maildir whose messages are on the disk when `keep` returns."""

import itertools
import os
from pathlib import Path


class Maildir:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._numbers = itertools.count()
        for name in ("tmp", "new", "cur"):
            (folder / name).mkdir(parents=True)

    def keep(self, message: bytes) -> None:
        name = f"{next(self._numbers)}.bench"
        draft = self._folder / "tmp" / name
        fd = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        os.write(fd, message)
        os.fsync(fd)  # noqa: TID251 - a peer's, no code of ours
        os.close(fd)
        os.rename(draft, self._folder / "new" / name)
        fd = os.open(self._folder / "new", os.O_RDONLY | os.O_DIRECTORY)
        os.fsync(fd)  # noqa: TID251
        os.close(fd)
