"""Whose sessions end: every process reads it here, also one that was busy when it was written."""

import sqlite3
from collections.abc import Sequence

from mailtwist.state.api import SessionsEnded
from mailtwist.state.durable.rows import Rows, columns
from mailtwist.state.records import Ending

KEPT = 86400.0
"""Longer than any login takes, and any process sleeps."""

ENDING = ", ".join(columns(Ending))


class Endings(Rows):
    """The table `endings`."""

    async def end_sessions(self, account: str, device: str, why: str, now: float) -> None:
        await self._db.write(lambda db: end(db, account, device, why, now))

    async def endings(self, after: int) -> Sequence[Ending]:
        def work(db: sqlite3.Connection) -> list[Ending]:
            if after < 0:
                where = "number = (SELECT max(number) FROM endings)"
                found = db.execute(f"SELECT {ENDING} FROM endings WHERE {where}")
            else:
                found = db.execute(f"SELECT {ENDING} FROM endings WHERE number > ? ORDER BY number", (after,))
            return [Ending(*row) for row in found]

        return await self._db.read(work)

    def version(self) -> int | None:
        return self._db.version()


def refuse_ended(db: sqlite3.Connection, account: str, mark: int) -> None:
    """`SessionsEnded` when all of the account's have ended since `mark`."""
    where = "account = ? AND device = '' AND number > ? ORDER BY number DESC"
    found = db.execute(f"SELECT why FROM endings WHERE {where}", (account, mark)).fetchone()
    if mark >= 0 and found is not None:
        raise SessionsEnded(found["why"])


def end(db: sqlite3.Connection, account: str, device: str, why: str, now: float) -> None:
    """In the transaction of whatever ends them."""
    db.execute("DELETE FROM endings WHERE at < ?", (now - KEPT,))
    db.execute(
        "INSERT INTO endings (account, device, why, at) VALUES (?, ?, ?, ?)", (account, device, why, now)
    )
