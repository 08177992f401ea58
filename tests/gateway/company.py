"""A whole gateway as a company has it: people in two LDAP servers, codes of ours, a Dovecot behind."""

from typing import Any

from tests.auth.directories.replicas import First, Second
from tests.auth.directories.slapd import PEOPLE as BELOW
from tests.auth.directories.slapd import READER, READER_PASSWORD, entry_changed, person
from tests.backends import shared
from tests.gateway.whole import Gateway

DOMAIN = "example.org"
_PEOPLE = f"""
[login]
default_domain = {DOMAIN}
refusal = 0.3 s
quantum = 0.1 s

[domain:{DOMAIN}]
netbios = EXAMPLE

[directory:people]
type = ldap
servers = {{servers}}
roots = {{root}}
bind_dn = {READER}
bind_password = {READER_PASSWORD}
base = {BELOW}
domains = {DOMAIN}
timeout = 10 s
"""


class Company(Gateway):
    """Its second directory follows the first.  `more` are more sections."""

    domain = DOMAIN

    def __init__(self, more: str = "") -> None:
        self.first = First()
        self.first.start()
        self.second = Second(self.first)
        self.second.start()
        servers = f"{self.first.url}, {self.second.url}"
        people = _PEOPLE.format(servers=servers, root=self.first.certificate.root)
        super().__init__(shared.dovecot(), people=people, service="upstream = inside", more=more)

    def admit(self, address: str, password: str) -> None:
        """Dovecot and both directories know it, and its other address `other.NAME@`."""
        super().admit(address, password)
        name = address.partition("@")[0]
        its: dict[str, Any] = {
            "mail": address,
            "mailAlternateAddress": f"other.{address}",
            "userPassword": password,
        }
        self.first.change(person(name, **its), "-a")
        self.second.follows()

    def change(self, address: str, password: str) -> None:
        """There and behind, it is another one."""
        change = entry_changed(self.dn(address), "replace", userPassword=password)
        self.first.change(change)
        self.second.follows()
        self.home.add(address, password)

    def dn(self, address: str) -> str:
        return f"uid={address.partition('@')[0]},{BELOW}"

    def binds(self, address: str) -> int:
        """How often a password of it was tried."""
        words = f' BIND dn="{self.dn(address)}" method=128'
        return self.first.log.count(words) + self.second.log.count(words)

    def end(self) -> None:
        try:
            super().end()
        finally:
            self.second.stop()
            self.first.stop()
