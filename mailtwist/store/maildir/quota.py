"""How much an account has, and how much it may have: its own file, or what the store is set to.  Blocks."""

import os
import re
from pathlib import Path

from mailtwist.kit.files import Files, read_small, write_whole
from mailtwist.store.api import DEFAULT, Limit, Quota, Usage
from mailtwist.store.maildir.index import Index
from mailtwist.store.quota import UNLIMITED, usage

FILE = "mailtwist-quota"
_LINE = re.compile(rb"^(octets|messages) ([1-9][0-9]{0,18}|none)$", re.MULTILINE)


class Limits:
    """Those of one account: `allowed`, but for what its file says."""

    def __init__(self, root: Path, allowed: Quota = UNLIMITED) -> None:
        self._path = root / FILE
        self._allowed = allowed
        self._known: tuple[tuple[int, int, int], Quota] = ((0, 0, 0), Quota())

    def own(self) -> Quota:
        """What the file says now."""
        try:
            status = os.stat(self._path)
        except FileNotFoundError:
            return Quota()
        when = (status.st_mtime_ns, status.st_ino, status.st_size)
        if when != self._known[0]:
            self._known = (when, _read(self._path))
        return self._known[1]

    @property
    def there_are(self) -> bool:
        return self._allowed != UNLIMITED or self.own() != Quota()

    def usage(self, index: Index) -> Usage:
        octets, messages = index.execute("SELECT octets, messages FROM account").fetchone()
        return usage(octets, messages, self.own(), self._allowed)

    def must_have_room(self, index: Index, octets: int, messages: int = 1) -> None:
        """`OverQuota` when so much more does not fit; within a transaction, nobody is faster."""
        if self.there_are:
            self.usage(index).must_have_room(octets, messages)


def write(files: Files, root: Path, quota: Quota) -> None:
    """From now on it is the account's, in all processes."""
    said = {"octets": quota.octets, "messages": quota.messages}
    lines = [f"{what} {_written(limit)}\n" for what, limit in said.items() if limit != DEFAULT]
    write_whole(files, root / FILE, "".join(lines).encode("ascii"))


def is_written_well(path: Path) -> bool:
    """Each of its lines says something."""
    octets = read_small(path, 4096)
    return len(_LINE.findall(octets)) == len(octets.splitlines())


def _written(limit: Limit) -> str:
    return "none" if limit is None else str(limit)


def _read(path: Path) -> Quota:
    try:
        said = dict(_LINE.findall(read_small(path, 4096)))
    except FileNotFoundError:
        return Quota()
    return Quota(_limit(said.get(b"octets")), _limit(said.get(b"messages")))


def _limit(said: bytes | None) -> Limit:
    if said is None:
        return DEFAULT
    return None if said == b"none" else int(said)
