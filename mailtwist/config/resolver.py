"""The section [resolver]: whom this server asks about names, and whether it believes their DNSSEC."""

import re
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Annotated, ClassVar, Self

from mailtwist.config.problems import Sentence
from mailtwist.config.settings import setting
from mailtwist.config.values import AtLeast, AtMost, Duration
from mailtwist.config.words import repeated, split
from mailtwist.kit.dns_records import Server

NOT_A_RESOLVER = Sentence(
    "dns-server",
    '"{text}" is not the address of a DNS server; write "127.0.0.1", "127.0.0.1:5353" or "[::1]:5353"',
)
RESOLVER_TWICE = Sentence("dns-server-twice", '"{text}" is there twice; write it once')

_WITH_PORT = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([0-9.]+)):([0-9]{1,5})")


class DnsServer(Server):
    """The address of a DNS server; without a port, that of `port` is meant."""

    kind: ClassVar[str] = "a DNS server"

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        found = _WITH_PORT.fullmatch(text)
        address, port = (found[1] or found[2], int(found[3])) if found else (text, 0)
        try:
            plain = str(ip_address(address))
        except ValueError:
            raise NOT_A_RESOLVER.wrong(text=text) from None
        if port > 65535 or (found and not port):
            raise NOT_A_RESOLVER.wrong(text=text)
        return cls(plain, port)

    def __str__(self) -> str:
        if not self.port:
            return self.address
        return f"[{self.address}]:{self.port}" if ":" in self.address else f"{self.address}:{self.port}"


class DnsServers(tuple[DnsServer, ...]):
    """Addresses of DNS servers; written with commas or on lines of their own."""

    kind: ClassVar[str] = "DNS servers"

    @classmethod
    def parse(cls, text: str) -> Self:
        found = cls(map(DnsServer.parse, split(text)))
        if twice := repeated(found):
            raise RESOLVER_TWICE.wrong(text=twice)
        return found

    def __str__(self) -> str:
        return ", ".join(map(str, self))


@dataclass(frozen=True)
class ResolverSettings:
    """Whom this server asks about names other than those it connects to: MX, TLSA, CAA, TXT. The section may
    be left out."""

    servers: DnsServers = setting(
        DnsServers(),
        words="The resolvers, each with a port or not; by default those in /etc/resolv.conf.",
        example="127.0.0.1",
    )
    trust_ad: bool = setting(
        False,
        words="The resolvers validate DNSSEC, and nobody stands between them and this server: what they call"
        " secure is believed (rfc6840#5.7). Say so only of a resolver on this machine, or behind a wire of"
        " your own.",
    )
    timeout: Annotated[Duration, AtLeast(1), AtMost(60)] = setting(
        Duration(10), words="How long the resolvers have for one question."
    )
    port: Annotated[int, AtLeast(1), AtMost(65535)] = setting(
        53,
        words="The port of the resolvers, and of the servers of a zone when they are asked directly (whether"
        " a record that was just written is everywhere). Another one than 53 is for tests.",
    )
