"""People in a PostgreSQL, MySQL, MariaDB or SQLite database, by the admin's own queries."""

from collections.abc import Callable, Collection, Sequence

from mailtwist.auth.api import Person
from mailtwist.auth.directories.hashes import UselessHash, in_the_same_form, scheme_of, weaker
from mailtwist.auth.directories.passwords import Passwords
from mailtwist.auth.directories.sql import mysql, postgresql
from mailtwist.auth.directories.sql.api import Connection, Database, NotSayable, Rows, Values
from mailtwist.auth.directories.sql.checking import problems
from mailtwist.auth.directories.sql.people import BadRow, Entry, Reader
from mailtwist.auth.directories.sql.pool import Pool
from mailtwist.auth.directories.sql.settings import Settings, statements
from mailtwist.auth.directories.sql.sqlite import Sqlite
from mailtwist.auth.directories.strangers import Strangers
from mailtwist.config.part import Assembly, Part
from mailtwist.config.problems import shown
from mailtwist.kit.events import Event
from mailtwist.kit.steps import step
from mailtwist.kit.trouble import Trouble

NOTHING = Rows(("name", "password", "target"), ())

MADE_ANEW = Event("sql.made_anew", "{account}: has a hash of argon2id now")
NOT_MADE_ANEW = Event("sql.not_made_anew", "{account}: no better hash was stored: {error}", "warn")

_KINDS: dict[str, tuple[Callable[[Settings], Database], Callable[[], str]]] = {
    "postgresql": (postgresql.Postgresql, postgresql.missing),
    "mysql": (mysql.Mysql, mysql.missing),
    "sqlite": (Sqlite, lambda: ""),
}


class SqlDirectory:
    """`auth.api.Directory`, `SupportsDomains`, `SupportsAliases`.  Every question is asked anew; what others
    change counts at once."""

    def __init__(self, settings: Settings, assembly: Assembly) -> None:
        make, _ = _KINDS[settings.driver]
        for _, words in _missing(settings):
            raise ValueError(words)
        self._statements = statements(settings)
        self._cost = int(settings.hash_memory), settings.hash_passes
        self._pool = Pool(
            f"sql-{assembly.name}",
            assembly.clock,
            make(settings),
            settings.places(),
            settings.connections,
            settings.timeout,
        )
        self._read = Reader(assembly.name, assembly.login.default_domain or "")
        self._passwords = Passwords(
            assembly.clock,
            settings.hash_memory,
            settings.hash_passes,
            settings.remembered,
            weak=settings.weak_hashes,
        )
        self._strangers = Strangers()

    async def stop(self) -> None:
        self._passwords.stop()
        self._pool.stop()

    # -- the decision
    async def find(self, name: str) -> Person | None:
        entry = await self._entry(name)
        return entry.person if entry else None

    async def recipient(self, address: str) -> Person | None:
        if "@" not in address:
            return None
        owner = address
        if "recipient_query" in self._statements:
            owners = self._read.names(await self._found("recipient_query", _of_address(address)), "name")
            if len(owners) > 1:
                raise BadRow("recipient_query finds several people for one address")
            if not owners:
                return None
            owner = owners[0]
        person = await self.find(owner)
        return person if person and address in person.addresses else None

    async def accepts(self, person: Person, password: bytes) -> bool:
        """Somebody who is not there costs as much as somebody who is."""
        if not password:
            return False
        entry = await self._entry(person.name)
        here = entry is not None and entry.person.account == person.account and entry.person.enabled
        if entry is None or not here or not entry.stored:
            step("there is no password for this account")
            await self._passwords.made_for_nobody(self._strangers.hash_for(person.name), password)
            return False
        right = await self._is_right(entry, password)
        if right:
            await self._make_anew(entry, password)
        return right

    async def _is_right(self, entry: Entry, password: bytes) -> bool:
        step("the password is hashed as {scheme}", scheme=_scheme(entry.stored))
        right = await self._passwords.is_right(entry.stored, password)
        self._strangers.saw(entry.stored)
        step("the password is right" if right else "the password is wrong")
        return right

    # -- mail
    async def domains(self) -> Collection[str]:
        """By the query; without one, none: then the target says for which domains mail is taken."""
        if "domains_query" not in self._statements:
            return ()
        return self._read.domains(await self._found("domains_query", {}))

    async def alias(self, address: str) -> Sequence[str]:
        """An alias that stands for itself alone, as some keep one for each person, is none."""
        if "alias_query" not in self._statements or "@" not in address:
            return ()
        targets = self._read.names(await self._found("alias_query", _of_address(address)), "target")
        return () if targets == [address] else tuple(targets)

    # -- the database
    async def _entry(self, name: str) -> Entry | None:
        """Who goes by exactly this name: a database that compares without accents or blanks finds others."""
        entry = self._read.entry(await self._found("user_query", _of_name(name)))
        if entry is None:
            return None
        if not entry.goes_by(name):
            step("{other} was found, who does not go by this name", other=shown(entry.person.name))
            return None
        state = "enabled" if entry.person.enabled else "disabled"
        groups = ", ".join(entry.person.groups) or "(none)"
        step("found {name}, {state}, groups {groups}", name=entry.person.name, state=state, groups=groups)
        return entry

    async def _found(self, query: str, values: Values) -> Rows:
        statement = self._statements[query]
        try:
            if any("\0" in value for value in values.values()):
                raise NotSayable
            found = await self._pool.ask(lambda connection: connection.found(statement, values))
        except NotSayable:
            step("{query}: the database has no such characters", query=query)
            return NOTHING
        shown_values = ", ".join(
            f"{name} = {shown(values[name], 80)}" for name in dict.fromkeys(statement.names)
        )
        step("{query} with {values}: {rows} rows", query=query, values=shown_values, rows=len(found.rows))
        return found

    async def _make_anew(self, entry: Entry, password: bytes) -> None:
        """A better hash of the same password, unless it was changed meanwhile.  Whatever goes wrong, the
        login was right."""
        update = self._statements.get("update_password_query")
        if update is None or not weaker(entry.stored, *self._cost):
            return
        new = in_the_same_form(await self._passwords.hashed(password), entry.stored)
        name = _of_name(entry.person.name)
        values = {"hash": new, "old": entry.stored, "account": entry.key, **name}

        def work(connection: Connection) -> int:
            return connection.changed(update, values, lambda: self._has(connection, name, new))

        try:
            done = await self._pool.ask(work, again=False)
        except (Trouble, NotSayable) as error:
            NOT_MADE_ANEW.log(account=entry.person.account, error=str(error))
            step("a better hash was not stored: {error}", error=error)
            return
        if done:
            self._strangers.forget(entry.stored)
            MADE_ANEW.log(account=entry.person.account)
        step("a better hash was stored" if done else "the hash was changed meanwhile, and stays as it is")

    def _has(self, connection: Connection, name: Values, stored: str) -> bool:
        """In a thread: a column may be too short for it."""
        entry = self._read.entry(connection.found(self._statements["user_query"], name))
        return entry is not None and entry.stored == stored


class ListingSqlDirectory(SqlDirectory):
    """And `SupportsListing`."""

    async def people(self) -> Sequence[Person]:
        entries = self._read.entries(await self._found("people_query", {}))
        return sorted((entry.person for entry in entries), key=lambda person: person.name)


def _of_name(name: str) -> Values:
    local, _, domain = name.rpartition("@") if "@" in name else (name, "", "")
    return {"name": name, "local": local, "domain": domain}


def _of_address(address: str) -> Values:
    local, _, domain = address.rpartition("@")
    return {"address": address, "local": local, "domain": domain}


def _scheme(stored: str) -> str:
    try:
        return scheme_of(stored)
    except UselessHash as useless:
        return f"nothing that is known ({useless})"


def _missing(settings: Settings) -> list[tuple[str, str]]:
    """Libraries, and settings; as (setting, sentence)."""
    _, library = _KINDS[settings.driver]
    return [("driver", words) for words in (library(),) if words] + settings.missing()


def build(settings: Settings, assembly: Assembly) -> SqlDirectory:
    kind = SqlDirectory if settings.people_query is None else ListingSqlDirectory
    return kind(settings, assembly)


async def check(settings: Settings, assembly: Assembly) -> list[tuple[str, str]]:
    """What is wrong with the servers, each query, and the rows that can be listed."""
    if missing := _missing(settings):
        return missing
    make, _ = _KINDS[settings.driver]
    reader = Reader(assembly.name, assembly.login.default_domain or "")
    return await assembly.threads.run(problems, settings, make(settings), reader)


part = Part(Settings, build, check)
