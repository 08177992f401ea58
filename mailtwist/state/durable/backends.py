"""Servers behind us: how they are, and which of them an admin has drained."""

import sqlite3
from collections.abc import Sequence

from mailtwist.kit.clock import Clock
from mailtwist.state.durable.rows import Rows, columns, insert
from mailtwist.state.records import Backend, Drain

BACKEND, DRAIN = columns(Backend), columns(Drain)
KEPT = 3600.0
"""Seconds for which it is known how a process that has ended found them."""


class Backends(Rows):
    """The tables `backends` and `drains`."""

    _clock: Clock

    async def drain(self, drain: Drain) -> bool:
        return await self._changed(
            "INSERT OR IGNORE INTO drains (host, since, by, reason) VALUES (?, ?, ?, ?)",
            *(getattr(drain, column) for column in DRAIN),
        )

    async def undrain(self, host: str) -> bool:
        return await self._changed("DELETE FROM drains WHERE host = ?", host)

    async def drains(self) -> Sequence[Drain]:
        def work(db: sqlite3.Connection) -> list[Drain]:
            return [Drain(**dict(row)) for row in db.execute("SELECT * FROM drains ORDER BY host")]

        return await self._db.read(work)

    async def note_backends(self, upstream: str, process: str, backends: Sequence[Backend]) -> None:
        def work(db: sqlite3.Connection) -> None:
            db.execute(
                "DELETE FROM backends WHERE upstream = ? AND (process = ? OR seen < ?)",
                (upstream, process, self._clock.now() - KEPT),
            )
            for one in backends:
                insert(db, "backends", BACKEND, [getattr(one, column) for column in BACKEND])

        await self._db.write(work)

    async def backends(self) -> Sequence[Backend]:
        def work(db: sqlite3.Connection) -> list[Backend]:
            found = db.execute("SELECT * FROM backends ORDER BY upstream, host, kind, process")
            return [Backend(**{**dict(row), "up": bool(row["up"])}) for row in found]

        return await self._db.read(work)
