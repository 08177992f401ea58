"""Words that one process announces to the others, in a table of the file that they share."""

import sqlite3
from collections.abc import Sequence

from mailtwist.state.volatile.shelves import Moment

REMEMBERED = 60.0  # seconds for which a process that looks seldom still finds them


def say(db: sqlite3.Connection, at: Moment, word: bytes, who: str) -> None:
    db.execute("DELETE FROM words WHERE at < ?", (at.now - REMEMBERED,))
    db.execute("INSERT INTO words (word, who, at) VALUES (?, ?, ?)", (word, who, at.now))


def last(db: sqlite3.Connection) -> int:
    """The number of the last one."""
    (number,) = db.execute("SELECT coalesce(max(number), 0) FROM words").fetchone()
    return int(number)


def beyond(db: sqlite3.Connection, number: int, me: str) -> tuple[int, Sequence[bytes]]:
    """The number of the last one, and what others than me said after `number`; in a file that was begun anew
    the numbers begin anew too."""
    newest = last(db)
    if newest <= number:
        return newest, ()
    found = db.execute("SELECT word FROM words WHERE number > ? AND who <> ? ORDER BY number", (number, me))
    return newest, [word for (word,) in found]
