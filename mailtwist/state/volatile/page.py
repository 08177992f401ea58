"""The facts that some rules look at, out of a SQLite file, and back into it: few statements, however many.

Each step of a statement lets other threads in, and has to wait for them afterwards: so many facts are read by
one statement, and written by one."""

import json
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

from mailtwist.state.volatile.schema import OCTETS
from mailtwist.state.volatile.shelves import SHARE, Kind, least_worthy

T = TypeVar("T")

READ = """SELECT json_group_array(json_array(f.kind, f.key, json(f.value)))
    FROM json_each(?) AS n CROSS JOIN facts AS f
    WHERE f.kind = json_extract(n.value, '$[0]') AND f.key = json_extract(n.value, '$[1]')"""
WRITE = """INSERT INTO facts
    SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]'), json_extract(value, '$[2]'),
        json_extract(value, '$[3]'), json_extract(value, '$[4]'), json_extract(value, '$[5]')
    FROM json_each(?) WHERE true
    ON CONFLICT DO UPDATE SET
        value = excluded.value, room = excluded.room, level = excluded.level, until = excluded.until"""
DELETE = """DELETE FROM facts WHERE (kind, key) IN
    (SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]') FROM json_each(?))"""
AT_ONCE = 5_000  # facts that are cleared away in one transaction


@dataclass(frozen=True, slots=True)
class _Put:
    kind: Kind[Any]
    value: Any
    until: float
    group: float
    level: int


class DamagedFacts(Exception):
    """What was written by us is not what is read."""


class Page:
    """`state.volatile.shelves.Shelves` for one transaction: the facts asked for when it was made."""

    def __init__(self, db: sqlite3.Connection, needs: Iterable[tuple[Kind[Any], str]]) -> None:
        kinds = {(kind.name, _written(key)): kind for kind, key in needs}
        self._facts: dict[tuple[str, str], Any] = dict.fromkeys(kinds)
        self._changed: dict[tuple[str, str], _Put | None] = {}
        if kinds:
            (found,) = db.execute(READ, (json.dumps(list(kinds)),)).fetchone()
            try:
                for name, key, value in json.loads(found):
                    self._facts[name, key] = kinds[name, key].decode(value)
            except (ValueError, TypeError, LookupError) as error:
                raise DamagedFacts(f"a fact cannot be read: {error}") from error

    def get(self, kind: Kind[T], key: str) -> T | None:
        found: T | None = self._facts[kind.name, _written(key)]
        return found

    def put(
        self,
        kind: Kind[T],
        key: str,
        value: T,
        until: float,
        *,
        group: float = 0.0,
        level: int = 0,
        weight: int = 1,
    ) -> None:
        where = kind.name, _written(key)
        self._facts[where] = value
        self._changed[where] = _Put(kind, value, until, group, level)

    def pop(self, kind: Kind[T], key: str) -> None:
        where = kind.name, _written(key)
        self._facts[where] = None
        self._changed[where] = None

    def write(self, db: sqlite3.Connection) -> None:
        """ValueError, and nothing is written, when a number is none that JSON has."""
        gone = [where for where, put in self._changed.items() if put is None]
        come = [
            (*where, put.kind.encode(put.value), put.group, put.level, put.until)
            for where, put in self._changed.items()
            if put is not None
        ]
        if gone:
            db.execute(DELETE, (json.dumps(gone),))
        if come:
            db.execute(WRITE, (json.dumps(come, allow_nan=False),))


def _written(key: str) -> str:
    """A text that SQLite gives back as it was."""
    return key if key.isprintable() else repr(key)


def every(db: sqlite3.Connection, kind: Kind[T]) -> list[T]:
    """All facts of a kind."""
    found = db.execute("SELECT value FROM facts WHERE kind = ?", (kind.name,))
    return [kind.decode(json.loads(value)) for (value,) in found]


def clear_away(db: sqlite3.Connection, now: float, most: int) -> bool:
    """What means nothing any more is gone; and where a kind of facts takes more than `most` octets, what is
    worth least.  Not too much at once: True when there is more to do."""
    over = db.execute(
        "DELETE FROM facts WHERE (kind, key) IN (SELECT kind, key FROM facts WHERE until <= ? LIMIT ?)",
        (now, AT_ONCE),
    )
    more = over.rowcount == AT_ONCE
    for kind, room in db.execute(
        "SELECT kind, room FROM sizes GROUP BY kind, room HAVING sum(octets) > ?", (most,)
    ).fetchall():
        more |= _make_room(db, kind, room, most)
    return more


def _make_room(db: sqlite3.Connection, kind: str, room: float, most: int) -> bool:
    """Room for as much as comes in a while."""
    sizes = db.execute("SELECT level, octets FROM sizes WHERE kind = ? AND room = ?", (kind, room))
    levels: dict[int, int] = dict(sizes.fetchall())
    level = least_worthy(levels, most)
    excess = sum(levels.values()) - most + most // (2 * SHARE)
    found = db.execute(
        f"SELECT key, {OCTETS.format('')} FROM facts WHERE kind = ? AND room = ? AND level = ? "
        "ORDER BY until LIMIT ?",
        (kind, room, level, AT_ONCE),
    )
    gone = []
    for key, octets in found.fetchall():
        if excess <= 0:
            break
        gone.append((kind, key))
        excess -= octets
    db.execute(DELETE, (json.dumps(gone),))
    return excess > 0
