"""Records as rows of a table, and back."""

import sqlite3
from collections.abc import Sequence
from dataclasses import fields
from typing import Any

from mailtwist.state.database import Database
from mailtwist.state.lookups import Lookups


class Rows:
    """What the tables of one database have in common; each is a class of its own.
    What a decision asks for again and again is looked up, and read when the file has changed."""

    _db: Database
    _lookups: Lookups

    async def _changed(self, statement: str, *values: object) -> bool:
        """There was a row to change."""
        return await self._db.write(lambda db: db.execute(statement, values).rowcount > 0)


def columns(record: type[Any], *but: str) -> list[str]:
    return [field.name for field in fields(record) if field.name not in but]


def insert(
    db: sqlite3.Connection, table: str, into: Sequence[str], values: Sequence[object], how: str = "INSERT"
) -> None:
    marks = ", ".join("?" * len(into))
    db.execute(f"{how} INTO {table} ({', '.join(into)}) VALUES ({marks})", values)
