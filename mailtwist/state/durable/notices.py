"""Mail to users that waits to be sent."""

import json
import sqlite3
from collections.abc import Sequence

from mailtwist.state.durable.rows import Rows, columns, insert
from mailtwist.state.records import Notice

MOST = 10_000
"""Whoever makes us write more shall not fill the disk."""

NOTICE = columns(Notice)
DUE = f"SELECT {', '.join(NOTICE)} FROM notices WHERE due_at <= ? ORDER BY due_at, id LIMIT ?"


class Notices(Rows):
    """The table `notices`."""

    async def add_notice(self, notice: Notice) -> bool:
        facts = json.dumps(dict(notice.facts))
        values = [facts if column == "facts" else getattr(notice, column) for column in NOTICE]

        def work(db: sqlite3.Connection) -> bool:
            if db.execute("SELECT count(*) FROM notices").fetchone()[0] >= MOST:
                return False
            insert(db, "notices", NOTICE, values, "INSERT OR IGNORE")
            return True

        return await self._db.write(work)

    async def notices(self, now: float, until: float, most: int) -> Sequence[Notice]:
        def work(db: sqlite3.Connection) -> list[Notice]:
            due = [dict(row) for row in db.execute(DUE, (now, most)).fetchall()]
            for row in due:
                row |= {"facts": json.loads(row["facts"]), "due_at": until, "attempts": row["attempts"] + 1}
                db.execute(
                    "UPDATE notices SET due_at = ?, attempts = attempts + 1 WHERE id = ?", (until, row["id"])
                )
            return [Notice(**row) for row in due]

        if await self._db.read(lambda db: db.execute(DUE, (now, 1)).fetchone()) is None:
            return []  # asked often, and who only reads waits for nobody
        return await self._db.write(work)

    async def notice_sent(self, id: str) -> None:
        await self._changed("DELETE FROM notices WHERE id = ?", id)

    async def notice_failed(self, id: str, again_at: float) -> None:
        await self._changed("UPDATE notices SET due_at = ? WHERE id = ?", again_at, id)
