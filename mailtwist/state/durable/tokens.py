"""Tokens, their codes that were used, and who had one once."""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from mailtwist.state.durable.rows import Rows, columns, insert
from mailtwist.state.records import Token, Use

TOKEN = columns(Token)
SET = "UPDATE tokens SET {} WHERE account = ? AND id = ?"


@dataclass(frozen=True, slots=True)
class _Factors:
    """All that is asked about an account's second factor, read at once."""

    tokens: tuple[Token, ...]
    enrolled: bool


class Tokens(Rows):
    """The tables `tokens`, `used` and `enrolled`."""

    async def tokens(self, account: str, kind: str) -> Sequence[Token]:
        return [token for token in (await self._factors(account)).tokens if token.kind == kind]

    async def all_tokens(self, account: str) -> Sequence[Token]:
        return list((await self._factors(account)).tokens)

    async def sealed_before(self, version: int, most: int) -> Sequence[Token]:
        return await self._db.read(lambda db: _tokens(db, "key_version < ?", version, most=most))

    async def enrolled(self, account: str) -> bool:
        return (await self._factors(account)).enrolled

    async def _factors(self, account: str) -> _Factors:
        return await self._lookups.get(("factors", account), lambda db: _factors(db, account))

    async def add_token(self, token: Token) -> None:
        await self._db.write(lambda db: _insert(db, token))

    async def replace_tokens(self, account: str, kind: str, tokens: Sequence[Token]) -> None:
        def work(db: sqlite3.Connection) -> None:
            older = "SELECT id FROM tokens WHERE account = ? AND kind = ?"
            db.execute(f"DELETE FROM used WHERE account = ? AND token IN ({older})", (account, account, kind))
            db.execute("DELETE FROM tokens WHERE account = ? AND kind = ?", (account, kind))
            for token in tokens:
                _insert(db, token)

        await self._db.write(work)

    async def activate_token(self, account: str, token: str, drift: int) -> bool:
        def work(db: sqlite3.Connection) -> bool:
            done = db.execute(SET.format("active = 1, drift = ?"), (drift, account, token)).rowcount > 0
            if done:
                db.execute("INSERT OR IGNORE INTO enrolled VALUES (?)", (account,))
            return done

        return await self._db.write(work)

    async def set_drift(self, account: str, token: str, drift: int) -> bool:
        return await self._changed(SET.format("drift = ?"), drift, account, token)

    async def relabel_token(self, account: str, token: str, label: str) -> bool:
        return await self._changed(SET.format("label = ?"), label, account, token)

    async def reseal(self, token: Token, key_version: int, sealed: bytes) -> bool:
        changes = SET.format("key_version = ?, sealed = ?") + " AND key_version = ? AND sealed = ?"
        known = (token.account, token.id, token.key_version, token.sealed)
        return await self._changed(changes, key_version, sealed, *known)

    async def remove_token(self, account: str, token: str) -> bool:
        def work(db: sqlite3.Connection) -> bool:
            db.execute("DELETE FROM used WHERE account = ? AND token = ?", (account, token))
            gone = db.execute("DELETE FROM tokens WHERE account = ? AND id = ?", (account, token))
            return gone.rowcount > 0

        return await self._db.write(work)

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

    async def set_enrolled(self, account: str, enrolled: bool) -> None:
        statement = "INSERT OR IGNORE INTO enrolled VALUES (?)"
        await self._changed(statement if enrolled else "DELETE FROM enrolled WHERE account = ?", account)


def _insert(db: sqlite3.Connection, token: Token) -> None:
    insert(db, "tokens", TOKEN, [getattr(token, column) for column in TOKEN])


def _factors(db: sqlite3.Connection, account: str) -> _Factors:
    had = db.execute("SELECT 1 FROM enrolled WHERE account = ?", (account,)).fetchone() is not None
    return _Factors(_tokens(db, "account = ?", account), had)


def _tokens(db: sqlite3.Connection, where: str, *values: object, most: int = -1) -> tuple[Token, ...]:
    wanted = f"SELECT {', '.join(TOKEN)} FROM tokens WHERE {where} ORDER BY created, id LIMIT ?"
    found = db.execute(wanted, (*values, most))
    return tuple(Token(**{**dict(row), "active": bool(row["active"])}) for row in found)


def _used(db: sqlite3.Connection, account: str, token: str) -> sqlite3.Row | None:
    found: sqlite3.Row | None = db.execute(
        "SELECT step, by FROM used WHERE account = ? AND token = ?", (account, token)
    ).fetchone()
    return found
