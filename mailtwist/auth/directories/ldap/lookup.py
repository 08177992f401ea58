"""Who is meant: people searched in an LDAP server, one or nobody, with their groups."""

from typing import Any

from mailtwist.auth.api import AccountUnavailable
from mailtwist.auth.directories.ldap import dn
from mailtwist.auth.directories.ldap.connection import Connection, Search, failed
from mailtwist.auth.directories.ldap.filters import Filter, both
from mailtwist.auth.directories.ldap.messages import Entry, Result, Scope
from mailtwist.auth.directories.ldap.people import Found, Shape
from mailtwist.auth.directories.ldap.schemas import SCHEMAS, by_mail, texts
from mailtwist.auth.directories.ldap.settings import Settings
from mailtwist.config.part import Assembly
from mailtwist.kit.events import Event
from mailtwist.kit.ids import new_id
from mailtwist.kit.steps import step

AMBIGUOUS = Event(
    "ldap.ambiguous",
    "[directory:{directory}] {filter} finds {entries}: nobody gets in by this name until one is meant",
    "error",
)
UNUSABLE = Event("ldap.unusable", "[directory:{directory}] {entry} cannot be used: {reason}", "error")

TWO = 2
"""Entries are enough to know that it is not one."""

MOST_GROUPS = 1000
MANY = 50
"""Values of an entry that are looked at in a thread: each may need a tenth of a millisecond."""

_SUCCESS, _TOO_MANY = 0, 4
_NO_VALUE = new_id()
"""For attributes that an entry has not: no group has this."""

ANYTHING = Filter.parse("(objectClass=*)")


class Lookup:
    """What is searched by: settings, or the defaults of their schema."""

    def __init__(self, settings: Settings, assembly: Assembly) -> None:
        schema = SCHEMAS[settings.schema]
        mail = tuple(settings.mail_attributes or schema.mail_attributes)
        people = settings.people or Filter.parse(schema.people)
        self.by_login = both(people, settings.filter or Filter.parse(schema.by_login(mail)))
        self.by_address = both(people, Filter.parse(f"(|{by_mail(mail, 'address')})"))
        self.domain = (
            settings.domains[0] if len(settings.domains) == 1 else assembly.login.default_domain or ""
        )
        self.shape = Shape(
            tuple(settings.id_attribute or schema.id_attribute),
            tuple(settings.login_attribute or schema.login_attribute),
            mail,
            frozenset(settings.domains),
            self.domain,
            assembly.name,
        )
        self._groups = settings.group_filter or (schema.group_filter and Filter.parse(schema.group_filter))
        self._group_base = settings.group_base or settings.base
        self._wanted_group = settings.require_group
        self._base = settings.base
        self._scope: Scope = settings.scope
        self._seconds = settings.timeout
        self._directory = assembly.name
        self._clock = assembly.clock
        self._threads = assembly.threads

    async def by_name(self, connection: Connection, name: str) -> Found | None:
        """Whose login name this is.  `AccountUnavailable` when nobody can tell; `NotAnswered`."""
        local, _, domain = name.rpartition("@") if "@" in name else (name, "", "")
        wanted = {"name": name, "local": local, "domain": domain}
        return await self._one(connection, self.by_login, wanted)

    async def by_mail(self, connection: Connection, address: str) -> Found | None:
        """Whose address this is."""
        return await self._one(connection, self.by_address, {"address": address})

    async def at(self, connection: Connection, place: str) -> Found | None:
        """Whose entry this is."""
        search = Search(place, "base", ANYTHING.encoded(), self.shape.attributes, TWO)
        return await self._person(connection, await self._only(connection, search, place))

    async def _one(self, connection: Connection, wanted: Filter, values: dict[str, str]) -> Found | None:
        search = Search(self._base, self._scope, wanted.encoded(**values), self.shape.attributes, TWO)
        return await self._person(connection, await self._only(connection, search, filled(wanted, values)))

    async def _only(self, connection: Connection, search: Search, said: str) -> Entry | None:
        entries, result = await connection.search(search, self._seconds)
        step("searched {base} by {filter}: {count} found", base=search.base, filter=said, count=len(entries))
        if len(entries) < TWO:
            successful(result, search.base)
            return entries[0] if entries else None
        names = " and ".join(entry.dn for entry in entries)
        AMBIGUOUS.log(directory=self._directory, filter=said, entries=names)
        raise AccountUnavailable(f"{said} finds more than one")

    async def _person(self, connection: Connection, entry: Entry | None) -> Found | None:
        if entry is None:
            return None
        step("it is {entry}", entry=entry.dn)
        groups = await self._groups_of(connection, entry)
        try:
            person, member = await self._judged(entry, groups)
        except ValueError as unusable:
            UNUSABLE.log(directory=self._directory, entry=entry.dn, reason=str(unusable))
            raise AccountUnavailable(f"{entry.dn}: {unusable}") from None
        about: dict[str, Any] = {
            "account": person.account,
            "name": person.name,
            "groups": ", ".join(person.groups) or "(none)",
        }
        step("the account is {account}, known as {name}, in the groups {groups}", **about)
        if not person.enabled:
            step("the entry says that this person may not log in")
        if self._wanted_group and not member:
            step("not in the group {group}: nobody here", group=self._wanted_group)
            return None
        return person

    async def _judged(self, entry: Entry, groups: list[str]) -> tuple[Found, bool]:
        """And whether it is in the group that is wanted."""

        def judged() -> tuple[Found, bool]:
            return self.shape.person(entry, groups, now), self._member(groups)

        now = self._clock.now()
        values = len(groups) + sum(map(len, entry.attributes.values()))
        return await self._threads.run(judged) if values > MANY else judged()

    async def _groups_of(self, connection: Connection, entry: Entry) -> list[str]:
        """Their DNs."""
        if not self._groups:
            return texts(entry.attributes, "memberOf")
        values = self._about(entry)
        search = Search(self._group_base, "sub", self._groups.encoded(**values), ("1.1",), MOST_GROUPS)
        entries, result = await connection.search(search, self._seconds)
        said = filled(self._groups, values)
        step("searched {base} by {filter}: {count} groups", base=search.base, filter=said, count=len(entries))
        successful(result, search.base)
        return [one.dn for one in entries]

    def _about(self, entry: Entry) -> dict[str, str]:
        uid = (texts(entry.attributes, "uid") or texts(entry.attributes, "sAMAccountName") or [_NO_VALUE])[0]
        gid = (texts(entry.attributes, "gidNumber") or [_NO_VALUE])[0]
        local, _, domain = uid.rpartition("@") if "@" in uid else (uid, "", self.domain)
        return {"dn": entry.dn, "uid": uid, "gid": gid, "name": uid, "local": local, "domain": domain}

    def _member(self, groups: list[str]) -> bool:
        wanted = self._wanted_group
        if "=" in wanted:
            return any(dn.same(group, wanted) for group in groups)
        return any(dn.first_value(group).casefold() == wanted.casefold() for group in groups)


def successful(result: Result, base: str) -> None:
    if result.code:
        raise failed(result, f"searching below {base}")


def filled(wanted: Filter, values: dict[str, str]) -> str:
    """For the log."""
    text = str(wanted)
    for name, value in values.items():
        text = text.replace(f"{{{name}}}", _shown(value))
    return text


def _shown(value: str) -> str:
    """rfc4515#3"""
    return "".join(
        f"\\{ord(char):02x}" if char in "()*\\" else char if char.isprintable() else "?" for char in value
    )
