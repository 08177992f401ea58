"""Whom an admin keeps out; that outlives a restart."""

import sqlite3
from collections.abc import Sequence

from mailtwist.kit.clock import Clock
from mailtwist.state.durable.rows import Rows
from mailtwist.state.records import Ban


class Bans(Rows):
    """The table `bans`."""

    _clock: Clock

    async def ban(self, ban: Ban) -> bool:
        def work(db: sqlite3.Connection) -> bool:
            now = self._clock.now()
            db.execute("DELETE FROM bans WHERE until <= ?", (now,))
            row = (ban.subject, ban.reason, ban.until, ban.by)
            return (
                ban.until > now
                and db.execute("INSERT OR IGNORE INTO bans VALUES (?, ?, ?, ?)", row).rowcount > 0
            )

        return await self._db.write(work)

    async def lift(self, subject: str) -> bool:
        return await self._changed(
            "DELETE FROM bans WHERE subject = ? AND until > ?", subject, self._clock.now()
        )

    async def bans(self) -> Sequence[Ban]:
        def work(db: sqlite3.Connection) -> list[Ban]:
            found = db.execute(
                "SELECT subject, reason, until, by FROM bans WHERE until > ? ORDER BY until, subject",
                (self._clock.now(),),
            )
            return [Ban(*row) for row in found]

        return await self._db.read(work)
