"""Devices: what mail programs have saved, where it is honoured, what stands against it."""

import json
import sqlite3
from collections.abc import Sequence

from mailtwist.state.durable.endings import end, refuse_ended
from mailtwist.state.durable.networks import learn_network, networks_of, share_networks, strange_networks
from mailtwist.state.durable.rows import Rows, columns, insert
from mailtwist.state.records import APP_PASSWORD, APPROVAL, STALE_AFTER, Device, Remembered, Touch

KEEP_ENDED = 30 * 86400.0
ALIVE = "revoked_at IS NULL AND :now < min(expires_at, last_used + idle)"
LISTS = ("protocols", "allowed", "cut")
PLAIN = columns(Device, "networks", *LISTS)
SET = "UPDATE devices SET {} WHERE account = ? AND id = ?"


class Devices(Rows):
    """The tables `devices` and `networks`."""

    async def device(self, account: str, lookups: Sequence[bytes]) -> Device | None:
        def work(db: sqlite3.Connection) -> Device | None:
            found = _devices(db, f"account = ? AND lookup IN ({_marks(lookups)})", (account, *lookups))
            return found[0] if found else None

        return await self._lookups.get(("device", account, *lookups), work)

    async def devices(self, account: str) -> Sequence[Device]:
        def work(db: sqlite3.Connection) -> tuple[Device, ...]:
            return tuple(_devices(db, "account = ?", (account,)))

        return list(await self._lookups.get(("devices", account), work))

    async def remember(self, device: Device, limit: int, mark: int = -1) -> Remembered:
        now = device.created

        def work(db: sqlite3.Connection) -> Remembered:
            refuse_ended(db, device.account, mark)
            _forget_ended(db, device.account, now)
            where = (device.account, device.lookup)
            for known in _devices(db, "account = ? AND lookup = ?", where):
                if _stays(known, device):
                    return Remembered(_known(db, known, device), new=False)
                db.execute("DELETE FROM devices WHERE account = ? AND id = ?", (known.account, known.id))
            strange = strange_networks(db, device)
            _insert(db, device)
            if device.kind != APPROVAL:
                share_networks(db, device, ALIVE, now)
            evicted = _evicted(db, device, limit, now)
            return Remembered(_one(db, device.account, device.id), True, strange, evicted)

        return await self._db.write(work)

    async def touch(self, touches: Sequence[Touch]) -> None:
        def work(db: sqlite3.Connection) -> None:
            for one in touches:
                _touch(db, one)

        await self._db.write(work)

    async def rehash(self, account: str, device: str, lookup: bytes, key_version: int, inner: bytes) -> bool:
        changes = SET.format("lookup = ?, key_version = ?, inner = ?")
        return await self._changed(changes, lookup, key_version, inner, account, device)

    async def reseal_vault(self, account: str, device: str, vault: bytes) -> bool:
        return await self._changed(SET.format("vault = ?"), vault, account, device)

    async def relabel(self, account: str, device: str, label: str) -> bool:
        return await self._changed(SET.format("label = ?"), label, account, device)

    # -- what stands against it
    async def note_refusal(self, account: str, device: str, now: float) -> Device | None:
        def work(db: sqlite3.Connection) -> Device | None:
            facts = {"account": account, "id": device, "now": now, "after": STALE_AFTER}
            db.execute(
                """UPDATE devices SET
                    stale_at = CASE WHEN refused_at + :after <= :now THEN coalesce(stale_at, :now)
                               ELSE stale_at END,
                    refused_at = CASE WHEN refused_at <= :now THEN refused_at ELSE :now END
                    WHERE account = :account AND id = :id""",
                facts,
            )
            return next(iter(_devices(db, "account = ? AND id = ?", (account, device))), None)

        return await self._db.write(work)

    async def note_success(self, account: str, device: str) -> None:
        await self._changed(SET.format("refused_at = NULL, stale_at = NULL"), account, device)

    async def revive(self, account: str, inner: Sequence[bytes]) -> Sequence[Device]:
        def work(db: sqlite3.Connection) -> list[Device]:
            where = f"account = ? AND inner IN ({_marks(inner)}) AND refused_at IS NOT NULL"
            against = _devices(db, where, (account, *inner))
            for device in against:
                db.execute(SET.format("refused_at = NULL, stale_at = NULL"), (account, device.id))
            return against

        return await self._db.write(work)

    async def revoke(self, account: str, device: str, now: float, why: str = "") -> bool:
        return await self._db.write(lambda db: _revoke(db, account, device, now, why))


def _devices(db: sqlite3.Connection, where: str, values: Sequence[object]) -> list[Device]:
    wanted = ", ".join([*PLAIN, *LISTS])
    found = db.execute(f"SELECT {wanted} FROM devices WHERE {where} ORDER BY last_used DESC, id", values)
    return [_device(db, row) for row in found.fetchall()]


def _device(db: sqlite3.Connection, row: sqlite3.Row) -> Device:
    facts = {column: row[column] for column in PLAIN}
    for column in LISTS:
        told = json.loads(row[column])
        facts[column] = told if told is None else tuple(told)
    return Device(**facts, networks=networks_of(db, row["account"], row["id"]))


def _one(db: sqlite3.Connection, account: str, id: str) -> Device:
    return _devices(db, "account = ? AND id = ?", (account, id))[0]


def _insert(db: sqlite3.Connection, device: Device) -> None:
    values = [getattr(device, column) for column in PLAIN]
    lists = [json.dumps(getattr(device, column)) for column in LISTS]
    insert(db, "devices", [*PLAIN, *LISTS], [*values, *lists])
    for network in device.networks:
        row = (device.account, device.id, network.net, network.first, network.last)
        db.execute("INSERT INTO networks VALUES (?, ?, ?, ?, ?)", row)


def _stays(known: Device, device: Device) -> bool:
    """An earlier record of the same string is kept.  One that was approved is not when it was revoked since,
    or does not live any more by what holds for new ones: he has been asked again, and has said yes."""
    now = device.created
    if known.kind != APPROVAL:
        return known.alive(now) or known.revoked_at is not None
    return known.alive(now) and now < known.created + (device.expires_at - device.created)


def _known(db: sqlite3.Connection, known: Device, device: Device) -> Device:
    """What is kept of the two."""
    if known.kind != APPROVAL:
        return known
    for network in device.networks:
        learn_network(db, Touch(known.account, known.id, device.created, net=network.net))
    return _one(db, known.account, known.id)


def _evicted(db: sqlite3.Connection, device: Device, limit: int, now: float) -> tuple[Device, ...]:
    """Whoever has to go for `device` is revoked.  App passwords were given on purpose, and stay."""
    if device.kind == APP_PASSWORD:
        return ()
    beyond = db.execute(
        f"""SELECT id FROM devices WHERE account = :account AND kind != :given AND {ALIVE}
            ORDER BY id = :new DESC, stale_at IS NOT NULL, last_used DESC LIMIT -1 OFFSET :limit""",
        {"now": now, "account": device.account, "new": device.id, "limit": limit, "given": APP_PASSWORD},
    ).fetchall()
    for (id,) in beyond:
        _revoke(db, device.account, id, now, "evicted")
    return tuple(_one(db, device.account, id) for (id,) in beyond)


def _revoke(db: sqlite3.Connection, account: str, device: str, now: float, why: str) -> bool:
    changes = SET.format("revoked_at = ?, why = ?, vault = x''") + " AND revoked_at IS NULL"
    if db.execute(changes, (now, why, account, device)).rowcount == 0:
        return False
    end(db, account, device, why, now)
    return True


def _touch(db: sqlite3.Connection, one: Touch) -> None:
    facts = {name: getattr(one, name) for name in columns(Touch)}
    db.execute(
        """UPDATE devices SET last_used = max(last_used, :at), uses = uses + :uses,
            last_address = coalesce(nullif(:address, ''), last_address),
            client = coalesce(nullif(:client, ''), client) WHERE account = :account AND id = :device""",
        facts,
    )
    db.execute(
        """UPDATE devices SET refused_at = NULL, stale_at = NULL
            WHERE account = :account AND refused_at <= :at AND :uses > 0 AND (id = :device OR inner != x''
            AND inner = (SELECT inner FROM devices WHERE account = :account AND id = :device))""",
        facts,
    )
    db.execute(
        "UPDATE networks SET last = max(last, :at) "
        "WHERE account = :account AND device = :device AND net = :net",
        facts,
    )
    if one.learn and one.net:
        learn_network(db, one)


def _forget_ended(db: sqlite3.Connection, account: str, now: float) -> None:
    db.execute(
        "DELETE FROM devices WHERE account = ? "
        "AND coalesce(revoked_at, min(expires_at, last_used + idle)) < ?",
        (account, now - KEEP_ENDED),
    )


def _marks(values: Sequence[object]) -> str:
    return ", ".join("?" * len(values))
