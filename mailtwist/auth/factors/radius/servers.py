"""Several RADIUS servers in their order: the first that answers decides."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from typing import ClassVar, Self

from mailtwist.auth.factors.radius.packets import Answer, Fact, Facts
from mailtwist.auth.factors.radius.server import Server, Silent
from mailtwist.config.network import Hostname
from mailtwist.config.problems import shown
from mailtwist.config.words import repeated, split
from mailtwist.kit.clock import Clock
from mailtwist.kit.resolver import Resolves, Unresolved
from mailtwist.kit.spawn import abreast
from mailtwist.kit.steps import step
from mailtwist.kit.within import TooLate, within

PORT = 1812
NAMES = 2.0
"""Seconds in which the addresses of a server have to be known."""

TRIES = b"mailtwist-check"
"""The name that is asked about when nobody logs in."""

NO_PLACE = (
    '"{text}" is no RADIUS server; write "radius.example.org", "192.0.2.1:1812" or "[2001:db8::1]:1812"'
)
PLACE_TWICE = '"{text}" is there twice; write it once'

_PLACE = re.compile(r"(?:\[(?P<six>[0-9A-Fa-f:.]+)\]|(?P<host>[^\s:\[\]]+))(?::(?P<port>[0-9]{1,5}))?")


@dataclass(frozen=True, slots=True)
class Place:
    """A host, by name or address, and its port."""

    host: str
    port: int = PORT

    @classmethod
    def parse(cls, text: str) -> Self:
        found = _PLACE.fullmatch(text)
        port = int(found["port"] or PORT) if found else 0
        if not found or not 0 < port < 65536:
            raise ValueError(NO_PLACE.format(text=shown(text)))
        try:
            return cls(_host(found["six"], found["host"]), port)
        except ValueError:
            raise ValueError(NO_PLACE.format(text=shown(text))) from None

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def _host(six: str | None, host: str) -> str:
    if six is None and not host.rpartition(".")[2].isdigit():
        return Hostname.parse(host)
    return str(ip_address(six or host))


class Places(tuple[Place, ...]):
    """RADIUS servers, none twice; written with commas or on lines of their own."""

    kind: ClassVar[str] = "RADIUS servers"

    @classmethod
    def parse(cls, text: str) -> Self:
        found = cls(map(Place.parse, split(text)))
        if twice := repeated(found):
            raise ValueError(PLACE_TWICE.format(text=twice))
        return found

    def __str__(self) -> str:
        return ", ".join(map(str, self))


class Servers:
    """`made` makes the server at an address and port; names are asked for again and again, and may have other
    addresses each time."""

    def __init__(
        self, places: Sequence[Place], made: Callable[[str, int], Server], names: Resolves, clock: Clock
    ) -> None:
        self._places = places
        self._made = made
        self._names = names
        self._clock = clock
        self._known: dict[tuple[str, int], Server] = {}

    async def ask(self, facts: Facts, password: str, failover: float, seconds: float) -> Answer:
        """Within `seconds` in all.  Who is silent for `failover` is left for the next one, and comes last for
        a while.  `Silent` says what became of each, and whether the one that was to answer lives."""
        ends = self._clock.seconds() + seconds
        there, said = await self._there()
        for server in (ordered := sorted(there, key=lambda one: not one.awake)):
            left = ends - self._clock.seconds()
            if left <= 0:
                break
            step("asking {server}", server=server.name)
            try:
                return await server.ask(facts, password, failover, left, server is ordered[-1])
            except Silent as silent:
                said.append(silent.why)
                if silent.lives:
                    raise Silent("; ".join(said), lives=True) from None
        raise Silent("; ".join(said) or f"no server has answered in {seconds:g} s")

    async def tried(self, seconds: float) -> list[str]:
        """What is wrong with each of them: sentences."""
        there, said = await self._there()
        for server in there:
            try:
                await server.ask([(Fact.USER_NAME, TRIES)], "000000", seconds, seconds)
            except Silent as silent:
                said.append(silent.why)
        return said

    async def _there(self) -> tuple[list[Server], list[str]]:
        """The servers, and why some have no address."""
        said: list[str] = []
        found = await abreast(*(self._addresses(place, said) for place in self._places))
        there = list(dict.fromkeys(at for several in found for at in several))
        self._known = {at: one for at, one in self._known.items() if at in there or one.sources}
        return [self._server(at) for at in there], said

    async def _addresses(self, place: Place, said: list[str]) -> list[tuple[str, int]]:
        try:
            addresses = await within(self._clock, NAMES, self._names.addresses(place.host))
        except Unresolved as unresolved:
            why = unresolved.why
        except TooLate:
            why = f"no address within {NAMES:g} s"
        else:
            return [(address, place.port) for address in addresses]
        said.append(f"{place}: {why}")
        step("{place}: {why}", place=place, why=why)
        return []

    def _server(self, at: tuple[str, int]) -> Server:
        if at not in self._known:
            self._known[at] = self._made(*at)
        return self._known[at]

    def stop(self) -> None:
        for server in self._known.values():
            server.stop()
