"""People in an LDAP server: who they are is searched, passwords are tried by a bind.  rfc4513#5.1"""

import hmac
import secrets
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence

from mailtwist.auth.api import LoginUnavailable, Person
from mailtwist.auth.directories.accounts import account_of
from mailtwist.auth.directories.ldap.connection import Connection, Search
from mailtwist.auth.directories.ldap.dn import escaped
from mailtwist.auth.directories.ldap.lookup import ANYTHING, Lookup, successful
from mailtwist.auth.directories.ldap.people import Found
from mailtwist.auth.directories.ldap.servers import Manner, Servers
from mailtwist.auth.directories.ldap.settings import Settings, lacking, open_ones
from mailtwist.auth.directories.ldap.verdict import RIGHT, WRONG, of_bind
from mailtwist.auth.directories.remembered import Remembered
from mailtwist.auth.names import is_canonical
from mailtwist.config.part import Assembly
from mailtwist.kit.events import Event
from mailtwist.kit.ids import new_id
from mailtwist.kit.resolver import Resolver
from mailtwist.kit.steps import step
from mailtwist.tls.certificates import BadCertificate
from mailtwist.tls.outbound import Outbound

REFUSED = Event("ldap.refused", "[directory:{directory}] {account} is not let in by the server: {reason}")
CLEAR = Event("ldap.clear", "[directory:{directory}] passwords go to {where} in clear", "warn")


UNKNOWN = "unknown"

NOBODYS = "?"
"""With this begin the ids of people that no directory knows (`auth.identity`)."""


class LdapDirectory:
    """`auth.api.Directory`, `SupportsDomains`, `SupportsBinding`.  With `user_dn` everybody in `domains` may
    be somebody, as nobody is searched for."""

    def __init__(self, settings: Settings, assembly: Assembly) -> None:
        if words := lacking(settings)[1]:
            raise ValueError(words)
        self._name = assembly.name
        self._settings = settings
        self._clock = assembly.clock
        self._template = settings.user_dn
        self._domains = frozenset(settings.domains)
        self._default_domain = assembly.login.default_domain
        self.lookup = Lookup(settings, assembly)
        self.servers = Servers(
            assembly.name,
            settings.servers,
            manner(settings),
            Resolver(assembly.clock),
            assembly.clock,
            assembly.threads,
        )
        self._found: Remembered[tuple[str, str], Found | None] = Remembered(
            self._clock.seconds, settings.cache
        )
        self._right: Remembered[bytes, bool] = Remembered(self._clock.seconds, settings.remembered)
        self._key = secrets.token_bytes(32)
        self._nobody = new_id()

    async def start(self) -> None:
        """Nobody is asked before somebody logs in."""
        for url in open_ones(self._settings):
            CLEAR.log(directory=self._name, where=str(url))

    async def stop(self) -> None:
        await self.servers.stop()

    # -- who
    async def find(self, name: str) -> Person | None:
        if not self._answers_for(name):
            return None
        if self._template is not None:
            return self._anybody(name)
        return await self._looked_up("name", name, self.lookup.by_name)

    async def recipient(self, address: str) -> Person | None:
        if "@" not in address or not self._answers_for(address):
            return None
        if self._template is not None:
            return self._anybody(address)
        return await self._looked_up("address", address, self.lookup.by_mail)

    async def domains(self) -> Collection[str]:
        return self._domains or ({self._default_domain} if self._default_domain else ())

    async def _looked_up(
        self, kind: str, what: str, look: Callable[[Connection, str], Awaitable[Found | None]]
    ) -> Found | None:
        known = self._found.get((kind, what), UNKNOWN)
        if not isinstance(known, str):
            return known
        found = await self.servers.ask("search", lambda connection: look(connection, what))
        self._found[kind, what] = found
        return found

    def _answers_for(self, name: str) -> bool:
        """Also not for a name that nobody can have: a server ignores case, and blanks around it."""
        domain = name.rpartition("@")[2] if "@" in name else ""
        if not is_canonical(name):
            return False
        return not self._domains or (domain in self._domains if domain else self._template is None)

    def _anybody(self, name: str) -> Person | None:
        if self._template is None or not self._template.filled(name):
            return None
        return Person(account_of(name), name, (name,))

    # -- passwords
    async def accepts(self, person: Person, password: bytes) -> bool:
        """A bind as the person, on a connection for nothing else.  Somebody who is not here is bound, too,
        where nobody can be."""
        mark = self._mark(person, password)
        if self._right.get(mark, False):
            step("this password was right a while ago, and is remembered")
            return True
        right = await self.bound(person, password)
        if right:
            self._right[mark] = True
        return right

    async def bound(self, person: Person, secret: bytes) -> bool:
        if not secret:
            return False
        place = await self._place(person)
        reason = await self.servers.ask(
            "bind", lambda connection: self._bound(connection, place or self._nowhere(), secret)
        )
        if not place:
            return False
        if reason not in (RIGHT, WRONG):
            REFUSED.log(directory=self._name, account=person.account, reason=reason)
        return reason == RIGHT

    async def attributes(self, person: Person, names: Sequence[str]) -> Mapping[str, tuple[bytes, ...]]:
        if self._template is not None:
            raise LoginUnavailable(f"[directory:{self._name}] with user_dn nothing can be read of people")
        place = await self._place(person)
        if not place:
            return {}
        search = Search(place, "base", ANYTHING.encoded(), names, 1)

        async def read(connection: Connection) -> Mapping[str, tuple[bytes, ...]]:
            entries, result = await connection.search(search, self._settings.timeout)
            successful(result, place)
            return entries[0].attributes if entries else {}

        return await self.servers.ask("search", read)

    async def _bound(self, connection: Connection, place: str, secret: bytes) -> str:
        result = await connection.bind(place, secret, self._settings.timeout)
        reason = of_bind(result)
        step("tried a bind as {place}: {reason}", place=place, reason=reason or "the password is right")
        if reason == RIGHT and self._template is not None and self._settings.require_group:
            return await self._looked_at_self(connection, place)
        return reason

    async def _looked_at_self(self, connection: Connection, place: str) -> str:
        """Nobody else could look."""
        alone = self._template is not None and self._template.alone
        look = self.lookup.by_name if alone else self.lookup.at
        found = await look(connection, place)
        if found is None:
            return "not-in-group"
        return RIGHT if found.enabled else "disabled"

    async def _place(self, person: Person) -> str:
        """The DN of a person that is here; '' for anybody else."""
        if person.account.startswith(NOBODYS):
            return ""
        if isinstance(person, Found) and person.directory == self._name:
            return person.dn
        its = await self.find(person.name)
        if its is None or its.account != person.account:
            return ""
        if isinstance(its, Found):
            return its.dn
        return self._template.filled(person.name) if self._template is not None else ""

    def _nowhere(self) -> str:
        """Where there is nobody."""
        if self._template is not None:
            return self._template.filled(f"{self._nobody}@{self._settings.domains[0]}")
        return f"cn={escaped(self._nobody)},{self._settings.base}"

    def _mark(self, person: Person, password: bytes) -> bytes:
        return hmac.digest(self._key, person.account.encode() + b"\0" + password, "sha256")


def manner(settings: Settings) -> Manner:
    """ValueError with a sentence when a file cannot be used."""
    try:
        outbound = Outbound(settings.roots, certificate=settings.certificate, key=settings.key)
    except BadCertificate as bad:
        raise ValueError(bad.words) from None
    password = settings.bind_password.reveal_octets() if settings.bind_password else b""
    return Manner(
        settings.starttls, outbound, settings.timeout, settings.connections, settings.bind_dn, password
    )
