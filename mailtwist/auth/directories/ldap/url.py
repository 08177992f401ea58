"""Where an LDAP server is: `ldap://`, `ldaps://` and `ldapi://`.  rfc4516"""

import re
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import ClassVar, Literal, Self, cast
from urllib.parse import unquote

from mailtwist.config.network import Hostname
from mailtwist.config.words import repeated, split

NOT_A_URL = (
    '"{text}" is not the URL of an LDAP server; write "ldap://ldap.example.org", "ldaps://ldap.example.org:636"'
    ' or "ldapi:///run/slapd/ldapi", without a base'
)
URL_TWICE = '"{text}" is there twice; write it once'

Scheme = Literal["ldap", "ldaps", "ldapi"]
_PORTS = {"ldap": 389, "ldaps": 636}
_URL = re.compile(r"(ldaps?)://(\[[0-9A-Fa-f:.]+\]|[^\[\]:/?\s]+)(?::([0-9]{1,5}))?/?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Url:
    """A host and a port, or the `path` of a Unix socket."""

    kind: ClassVar[str] = "the URL of an LDAP server"

    scheme: Scheme
    host: str
    port: int
    path: Path | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        if (
            text.lower().startswith("ldapi://")
            and (path := unquote(text[8:])).startswith("/")
            and len(path) > 1
        ):
            return cls("ldapi", "", 0, Path(path))
        found = _URL.fullmatch(text)
        if found is None:
            raise ValueError(NOT_A_URL.format(text=text))
        scheme = cast(Scheme, found[1].lower())
        port = int(found[3] or _PORTS[scheme])
        if not 0 < port < 65536:
            raise ValueError(NOT_A_URL.format(text=text))
        return cls(scheme, _host(found[2], text), port)

    @property
    def near(self) -> bool:
        """Nobody is between us and it."""
        if self.path is not None or self.host == "localhost":
            return True
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return False

    def __str__(self) -> str:
        if self.path is not None:
            return f"ldapi://{self.path}"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}" + ("" if self.port == _PORTS[self.scheme] else f":{self.port}")


class Urls(tuple[Url, ...]):
    """Servers in the order in which they are asked; written with commas or on lines of their own."""

    kind: ClassVar[str] = "URLs of LDAP servers"

    @classmethod
    def parse(cls, text: str) -> Self:
        found = cls(Url.parse(item) for item in split(text))
        if twice := repeated(found):
            raise ValueError(URL_TWICE.format(text=twice))
        return found

    def __str__(self) -> str:
        return ", ".join(map(str, self))


def _host(host: str, text: str) -> str:
    try:
        return str(ip_address(host.strip("[]")))
    except ValueError:
        if host.startswith("["):
            raise ValueError(NOT_A_URL.format(text=text)) from None
    return str(Hostname.parse(host))
