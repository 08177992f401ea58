"""Who logged in when and whence, for thirty days."""

import sqlite3
from collections.abc import Sequence

from mailtwist.state.durable.rows import Rows, columns, insert
from mailtwist.state.records import LoginRecord

KEPT = 30 * 86400.0
RECORD = columns(LoginRecord)


class History(Rows):
    """The tables `history` and `told`."""

    async def add_history(self, records: Sequence[LoginRecord]) -> None:
        def work(db: sqlite3.Connection) -> None:
            for record in records:
                facts = {column: getattr(record, column) for column in RECORD}
                facts["last"] = facts["last"] or record.at
                insert(db, "history", RECORD, list(facts.values()), "INSERT OR REPLACE")
            newest = max(record.last or record.at for record in records)
            db.execute("DELETE FROM history WHERE last < ?", (newest - KEPT,))

        if records:
            await self._db.write(work)

    async def history(self, account: str, since: float) -> Sequence[LoginRecord]:
        return await self._db.read(
            lambda db: _records(db, "account = ? AND last >= ? ORDER BY last DESC, login", (account, since))
        )

    async def without_code(self, since: float) -> Sequence[LoginRecord]:
        where = "how = 'password' AND outcome = 'accepted' AND last >= ? ORDER BY last DESC, login"
        return await self._db.read(lambda db: _records(db, where, (since,)))

    async def login(self, id: str) -> LoginRecord | None:
        found = await self._db.read(lambda db: _records(db, "login = ?", (id,)))
        return found[0] if found else None

    async def was_here(self, account: str, net: str, since: float) -> bool:
        def work(db: sqlite3.Connection) -> float | None:
            where = "account = ? AND net = ? AND outcome = 'accepted'"
            last: float | None = db.execute(
                f"SELECT max(last) FROM history WHERE {where}", (account, net)
            ).fetchone()[0]
            return last

        last = await self._lookups.get(("here", account, net), work)
        return last is not None and last >= since

    async def tell_once(self, what: str, now: float, every: float) -> bool:
        def work(db: sqlite3.Connection) -> bool:
            db.execute("DELETE FROM told WHERE at < ? OR at > ?", (now - KEPT, now))
            told = db.execute(
                "INSERT INTO told VALUES (?, ?) ON CONFLICT (what) DO UPDATE SET at = excluded.at "
                "WHERE at <= excluded.at - ?",
                (what, now, every),
            )
            return told.rowcount > 0

        return await self._db.write(work)


def _records(db: sqlite3.Connection, where: str, values: Sequence[object]) -> list[LoginRecord]:
    found = db.execute(f"SELECT {', '.join(RECORD)} FROM history WHERE {where}", values)
    return [LoginRecord(**{**dict(row), "tls": bool(row["tls"])}) for row in found]
