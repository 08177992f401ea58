"""The DN of somebody, made of a login name: `uid={local},ou=people,dc=example,dc=org`.  rfc4514"""

import re
import unicodedata
from typing import ClassVar, Self

from mailtwist.auth.directories.ldap.dn import escaped, parts

NOT_A_TEMPLATE = (
    '"{text}" is not the DN of somebody; write one with a place for the name:'
    ' "uid={{local}},ou=people,dc=example,dc=org", or "{{name}}" alone'
)
_PLACE = re.compile(r"\{([^{}]*)\}")
_KNOWN = ("name", "local", "domain")
_ALONE = ("{name}", "{local}@{domain}")


class Template(str):
    """A DN with places for `{name}`, `{local}` and `{domain}`; or what Active Directory takes in place of a
    DN."""

    kind: ClassVar[str] = "a DN with a place for the name"

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        places = _PLACE.findall(text)
        if not places or not set(places) <= set(_KNOWN) or not {"name", "local"} & set(places):
            raise ValueError(NOT_A_TEMPLATE.format(text=text))
        if text not in _ALONE and not all(name for name, _ in parts(text)):
            raise ValueError(NOT_A_TEMPLATE.format(text=text))
        return cls(text)

    @property
    def alone(self) -> bool:
        """It is no DN, but a name as the client typed it."""
        return str(self) in _ALONE

    def filled(self, name: str) -> str:
        """For this login name; '' when there can be no such DN: nothing in a name is ever more than a
        name, or when the server might take it for another spelling of one: it would be two accounts here."""
        local, _, domain = name.rpartition("@") if "@" in name else (name, "", "")
        if _folded_there(local) or (self.alone and not local.isascii()):
            return ""
        if self.alone:
            return "" if not domain or set(name) & set(',=+<>;"\\#') else name
        values = {"name": name, "local": local, "domain": domain}
        return _PLACE.sub(lambda found: escaped(values[found[1]]), self)


def _folded_there(local: str) -> bool:
    """What LDAP compares as something else, and we do not: sharp s, final sigma, joiners that are not seen
    (rfc4518#2.2)."""
    return local != local.casefold() or any(unicodedata.category(char) == "Cf" for char in local)
