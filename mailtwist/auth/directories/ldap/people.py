"""An entry of an LDAP server as a person."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from mailtwist.auth.api import Person
from mailtwist.auth.directories.accounts import account_of
from mailtwist.auth.directories.ldap import dn, schemas
from mailtwist.auth.directories.ldap.messages import Entry
from mailtwist.auth.names import BadName, canonical

MOST = 2000
"""Values of one attribute that can be read."""


@dataclass(frozen=True, slots=True)
class Found(Person):
    """A person with the place of the entry, for the bind that follows."""

    dn: str = field(default="", compare=False, repr=False)
    directory: str = field(default="", compare=False, repr=False)
    """Its section: the DN means nothing to another."""


@dataclass(frozen=True, slots=True)
class Shape:
    """Which attributes say what about people.  Addresses outside `domains` are not theirs here, if there
    are any; `domain` is added to names that have none."""

    id_attribute: tuple[str, ...]
    login_attribute: tuple[str, ...]
    mail_attributes: tuple[str, ...]
    domains: frozenset[str]
    domain: str
    directory: str = ""

    @property
    def attributes(self) -> tuple[str, ...]:
        """All that is asked for."""
        own = (*self.id_attribute, *self.login_attribute, *self.mail_attributes)
        return tuple(dict.fromkeys((*own, *schemas.STATE, "memberOf", "uid", "gidNumber")))

    def person(self, entry: Entry, groups: Iterable[str], now: float) -> Found:
        """ValueError with a sentence when it can be nobody's entry."""
        names = (*self.login_attribute, *self.mail_attributes)
        if any(len(entry.attributes.get(one.lower(), ())) > MOST for one in names):
            raise ValueError(f"an attribute of it has more than {MOST} values")
        account = schemas.identity(entry.attributes, self.id_attribute)
        if not account:
            raise ValueError(
                f'it has no {" or ".join(self.id_attribute)}, or several; write another "id_attribute"'
            )
        if "@" in account and not self._has(account):
            raise ValueError(f"its account would be {account}: somebody of a domain that is not in `domains`")
        name = self._name(entry)
        disabled = schemas.why_disabled(entry.attributes, now)
        its_groups = tuple(dict.fromkeys(filter(None, map(dn.first_value, groups))))
        its_addresses = self._addresses(entry)
        where = (entry.dn, self.directory)
        return Found(account_of(account), name, its_addresses, not disabled, its_groups, *where)

    def _name(self, entry: Entry) -> str:
        for attribute in self.login_attribute:
            for value in schemas.texts(entry.attributes, attribute):
                try:
                    name = canonical(value, self.domain)
                except BadName:
                    continue
                if "@" not in value or self._has(name):
                    return name
        names = " or ".join(self.login_attribute)
        raise ValueError(f'it has no {names} that can be a login name here; write another "login_attribute"')

    def _addresses(self, entry: Entry) -> tuple[str, ...]:
        found: dict[str, None] = {}
        for value in schemas.addresses(entry.attributes, self.mail_attributes):
            try:
                address = canonical(value)
            except BadName:
                continue
            if "@" in address and self._has(address):
                found[address] = None
        return tuple(found)

    def _has(self, address: str) -> bool:
        """Whoever knows people of these domains says nothing about others."""
        return not self.domains or address.rpartition("@")[2] in self.domains
