"""Who lets us into his mailbox at a provider: refresh tokens, sealed."""

import sqlite3
from collections.abc import Sequence

from mailtwist.state.durable.rows import Rows, columns, insert
from mailtwist.state.records import Grant

GRANT = columns(Grant)
KEY = ("account", "source")
CHANGES = ", ".join(f"{column} = ?" for column in GRANT if column not in KEY)
SAME = " AND ".join(f"{column} IS ?" for column in GRANT)


class Grants(Rows):
    """The table `grants`."""

    async def grant(self, account: str, source: str) -> Grant | None:
        found = await self._lookups.get(
            ("grant", account, source), lambda db: _grants(db, "account = ? AND source = ?", account, source)
        )
        return found[0] if found else None

    async def grants(self) -> Sequence[Grant]:
        return await self._db.read(lambda db: _grants(db, "1"))

    async def grants_sealed_before(self, version: int, most: int) -> Sequence[Grant]:
        return await self._db.read(lambda db: _grants(db, "key_version < ?", version, most=most))

    async def set_grant(self, grant: Grant) -> None:
        values = [getattr(grant, column) for column in GRANT]
        await self._db.write(lambda db: insert(db, "grants", GRANT, values, "INSERT OR REPLACE"))

    async def change_grant(self, known: Grant, changed: Grant) -> bool:
        values = [getattr(changed, column) for column in GRANT if column not in KEY]
        same = [getattr(known, column) for column in GRANT]
        return await self._changed(f"UPDATE grants SET {CHANGES} WHERE {SAME}", *values, *same)

    async def remove_grant(self, account: str, source: str) -> bool:
        return await self._changed("DELETE FROM grants WHERE account = ? AND source = ?", account, source)


def _grants(db: sqlite3.Connection, where: str, *values: object, most: int = -1) -> tuple[Grant, ...]:
    wanted = f"SELECT {', '.join(GRANT)} FROM grants WHERE {where} ORDER BY name, account, source LIMIT ?"
    return tuple(Grant(**dict(row)) for row in db.execute(wanted, (*values, most)))
