"""People in a SQLite file of the state folder, kept with `mailtwist user`."""

import sqlite3
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from typing import Annotated

from mailtwist.auth.api import Alias, Person
from mailtwist.auth.directories import aliases, groups
from mailtwist.auth.directories.hashes import UselessHash, in_clear, told_of, verifier
from mailtwist.auth.directories.passwords import Passwords
from mailtwist.auth.hashed import Hashed
from mailtwist.config.part import Assembly, Part
from mailtwist.config.settings import setting
from mailtwist.config.values import AtLeast, AtMost, Duration, Size
from mailtwist.kit.events import Event
from mailtwist.kit.ids import new_id
from mailtwist.kit.steps import step
from mailtwist.kit.trouble import Trouble
from mailtwist.state.api import StateAway
from mailtwist.state.database import Database
from mailtwist.state.lookups import Lookups

NOT_MADE_ANEW = Event(
    "password.not_made_anew", "{account}: the hash at today's cost was not stored: {error}", "warn"
)

MIGRATIONS = (
    (
        """CREATE TABLE people (
            account TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, hash TEXT NOT NULL,
            enabled INTEGER NOT NULL DEFAULT 1) WITHOUT ROWID""",
        # A name is a login name, an address, or an alias that only logs in; it means one account.
        """CREATE TABLE names (
            name TEXT PRIMARY KEY, account TEXT NOT NULL REFERENCES people (account) ON DELETE CASCADE,
            kind TEXT NOT NULL CHECK (kind IN ('login', 'address', 'alias')),
            position INTEGER NOT NULL) WITHOUT ROWID""",
        "CREATE INDEX names_of_account ON names (account, position)",
        "CREATE TABLE domains (name TEXT PRIMARY KEY) WITHOUT ROWID",
    ),
    aliases.SCHEMA,
    groups.SCHEMA,
)

IS_ADDRESS = "kind <> 'alias' AND name LIKE '%@%'"


@dataclass(frozen=True)
class Settings:
    """People in a file of the state folder, `people.sqlite`."""

    hash_memory: Annotated[Size, AtLeast(8 << 10), AtMost(4 << 30)] = setting(
        Size(19 << 20), words="Memory that one password hash takes (argon2id)."
    )
    hash_passes: Annotated[int, AtLeast(1), AtMost(64)] = setting(
        2, words="How often a password hash goes through that memory."
    )
    remembered: Annotated[Duration, AtMost(3600)] = setting(
        Duration(300), words="A password that was right needs no new hash for so long."
    )
    weak_hashes: bool = setting(
        False,
        words="Imported hashes that protect little (MD5, SHA without salt) count, too, until their owner logs"
        " in and has a better one.",
    )


class SqliteDirectory:
    """`auth.api.Directory`, `SupportsPeople`, `SupportsDomains`, `SupportsAliasChanges`, `SupportsGroups`,
    `auth.hashed.SupportsHashed`.  Others' changes count at once."""

    def __init__(self, settings: Settings, assembly: Assembly) -> None:
        self._db = Database(assembly.folder / "people.sqlite", assembly.threads, MIGRATIONS)
        self._lookups = Lookups(self._db)
        self._weak = settings.weak_hashes
        self._passwords = Passwords(
            assembly.clock,
            settings.hash_memory,
            settings.hash_passes,
            settings.remembered,
            weak=settings.weak_hashes,
        )

    async def start(self) -> None:
        await self._db.open()

    async def stop(self) -> None:
        self._passwords.stop()
        await self._db.close()

    # -- the decision
    async def find(self, name: str) -> Person | None:
        return await self._lookups.get(("find", name), lambda db: _person(db, name, "1"))

    async def recipient(self, address: str) -> Person | None:
        return await self._lookups.get(("recipient", address), lambda db: _person(db, address, IS_ADDRESS))

    async def domains(self) -> Collection[str]:
        """Those of people's addresses, also of people who have left, and those of aliases."""
        return await self._lookups.get("domains", _domains)

    async def alias(self, address: str) -> Sequence[str]:
        return await self._lookups.get(("alias", address), lambda db: aliases.targets(db, address))

    async def accepts(self, person: Person, password: bytes) -> bool:
        account = person.account
        stored = await self._lookups.get(("hash", account), lambda db: _hash(db, account))
        step("{told}", told=told_of(stored))
        right = bool(password) and await self._passwords.is_right(stored, password)
        if right and stored is not None and self._passwords.outdated(stored):
            await self._made_anew(person, stored, password)
        return right

    # -- the aliases
    async def aliases(self) -> Sequence[Alias]:
        return await self._db.read(aliases.listed)

    async def add_alias(self, address: str, targets: Sequence[str]) -> Alias:
        return await self._db.write(lambda db: aliases.added(db, address, targets))

    async def remove_alias(self, address: str, targets: Sequence[str] = ()) -> Alias | None:
        return await self._db.write(lambda db: aliases.removed(db, address, targets))

    # -- the people
    async def people(self) -> Sequence[Person]:
        def work(db: sqlite3.Connection) -> list[Person]:
            names = db.execute("SELECT name FROM people ORDER BY name").fetchall()
            return [person for (name,) in names if (person := _person(db, name, "kind = 'login'"))]

        return await self._db.read(work)

    async def add(
        self, name: str, password: bytes, addresses: Sequence[str] = (), aliases: Sequence[str] = ()
    ) -> Person:
        account, stored = new_id(), await self._passwords.hashed(_not_empty(password))
        names = [(name, "login"), *((a, "address") for a in addresses), *((a, "alias") for a in aliases)]

        def work(db: sqlite3.Connection) -> Person:
            db.execute("INSERT INTO people VALUES (?, ?, ?, 1)", (account, f"{name}", stored))
            for position, (one, kind) in enumerate(names):
                _add_name(db, one, account, kind, position)
            return Person(account, name, _addresses(db, account))

        taken = await self._db.read(lambda db: [one for one, _ in names if _person(db, one, "1")])
        if taken or len({one for one, _ in names}) < len(names):
            raise Trouble("5.1.4", f"The name {', '.join(taken) or 'given twice'} is taken")
        return await self._db.write(work)

    def useless(self, stored: str) -> str:
        try:
            verifier(stored, self._weak)
        except UselessHash as error:
            return str(error)
        return ""

    async def take(self, people: Sequence[Hashed]) -> None:
        rows = [(one, await self._kept(one.stored)) for one in people]

        def work(db: sqlite3.Connection) -> None:
            for one, stored in rows:
                _take(db, one, stored)

        await self._db.write(work)

    async def _kept(self, stored: str) -> str:
        """A password that is written in clear is in no file of ours."""
        password = in_clear(stored)
        return stored if password is None else await self._passwords.hashed(_not_empty(password))

    async def join(self, person: Person, group: str) -> Person:
        return await self._regrouped(person, lambda db: groups.joined(db, person.account, group))

    async def leave(self, person: Person, group: str) -> Person:
        return await self._regrouped(person, lambda db: groups.left(db, person.account, group))

    async def _regrouped(self, person: Person, change: Callable[[sqlite3.Connection], None]) -> Person:
        def work(db: sqlite3.Connection) -> Person:
            change(db)
            return replace(person, groups=groups.of(db, person.account))

        return await self._db.write(work)

    async def set_password(self, person: Person, password: bytes) -> None:
        stored = await self._passwords.hashed(_not_empty(password))
        await self._change("UPDATE people SET hash = ? WHERE account = ?", stored, person.account)

    async def set_enabled(self, person: Person, enabled: bool) -> None:
        await self._change("UPDATE people SET enabled = ? WHERE account = ?", enabled, person.account)

    async def remove(self, person: Person) -> None:
        await self._change("DELETE FROM people WHERE account = ?", person.account)

    async def _change(self, statement: str, *values: object) -> None:
        if not await self._db.write(lambda db: db.execute(statement, values).rowcount):
            raise Trouble("5.1.1", "There is no such account")

    async def _made_anew(self, person: Person, old: str, password: bytes) -> None:
        """The hash of the same password at today's cost; nothing happens when it was changed meanwhile.  A
        disk that is full keeps nobody out: the old hash is good."""
        new = await self._passwords.hashed(password)
        statement = "UPDATE people SET hash = ? WHERE account = ? AND hash = ?"
        try:
            await self._db.write(lambda db: db.execute(statement, (new, person.account, old)))
            step("a new hash of it, by argon2id at today's cost, was stored")
        except StateAway as error:
            NOT_MADE_ANEW.log(account=person.account, error=str(error))


def _person(db: sqlite3.Connection, name: str, which: str) -> Person | None:
    found = db.execute(
        f"""SELECT account, people.name, enabled FROM people JOIN (
            SELECT account FROM names WHERE name = ? AND {which}) USING (account)""",
        (name,),
    ).fetchone()
    if found is None:
        return None
    account, login, enabled = found
    return Person(account, login, _addresses(db, account), bool(enabled), groups.of(db, account))


def _addresses(db: sqlite3.Connection, account: str) -> tuple[str, ...]:
    found = db.execute(
        f"SELECT name FROM names WHERE account = ? AND {IS_ADDRESS} ORDER BY position", (account,)
    )
    return tuple(name for (name,) in found)


def _domains(db: sqlite3.Connection) -> frozenset[str]:
    found = db.execute(f"SELECT name FROM domains UNION {aliases.DOMAINS}")
    return frozenset(name for (name,) in found)


def _hash(db: sqlite3.Connection, account: str) -> str | None:
    found = db.execute("SELECT hash FROM people WHERE account = ?", (account,)).fetchone()
    return None if found is None else str(found[0])


def _take(db: sqlite3.Connection, one: Hashed, stored: str) -> None:
    if one.account:
        statement = "UPDATE people SET hash = ?, enabled = ? WHERE account = ?"
        if not db.execute(statement, (stored, one.enabled, one.account)).rowcount:
            raise Trouble("5.1.1", f"There is no account of {one.name}")
        return
    if _person(db, one.name, "1"):
        raise Trouble("5.1.4", f"The name {one.name} is taken")
    account = new_id()
    db.execute("INSERT INTO people VALUES (?, ?, ?, ?)", (account, one.name, stored, one.enabled))
    _add_name(db, one.name, account, "login", 0)


def _add_name(db: sqlite3.Connection, name: str, account: str, kind: str, position: int) -> None:
    db.execute("INSERT INTO names VALUES (?, ?, ?, ?)", (name, account, kind, position))
    domain = name.rpartition("@")[2] if "@" in name else ""
    if domain and kind != "alias":
        db.execute("INSERT OR IGNORE INTO domains VALUES (?)", (domain,))


def _not_empty(password: bytes) -> bytes:
    if not password:
        raise Trouble("5.7.0", "The password is empty")
    return password


part = Part(Settings, SqliteDirectory)
