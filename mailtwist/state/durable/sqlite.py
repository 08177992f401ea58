"""State that lasts, in one SQLite file: tokens, used codes, devices, sessions that end, history."""

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass

from mailtwist.config.part import Assembly, Part
from mailtwist.config.places import File
from mailtwist.config.settings import setting
from mailtwist.kit.clock import Clock
from mailtwist.state.database import Database
from mailtwist.state.durable.backends import Backends
from mailtwist.state.durable.bans import Bans
from mailtwist.state.durable.devices import ALIVE, Devices
from mailtwist.state.durable.endings import Endings, end
from mailtwist.state.durable.grants import Grants
from mailtwist.state.durable.history import History
from mailtwist.state.durable.notices import Notices
from mailtwist.state.durable.schema import MIGRATIONS
from mailtwist.state.durable.tokens import Tokens
from mailtwist.state.lookups import Lookups

OF_AN_ACCOUNT = ("tokens", "used", "enrolled", "devices", "history", "notices", "grants")


@dataclass(frozen=True)
class Settings:
    """State that lasts, in a SQLite file."""

    path: File | None = setting(
        None, words='The file; without it, "durable.sqlite" in the state folder. Servers may share one.'
    )


class SqliteState(Tokens, Grants, Devices, Endings, History, Notices, Bans, Backends):
    """`state.api.Durable`."""

    def __init__(self, settings: Settings, assembly: Assembly) -> None:
        self._clock: Clock = assembly.clock
        path = settings.path or assembly.folder / "durable.sqlite"
        self._db = Database(path, assembly.threads, MIGRATIONS)
        self._lookups = Lookups(self._db)

    async def start(self) -> None:
        await self._db.open()

    async def stop(self) -> None:
        await self._db.close()

    async def forget_account(self, account: str) -> None:
        def work(db: sqlite3.Connection) -> None:
            for table in OF_AN_ACCOUNT:
                db.execute(f"DELETE FROM {table} WHERE account = ?", (account,))
            end(db, account, "", "removed", self._clock.now())

        await self._db.write(work)

    async def keys_used(self) -> Mapping[tuple[str, int], int]:
        def work(db: sqlite3.Connection) -> dict[tuple[str, int], int]:
            sealed = "SELECT key_version FROM tokens UNION ALL SELECT key_version FROM grants"
            count = "SELECT '{}', key_version, count(*) FROM {} GROUP BY key_version"
            both = " UNION ALL ".join(
                (count.format("seeds", f"({sealed})"), count.format("devices", f"devices WHERE {ALIVE}"))
            )
            found = db.execute(both, {"now": self._clock.now()})
            return {(name, version): count for name, version, count in found}

        return await self._db.read(work)

    async def pins(self) -> Mapping[str, bytes]:
        return await self._db.read(lambda db: dict(db.execute("SELECT name, value FROM pins").fetchall()))

    async def pin(self, name: str, value: bytes) -> None:
        await self._changed("INSERT OR IGNORE INTO pins VALUES (?, ?)", name, value)


part = Part(Settings, SqliteState)
