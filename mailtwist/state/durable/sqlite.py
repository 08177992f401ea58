"""State that lasts, in one SQLite file of the state folder: tokens, used codes, devices."""

import json
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields

from mailtwist.config.part import Assembly, Part
from mailtwist.kit.clock import Clock
from mailtwist.state.records import Device, Network, Token, Use
from mailtwist.state.database import Database

KEEP_ENDED = 30 * 86400.0
NETWORKS = 32  # per device, the most recently used ones

MIGRATIONS = (
    (
        "CREATE TABLE pins (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID",
        """CREATE TABLE tokens (
            id TEXT NOT NULL, account TEXT NOT NULL, kind TEXT NOT NULL, sealed BLOB NOT NULL,
            key_version INTEGER NOT NULL, created REAL NOT NULL, label TEXT NOT NULL, digits INTEGER NOT NULL,
            period INTEGER NOT NULL, algorithm TEXT NOT NULL, drift INTEGER NOT NULL, active INTEGER NOT NULL,
            PRIMARY KEY (account, id)) WITHOUT ROWID""",
        """CREATE TABLE used (
            account TEXT NOT NULL, token TEXT NOT NULL, step INTEGER NOT NULL, by BLOB NOT NULL,
            PRIMARY KEY (account, token)) WITHOUT ROWID""",
        """CREATE TABLE devices (
            id TEXT NOT NULL, account TEXT NOT NULL, kind TEXT NOT NULL, lookup BLOB NOT NULL,
            key_version INTEGER NOT NULL, created REAL NOT NULL, last_used REAL NOT NULL,
            expires_at REAL NOT NULL, idle REAL NOT NULL, last_address TEXT NOT NULL, protocols TEXT NOT NULL,
            client TEXT NOT NULL, label TEXT NOT NULL, uses INTEGER NOT NULL, revoked_at REAL,
            PRIMARY KEY (account, id)) WITHOUT ROWID""",
        "CREATE UNIQUE INDEX device_lookup ON devices (account, lookup)",
        """CREATE TABLE networks (
            account TEXT NOT NULL, device TEXT NOT NULL, net TEXT NOT NULL,
            first REAL NOT NULL, last REAL NOT NULL,
            PRIMARY KEY (account, device, net),
            FOREIGN KEY (account, device) REFERENCES devices (account, id) ON DELETE CASCADE
            ) WITHOUT ROWID""",
    ),
)

TOKEN_COLUMNS = [column.name for column in fields(Token)]
DEVICE_COLUMNS = [column.name for column in fields(Device) if column.name not in ("networks", "protocols")]
ALIVE = "revoked_at IS NULL AND :now < min(expires_at, last_used + idle)"


@dataclass(frozen=True)
class Settings:
    """State in a file of the state folder, `durable.sqlite`."""


class SqliteState:
    """`state.api.Durable`."""

    def __init__(self, settings: Settings, assembly: Assembly) -> None:
        self._clock: Clock = assembly.clock
        self._db = Database(assembly.folder / "durable.sqlite", assembly.threads, MIGRATIONS)

    async def start(self) -> None:
        await self._db.open()

    async def stop(self) -> None:
        await self._db.close()

    # -- tokens
    async def tokens(self, account: str, kind: str) -> Sequence[Token]:
        def work(db: sqlite3.Connection) -> list[Token]:
            found = db.execute(
                f"SELECT {', '.join(TOKEN_COLUMNS)} FROM tokens WHERE account = ? AND kind = ? "
                "ORDER BY created, id",
                (account, kind),
            )
            return [Token(**{**dict(row), "active": bool(row["active"])}) for row in found]

        return await self._db.read(work)

    async def add_token(self, token: Token) -> None:
        values = [getattr(token, column) for column in TOKEN_COLUMNS]
        await self._db.write(lambda db: _insert(db, "tokens", TOKEN_COLUMNS, values))

    async def activate_token(self, account: str, token: str, drift: int) -> bool:
        return await self._changed(
            "UPDATE tokens SET active = 1, drift = ? WHERE account = ? AND id = ?", drift, account, token
        )

    async def remove_token(self, account: str, token: str) -> bool:
        return await self._changed("DELETE FROM tokens WHERE account = ? AND id = ?", account, token)

    async def last_step(self, account: str, token: str) -> int:
        def work(db: sqlite3.Connection) -> int:
            used = _used(db, account, token)
            return -1 if used is None else int(used["step"])

        return await self._db.read(work)

    async def advance(self, account: str, token: str, step: int, by: bytes) -> Use:
        def work(db: sqlite3.Connection) -> Use:
            used = _used(db, account, token)
            if used is not None and step <= used["step"]:
                same = (step, by) == (used["step"], used["by"])
                return Use.JOINED if same else Use.REPLAY
            db.execute("INSERT OR REPLACE INTO used VALUES (?, ?, ?, ?)", (account, token, step, by))
            return Use.NEW

        return await self._db.write(work)

    # -- devices
    async def device(self, account: str, lookups: Sequence[bytes]) -> Device | None:
        def work(db: sqlite3.Connection) -> Device | None:
            marks = ", ".join("?" * len(lookups))
            found = _devices(db, f"account = ? AND lookup IN ({marks})", (account, *lookups))
            return found[0] if found else None

        return await self._db.read(work)

    async def devices(self, account: str) -> Sequence[Device]:
        return await self._db.read(lambda db: _devices(db, "account = ?", (account,)))

    async def remember(self, device: Device, limit: int) -> Device:
        now = device.created

        def work(db: sqlite3.Connection) -> Device:
            _forget_ended(db, device.account, now)
            where = (device.account, device.lookup)
            for known in _devices(db, "account = ? AND lookup = ?", where):
                if known.alive(now) or known.revoked_at is not None:
                    return known
                db.execute("DELETE FROM devices WHERE account = ? AND id = ?", (known.account, known.id))
            _insert_device(db, device)
            _share_networks(db, device, now)
            _revoke_beyond(db, device, limit, now)
            return _devices(db, "account = ? AND lookup = ?", where)[0]

        return await self._db.write(work)

    async def touch(self, account: str, device: str, now: float, address: str, net: str) -> None:
        def work(db: sqlite3.Connection) -> None:
            db.execute(
                "UPDATE devices SET last_used = max(last_used, ?), last_address = ?, uses = uses + 1 "
                "WHERE account = ? AND id = ?",
                (now, address, account, device),
            )
            db.execute(
                "UPDATE networks SET last = max(last, ?) WHERE account = ? AND device = ? AND net = ?",
                (now, account, device, net),
            )

        await self._db.write(work)

    async def revoke(self, account: str, device: str, now: float) -> bool:
        return await self._changed(
            "UPDATE devices SET revoked_at = ? WHERE account = ? AND id = ? AND revoked_at IS NULL",
            now,
            account,
            device,
        )

    async def forget_account(self, account: str) -> None:
        def work(db: sqlite3.Connection) -> None:
            for table in ("tokens", "used", "devices"):
                db.execute(f"DELETE FROM {table} WHERE account = ?", (account,))

        await self._db.write(work)

    # -- pins
    async def pins(self) -> Mapping[str, bytes]:
        return await self._db.read(lambda db: dict(db.execute("SELECT name, value FROM pins").fetchall()))

    async def pin(self, name: str, value: bytes) -> None:
        await self._changed("INSERT OR IGNORE INTO pins VALUES (?, ?)", name, value)

    async def _changed(self, statement: str, *values: object) -> bool:
        return await self._db.write(lambda db: db.execute(statement, values).rowcount > 0)


def _insert(db: sqlite3.Connection, table: str, columns: Sequence[str], values: Sequence[object]) -> None:
    marks = ", ".join("?" * len(columns))
    db.execute(f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})", values)


def _used(db: sqlite3.Connection, account: str, token: str) -> sqlite3.Row | None:
    found: sqlite3.Row | None = db.execute(
        "SELECT step, by FROM used WHERE account = ? AND token = ?", (account, token)
    ).fetchone()
    return found


def _devices(db: sqlite3.Connection, where: str, values: Sequence[object]) -> list[Device]:
    columns = ", ".join([*DEVICE_COLUMNS, "protocols"])
    found = db.execute(f"SELECT {columns} FROM devices WHERE {where} ORDER BY last_used DESC, id", values)
    devices = []
    for row in found.fetchall():
        networks = db.execute(
            "SELECT net, first, last FROM networks WHERE account = ? AND device = ? ORDER BY last DESC, net",
            (row["account"], row["id"]),
        )
        facts = {column: row[column] for column in DEVICE_COLUMNS}
        protocols = tuple(json.loads(row["protocols"]))
        devices.append(Device(**facts, protocols=protocols, networks=tuple(Network(*n) for n in networks)))
    return devices


def _insert_device(db: sqlite3.Connection, device: Device) -> None:
    values = [getattr(device, column) for column in DEVICE_COLUMNS]
    _insert(db, "devices", [*DEVICE_COLUMNS, "protocols"], [*values, json.dumps(device.protocols)])
    for network in device.networks:
        row = (device.account, device.id, network.net, network.first, network.last)
        db.execute("INSERT INTO networks VALUES (?, ?, ?, ?, ?)", row)


def _share_networks(db: sqlite3.Connection, device: Device, now: float) -> None:
    """The account has logged in with a fresh code from the new device's networks: its other strings are
    honoured there too, and the new one where they are."""
    facts = {"account": device.account, "new": device.id, "now": now, "most": NETWORKS}
    living = f"SELECT id FROM devices WHERE account = :account AND {ALIVE}"
    db.execute(
        f"""INSERT OR IGNORE INTO networks SELECT :account, d.id, n.net, n.first, n.last
            FROM networks n, devices d
            WHERE d.account = :account AND d.id IN ({living})
            AND n.account = :account AND n.device = :new""",
        facts,
    )
    db.execute(
        f"""INSERT OR IGNORE INTO networks SELECT :account, :new, net, min(first), max(last) FROM networks
            WHERE account = :account AND device IN ({living}) GROUP BY net""",
        facts,
    )
    db.execute(
        """DELETE FROM networks WHERE account = :account AND (device, net) IN (
            SELECT device, net FROM (
                SELECT device, net, row_number() OVER (PARTITION BY device ORDER BY last DESC) AS rank
                FROM networks WHERE account = :account)
            WHERE rank > :most)""",
        facts,
    )


def _revoke_beyond(db: sqlite3.Connection, device: Device, limit: int, now: float) -> None:
    db.execute(
        f"""UPDATE devices SET revoked_at = :now WHERE account = :account AND id IN (
            SELECT id FROM devices WHERE account = :account AND {ALIVE}
            ORDER BY id = :new DESC, last_used DESC LIMIT -1 OFFSET :limit)""",
        {"now": now, "account": device.account, "new": device.id, "limit": limit},
    )


def _forget_ended(db: sqlite3.Connection, account: str, now: float) -> None:
    db.execute(
        "DELETE FROM devices WHERE account = ? "
        "AND coalesce(revoked_at, min(expires_at, last_used + idle)) < ?",
        (account, now - KEEP_ENDED),
    )


part = Part(Settings, SqliteState)
