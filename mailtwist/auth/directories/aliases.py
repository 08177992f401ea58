"""Aliases in a SQLite file: addresses that stand for others, each with its targets in order."""

import sqlite3
from collections.abc import Sequence

from mailtwist.auth.api import Alias
from mailtwist.kit.trouble import Trouble

SCHEMA = (
    """CREATE TABLE aliases (
        address TEXT NOT NULL, target TEXT NOT NULL, position INTEGER NOT NULL,
        PRIMARY KEY (address, target)) WITHOUT ROWID""",
)

DOMAINS = "SELECT DISTINCT substr(address, instr(address, '@') + 1) FROM aliases"
"""A canonical address has one "@"."""


def targets(db: sqlite3.Connection, address: str) -> tuple[str, ...]:
    """What the alias stands for; nothing when it is none."""
    found = db.execute("SELECT target FROM aliases WHERE address = ? ORDER BY position", (address,))
    return tuple(target for (target,) in found)


def listed(db: sqlite3.Connection) -> list[Alias]:
    """All aliases, by address."""
    found: dict[str, list[str]] = {}
    for address, target in db.execute("SELECT address, target FROM aliases ORDER BY address, position"):
        found.setdefault(address, []).append(target)
    return [Alias(address, tuple(its)) for address, its in found.items()]


def added(db: sqlite3.Connection, address: str, more: Sequence[str]) -> Alias:
    """The alias with more targets, those it had first."""
    whole = dict.fromkeys([*targets(db, address), *more])
    rows = [(address, target, position) for position, target in enumerate(whole)]
    db.executemany("INSERT OR REPLACE INTO aliases VALUES (?, ?, ?)", rows)
    return Alias(address, tuple(whole))


def removed(db: sqlite3.Connection, address: str, fewer: Sequence[str]) -> Alias | None:
    """What is left of the alias."""
    there = targets(db, address)
    if not there:
        raise Trouble("5.1.1", f"There is no alias {address}")
    if missing := [target for target in fewer if target not in there]:
        raise Trouble("5.1.1", f"The alias {address} does not lead to {missing[0]}")
    gone = fewer or there
    db.executemany("DELETE FROM aliases WHERE address = ? AND target = ?", [(address, one) for one in gone])
    left = targets(db, address)
    return Alias(address, left) if left else None
