"""Answers of a database that are asked for again and again, as long as nobody has changed it."""

import sqlite3
from collections.abc import Callable, Hashable
from typing import Any, TypeVar

from mailtwist.state.database import Database

T = TypeVar("T")

MOST = 10_000


class Lookups:
    """What was read is known until the file changes, by whatever process: each question looks whether it has,
    and only then takes a thread."""

    def __init__(self, database: Database) -> None:
        self._db = database
        self._version: int | None = None
        self._known: dict[Hashable, Any] = {}

    async def get(self, key: Hashable, work: Callable[[sqlite3.Connection], T]) -> T:
        """What `work` reads; it is always the same for one `key` and one state of the file."""
        version = self._db.version()
        if version is None or version != self._version:
            self._known.clear()
            self._version = version
        elif key in self._known:
            known: T = self._known[key]
            return known
        found = await self._db.read(work)
        if version is not None and version == self._version:
            self._keep(key, found)
        return found

    def _keep(self, key: Hashable, found: object) -> None:
        """`found` was read after `version` was; should the file have changed in between, the next question
        sees it."""
        if len(self._known) >= MOST:
            self._known.clear()
        self._known[key] = found
