"""Where to listen, which networks, what hosts are called: values that name something on the network."""

import re
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_interface
from pathlib import Path
from typing import ClassVar, Self

from mailtwist.config.places import File
from mailtwist.config.problems import Sentence
from mailtwist.config.words import repeated, split

NOT_AN_ENDPOINT = Sentence(
    "endpoint",
    '"{text}" is not a place to listen; write "143" (all addresses), "127.0.0.1:143", "[::1]:143", '
    '"localhost:143" or "unix:/path"',
)
NO_BRACKETS = Sentence("endpoint-brackets", 'write "[{host}]:{port}": an IPv6 address has brackets around it')
BAD_PORT = Sentence("endpoint-port", '"{text}": a port is a number from 0 (any free one) to 65535')
ENDPOINT_TWICE = Sentence("endpoint-twice", '"{text}" is there twice; write it once')
NOT_A_NETWORK = Sentence(
    "network", '"{text}" is not a network; write an address, "192.0.2.0/24" or "2001:db8::/32"'
)
HOST_BITS = Sentence("network-host-bits", '"{text}" is an address in a network; write "{network}"')
NOT_A_HOSTNAME = Sentence(
    "hostname", '"{text}" is not a host name; write letters, digits and "-" with dots: "mail.example.org"'
)
HOSTNAME_IS_ADDRESS = Sentence("hostname-address", '"{text}" is an address; write a name: "mail.example.org"')
HOSTNAME_TWICE = Sentence("hostname-twice", '"{text}" is there twice; write it once')

_PORT = re.compile(r"[0-9]{1,5}")
_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
EVERYWHERE = ("::", "0.0.0.0")
LOOPBACK = ("::1", "127.0.0.1")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One place to listen: a host and a port, or the path of a Unix socket.

    `host` is '' for all addresses, `localhost`, or an address as text; port 0 is any free one."""

    kind: ClassVar[str] = "an endpoint"

    host: str
    port: int
    path: File | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        if text.startswith("unix:"):
            if text == "unix:":
                raise NOT_AN_ENDPOINT.wrong(text=text)
            return cls("", 0, File.parse(text[5:]))
        host, colon, port = text.rpartition(":")
        if not colon and not _PORT.fullmatch(port):
            raise NOT_AN_ENDPOINT.wrong(text=text)
        if not _PORT.fullmatch(port) or int(port) > 65535:
            raise BAD_PORT.wrong(text=text)
        return cls(_listening(host, text, port), int(port))

    @property
    def hosts(self) -> tuple[str, ...]:
        """The addresses to bind.  When there are several (`143`, `localhost:143`), those that the system has
        not are left out, and it is trouble only when none can be bound.  An IPv6 socket is bound for IPv6
        alone (IPV6_V6ONLY), or the IPv4 one would find its port taken."""
        if self.path is not None:
            return ()
        return {"": EVERYWHERE, "localhost": LOOPBACK}.get(self.host, (self.host,))

    def within(self, folder: Path) -> Self:
        return type(self)(self.host, self.port, self.path.within(folder)) if self.path else self

    def __str__(self) -> str:
        if self.path is not None:
            return f"unix:{self.path}"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}" if host else str(self.port)


def _listening(host: str, text: str, port: str) -> str:
    if host in ("", "*"):
        return ""
    if host.lower() == "localhost":
        return "localhost"
    inside = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    try:
        address = ip_address(inside)
    except ValueError:
        raise NOT_AN_ENDPOINT.wrong(text=text) from None
    if (address.version == 6) is not (inside is not host):
        raise (
            NOT_AN_ENDPOINT.wrong(text=text)
            if address.version == 4
            else NO_BRACKETS.wrong(host=host, port=port)
        )
    return str(address)


class Endpoints(tuple[Endpoint, ...]):
    """Places to listen, none twice; written with commas or on lines of their own; `none` is nowhere."""

    kind: ClassVar[str] = "endpoints"

    @classmethod
    def parse(cls, text: str) -> Self:
        if text.strip() == "none":
            return cls()
        found = cls(Endpoint.parse(item) for item in split(text))
        if twice := repeated(endpoint for endpoint in found if endpoint.port or endpoint.path):
            raise ENDPOINT_TWICE.wrong(text=twice)
        return found

    def within(self, folder: Path) -> Self:
        return type(self)(endpoint.within(folder) for endpoint in self)

    def __str__(self) -> str:
        return ", ".join(map(str, self)) or "none"


class Networks(tuple[IPv4Network | IPv6Network, ...]):
    """Networks and single addresses; written with commas or on lines of their own."""

    kind: ClassVar[str] = "networks"

    @classmethod
    def parse(cls, text: str) -> Self:
        return cls(map(_network, split(text)))

    def contains(self, address: str) -> bool:
        """An address, as text, lies in one of the networks.  IPv4 in IPv6 (`::ffff:192.0.2.1`) counts as
        IPv4; what is no address lies nowhere."""
        plain = _parsed(address)
        if plain is None:
            return False
        return any(plain in network for network in self if network.version == plain.version)

    def __str__(self) -> str:
        return ", ".join(map(str, self))


@lru_cache(4096)
def _parsed(address: str) -> IPv4Address | IPv6Address | None:
    """None for what is no address."""
    try:
        return _unmapped(ip_address(address.partition("%")[0]))
    except ValueError:
        return None


def _unmapped(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def _network(text: str) -> IPv4Network | IPv6Network:
    try:
        written = ip_interface(text)
    except ValueError:
        raise NOT_A_NETWORK.wrong(text=text) from None
    if written.ip != written.network.network_address:
        raise HOST_BITS.wrong(text=text, network=written.network)
    return written.network


class Hostname(str):
    """The name of a host or a domain: lower case, A-labels, no dot at the end.  rfc5321#2.3.5"""

    kind: ClassVar[str] = "a host name"

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        name = _ascii(text).lower().removesuffix(".")
        labels = name.split(".")
        if len(name) > 253 or not all(map(_LABEL.fullmatch, labels)):
            raise NOT_A_HOSTNAME.wrong(text=text)
        if labels[-1].isdigit():
            raise HOSTNAME_IS_ADDRESS.wrong(text=text)
        return cls(name)


def _ascii(text: str) -> str:
    if text.isascii():
        return text
    try:
        return text[:256].encode("idna").decode("ascii")
    except UnicodeError:
        return text


class Hostnames(tuple[Hostname, ...]):
    """Names of hosts or domains, none twice; written with commas or on lines of their own."""

    kind: ClassVar[str] = "host names"

    @classmethod
    def parse(cls, text: str) -> Self:
        found = cls(map(Hostname.parse, split(text)))
        if twice := repeated(found):
            raise HOSTNAME_TWICE.wrong(text=twice)
        return found

    def __str__(self) -> str:
        return ", ".join(self)


class NamesBelow(tuple[str, ...]):
    """Host names; one that begins with a dot stands for every name below it."""

    kind: ClassVar[str] = "host names"

    @classmethod
    def parse(cls, text: str) -> Self:
        found = ["." * word.startswith(".") + Hostname.parse(word.removeprefix(".")) for word in split(text)]
        if twice := repeated(found):
            raise HOSTNAME_TWICE.wrong(text=twice)
        return cls(found)

    def __str__(self) -> str:
        return ", ".join(self)
