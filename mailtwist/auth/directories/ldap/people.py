"""An entry of an LDAP server as a person."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from mailtwist.auth.api import Person
from mailtwist.auth.directories.accounts import account_of
from mailtwist.auth.directories.ldap import dn, schemas
from mailtwist.auth.directories.ldap.messages import Entry
from mailtwist.auth.names import BadName, canonical


@dataclass(frozen=True, slots=True)
class Found(Person):
    """A person with the place of the entry, for the bind that follows."""

    dn: str = field(default="", compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Shape:
    """Which attributes say what about people.  Addresses outside `domains` are not theirs here, if there
    are any; `domain` is added to names that have none."""

    id_attribute: tuple[str, ...]
    login_attribute: tuple[str, ...]
    mail_attributes: tuple[str, ...]
    domains: frozenset[str]
    domain: str

    @property
    def attributes(self) -> tuple[str, ...]:
        """All that is asked for."""
        own = (*self.id_attribute, *self.login_attribute, *self.mail_attributes)
        return tuple(dict.fromkeys((*own, *schemas.STATE, "memberOf", "uid", "gidNumber")))

    def person(self, entry: Entry, groups: Iterable[str], now: float) -> Found:
        """ValueError with a sentence when it can be nobody's entry."""
        account = schemas.identity(entry.attributes, self.id_attribute)
        if not account:
            raise ValueError(f'it has no {" or ".join(self.id_attribute)}; write another "id_attribute"')
        name = self._name(entry)
        disabled = schemas.why_disabled(entry.attributes, now)
        its_groups = tuple(dict.fromkeys(filter(None, map(dn.first_value, groups))))
        return Found(account_of(account), name, self._addresses(entry), not disabled, its_groups, entry.dn)

    def _name(self, entry: Entry) -> str:
        for attribute in self.login_attribute:
            for value in schemas.texts(entry.attributes, attribute):
                try:
                    return canonical(value, self.domain)
                except BadName:
                    continue
        names = " or ".join(self.login_attribute)
        raise ValueError(f'it has no {names} that can be a login name; write another "login_attribute"')

    def _addresses(self, entry: Entry) -> tuple[str, ...]:
        found: dict[str, None] = {}
        for value in schemas.addresses(entry.attributes, self.mail_attributes):
            try:
                address = canonical(value)
            except BadName:
                continue
            local, at, domain = address.rpartition("@")
            if local and at and (not self.domains or domain in self.domains):
                found[address] = None
        return tuple(found)
