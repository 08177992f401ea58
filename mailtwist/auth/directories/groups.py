"""Groups in a SQLite file: names that rules on the second factor go by."""

import sqlite3

from mailtwist.kit.trouble import Trouble

SCHEMA = (
    """CREATE TABLE groups (
        account TEXT NOT NULL REFERENCES people (account) ON DELETE CASCADE, name TEXT NOT NULL,
        PRIMARY KEY (account, name)) WITHOUT ROWID""",
)


def of(db: sqlite3.Connection, account: str) -> tuple[str, ...]:
    """Those that the account is in, by name."""
    found = db.execute("SELECT name FROM groups WHERE account = ? ORDER BY name", (account,))
    return tuple(name for (name,) in found)


def joined(db: sqlite3.Connection, account: str, group: str) -> None:
    """The account is in the group."""
    if not db.execute("SELECT 1 FROM people WHERE account = ?", (account,)).fetchone():
        raise Trouble("5.1.1", "There is no such account")
    db.execute("INSERT OR IGNORE INTO groups VALUES (?, ?)", (account, group))


def left(db: sqlite3.Connection, account: str, group: str) -> None:
    """It is not."""
    if not db.execute("DELETE FROM groups WHERE account = ? AND name = ?", (account, group)).rowcount:
        raise Trouble("5.1.1", f"It is not in the group {group}")
