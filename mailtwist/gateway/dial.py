"""A server behind us is reached: which of several hosts, at which address, with PROXY header and TLS."""

import re
from collections.abc import Callable, Collection, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, Literal, Self, cast

from mailtwist.config.places import File
from mailtwist.gateway.api import Guest, Kind
from mailtwist.gateway.health import Checks, Health, Visit
from mailtwist.kit import outgoing
from mailtwist.kit.clock import Clock, process_clock
from mailtwist.kit.connecting import NotConnected, connected, connected_to_path
from mailtwist.kit.events import Event
from mailtwist.kit.resolver import Resolves
from mailtwist.kit.spawn import together
from mailtwist.kit.steps import step
from mailtwist.kit.trouble import Trouble
from mailtwist.protocols.client import Call
from mailtwist.protocols.proxy import ClientTls, Place, header_v1, header_v2
from mailtwist.state.records import Backend
from mailtwist.tls.outbound import Outbound

HOPS = 4
"""Through so many gateways a client has come when it is told that it goes round in circles."""

ADDRESSES = 4
"""Of one host that are tried for one client."""

ANSWER_TIME = 30.0
"""Seconds that an answer may take, once there is a connection; whoever calls may say less."""

CHECK_TIME = 30.0
"""Seconds that a check may take after the connection was made."""

LOOP = Event(
    "upstream.loop",
    "[upstream:{upstream}] {address} has come through {hops} gateways: its hosts lead back to us, or to"
    " others that send us their clients",
    "error",
)

Security = Literal["implicit", "starttls", "plain"]
Learn = Callable[[Kind, "Dialled"], Coroutine[Any, Any, None]]

_WAY = re.compile(r"([0-9]{1,5})\s+(implicit|starttls|plain)")


class NotReached(Trouble):
    """No host is to be had; the detail has the reasons, by host."""

    def __init__(self, upstream: str, kind: Kind, reasons: Sequence[str]) -> None:
        said = "; ".join(reasons) or "no host is left"
        super().__init__(
            "4.4.1", "The server behind cannot be reached", f"[upstream:{upstream}] {kind}: {said}"
        )


@dataclass(frozen=True, slots=True)
class Way:
    """How a kind is reached: a port with what is spoken there, or the path of a Unix socket."""

    kind: ClassVar[str] = "a way to a server"

    port: int
    security: Security
    path: File | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        if text.startswith("unix:") and len(text) > len("unix:"):
            return cls(0, "plain", File.parse(text.removeprefix("unix:")))
        found = _WAY.fullmatch(text.strip())
        if found is None or not 0 < int(found[1]) < 65536:
            raise ValueError(
                f'"{text}" is not a way to a server; write "993 implicit" (TLS from the beginning),'
                ' "143 starttls", "143 plain", or for LMTP "unix:/path"'
            )
        return cls(int(found[1]), cast(Security, found[2]))

    def within(self, folder: Path) -> Self:
        return type(self)(0, "plain", self.path.within(folder)) if self.path else self

    def __str__(self) -> str:
        return f"unix:{self.path}" if self.path else f"{self.port} {self.security}"


@dataclass(frozen=True, slots=True)
class Reach:
    """How hard it is tried.  `connections` is the most to one host, 0 any number; the others as in
    `gateway.health`, in seconds."""

    proxy: Literal["none", "v1", "v2"] = "none"
    connect_time: float = 10.0
    check_every: float = 30.0
    troubles: int = 3
    pause: float = 5.0
    connections: int = 0


class Dialled(Call):
    """A call to `host`.  Whoever talks there says in the end how it went: `answered` or `troubled`."""

    def __init__(self, where: str, clock: Clock, patience: float, host: str, way: Way, kind: Kind) -> None:
        super().__init__(where, clock, patience)
        self.host = host
        self.way = way
        self.kind = kind
        self.visit: Visit | None = None
        self.secure_by: Outbound | None = None

    async def secure(self) -> None:
        """TLS, and the certificate is right: for STARTTLS, once the server has said yes to it.  `Trouble`."""
        assert self.secure_by is not None
        await self.start_tls(self.secure_by.context(self.host))
        step("TLS is spoken, and the certificate is one for {host}", host=self.host)

    def answered(self) -> None:
        """The server has done its work: somebody was served, or refused for a reason of his own."""
        if (visit := self._over()) is not None:
            visit.answered()

    def troubled(self, why: str) -> None:
        """It has not."""
        if (visit := self._over()) is not None:
            visit.troubled(why)
            visit.left()

    def _over(self) -> Visit | None:
        visit, self.visit = self.visit, None
        return visit


class Host:
    """One of a pool: how many connections there are, and how each of its ports is."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.connections = 0
        self.last = 0
        self.health: dict[Kind, Health] = {}
        self._failed: dict[str, float] = {}

    def ordered(self, addresses: Sequence[str], now: float) -> list[str]:
        """Those that failed in the last minute come last."""
        return sorted(addresses, key=lambda one: self._failed.get(one, 0.0) > now)[:ADDRESSES]

    def failed(self, address: str, now: float) -> None:
        self._failed = {one: until for one, until in self._failed.items() if until > now}
        self._failed[address] = now + 60


async def nobody() -> Collection[str]:
    """Hosts that get nobody new: none."""
    return ()


async def unnoted(backends: Sequence[Backend]) -> None:
    """Nobody wants to know how they are."""


class Pool:
    """The hosts of one `[upstream:...]`, which hold the same mail.  A new client goes to the host with the
    fewest connections, of those that are well, not drained and not full, and to one where somebody has just
    had trouble only if there is no other (it has the fewest because it loses them); to the next one when that
    cannot be reached.  Nothing was said then that could not be said twice.

    `drained` says which hosts get nobody new, `note` is told how all are after each round of checks."""

    def __init__(
        self,
        name: str,
        hosts: Sequence[str],
        ways: Mapping[Kind, Way],
        reach: Reach,
        outbound: Outbound,
        resolver: Resolves,
        clock: Clock | None = None,
        drained: Callable[[], Coroutine[Any, Any, Collection[str]]] = nobody,
        note: Callable[[Sequence[Backend]], Coroutine[Any, Any, None]] = unnoted,
    ) -> None:
        self.name = name
        self.ways = ways
        self._clock = clock or process_clock()
        self._reach = reach
        self._outbound = outbound
        self._resolver = resolver
        self._drained = drained
        self._note = note
        self._turn = 0
        self._learn: Learn | None = None
        self.hosts = [Host(host) for host in hosts]
        for host in self.hosts:
            for kind, way in ways.items():
                where = _where(host.name, way)
                host.health[kind] = Health(name, where, self._clock, reach.troubles, reach.pause)
        self._checks = Checks(self._clock, reach.check_every, self.check)

    def start(self, learn: Learn) -> None:
        """Hosts are checked from now on; `learn` talks to them: `Trouble` when something is wrong."""
        self._learn = learn
        self._checks.start()

    async def stop(self) -> None:
        self._checks.stop()
        await self._note(())

    async def call(self, kind: Kind, guest: Guest, who: str = "") -> Dialled:
        """A connection, with TLS where that comes first.  `who` is the account, or else the client's address:
        what counts as one client when there is trouble.  `NotReached`."""
        self._leads_on(kind, guest)
        drained = await self._drained()
        reasons: dict[str, str] = {}
        end = self._clock.seconds() + 3 * self._reach.connect_time
        while (host := self._next(kind, drained, reasons)) is not None and self._clock.seconds() < end:
            visit = host.health[kind].enter(who or guest.address)
            try:
                call = await self._called(host, kind, guest, visit)
            except Trouble as trouble:
                visit.troubled(_reason(trouble))
                visit.left()
                self._checks.soon()
                reasons[host.name] = f"{host.health[kind].where}: {_reason(trouble)}"
                step("{reason}", reason=reasons[host.name])
            except BaseException:
                visit.left()
                raise
            else:
                return call
        raise NotReached(self.name, kind, list(reasons.values()))

    async def ready(self, kind: Kind, guest: Guest) -> None:
        """`NotReached` when `call` would try no host."""
        self._leads_on(kind, guest)
        reasons: dict[str, str] = {}
        if not self._well(kind, await self._drained(), reasons):
            raise NotReached(self.name, kind, list(reasons.values()))

    def _leads_on(self, kind: Kind, guest: Guest) -> None:
        if guest.hops >= HOPS:
            LOOP.log(upstream=self.name, address=guest.address, hops=guest.hops)
            raise NotReached(self.name, kind, [f"{guest.address} has come through {guest.hops} gateways"])

    def _next(self, kind: Kind, drained: Collection[str], reasons: dict[str, str]) -> Host | None:
        """Where to go; for others `reasons` says why not."""
        found = self._well(kind, drained, reasons)
        if not found:
            return None
        chosen = min(found, key=lambda one: (one.health[kind].doubted, one.connections, one.last))
        self._turn += 1
        chosen.last = self._turn
        return chosen

    def _well(self, kind: Kind, drained: Collection[str], reasons: dict[str, str]) -> list[Host]:
        """Hosts that may be tried; for others `reasons` says why not."""
        most = self._reach.connections
        found: list[Host] = []
        for host in self.hosts:
            health = host.health[kind]
            if host.name in reasons:
                continue
            if host.name.lower() in drained:
                reasons[host.name] = f"{health.where} is drained"
            elif not health.ready:
                reasons[host.name] = f"{health.where} is left alone: {health.reason}"
            elif most and host.connections >= most:
                reasons[host.name] = f"{health.where} has {most} connections already"
            else:
                found.append(host)
        return found

    async def _called(self, host: Host, kind: Kind, guest: Guest, visit: Visit | None) -> Dialled:
        """A call that counts as one of the host's until it ends; a check, without a `visit`, does not."""
        count = int(visit is not None)
        host.connections += count
        try:
            call = await self._connected(host, kind)
        except BaseException:
            host.connections -= count
            raise
        call.visit, call.secure_by = visit, self._outbound
        call.ended = partial(_ended, call, host, count, _remembered(call, guest.hops + 1))
        step("connected to {where} for {kind}", where=_where(host.name, call.way), kind=kind)
        try:
            self._introduce(call, guest)
            if call.way.security == "implicit":
                await call.secure()
            call.patience = ANSWER_TIME
        except BaseException:
            call.abort()
            raise
        return call

    async def _connected(self, host: Host, kind: Kind) -> Dialled:
        way, seconds = self.ways[kind], self._reach.connect_time
        call = self._dialled(host, kind)
        if way.path is not None:
            await connected_to_path(call, way.path, seconds)
            return call
        trouble: Trouble | None = None
        now = self._clock.seconds
        for address in host.ordered(await self._resolver.addresses(host.name), now()):
            call = self._dialled(host, kind)
            try:
                await connected(call, address, way.port, seconds)
            except NotConnected as failed:
                host.failed(address, now())
                trouble = NotConnected(call.where, f"{address}: {failed.why}")
            else:
                return call
        assert trouble is not None
        raise trouble

    def _dialled(self, host: Host, kind: Kind) -> Dialled:
        way = self.ways[kind]
        return Dialled(_where(host.name, way), self._clock, self._reach.connect_time, host.name, way, kind)

    def _introduce(self, call: Dialled, guest: Guest) -> None:
        """The PROXY header comes before everything else."""
        source = Place(guest.address, guest.peer.port) if guest.address else None
        there = (
            Place(guest.peer.server_address, guest.peer.server_port) if guest.peer.server_address else None
        )
        if self._reach.proxy == "v1":
            call.write(header_v1(source, there))
        elif self._reach.proxy == "v2":
            call.write(
                header_v2(
                    source,
                    there,
                    authority=guest.peer.server_name,
                    unique=guest.connection.encode(),
                    tls=ClientTls() if guest.tls else None,
                    hops=guest.hops + 1,
                )
            )

    # -- checks
    async def check(self) -> None:
        """Every port of every host, once."""
        await together(*(self._check_host(host) for host in self.hosts))
        now = self._clock.now()
        await self._note([self._backend(host, kind, now) for host in self.hosts for kind in self.ways])

    def _backend(self, host: Host, kind: Kind, now: float) -> Backend:
        health = host.health[kind]
        return Backend(
            self.name, host.name, kind, health.up, health.reason, health.since, now, host.connections
        )

    async def _check_host(self, host: Host) -> None:
        for kind in self.ways:
            try:
                await self._check_port(host, kind)
            except Trouble as trouble:
                host.health[kind].checked(_reason(trouble))
            else:
                host.health[kind].checked("")

    async def _check_port(self, host: Host, kind: Kind) -> None:
        call = await self._called(host, kind, Guest(), None)
        call.until = self._clock.seconds() + CHECK_TIME
        try:
            if self._learn is not None:
                await self._learn(kind, call)
        except BaseException:
            call.abort()
            raise
        call.close()


def _where(host: str, way: Way) -> str:
    if way.path is not None:
        return str(way)
    return f"[{host}]:{way.port}" if ":" in host else f"{host}:{way.port}"


def _reason(trouble: Trouble) -> str:
    """Without the name of who has it, where that is known apart."""
    why = getattr(trouble, "why", "") or trouble.detail or trouble.public
    return str(why)


def _remembered(call: Dialled, hops: int) -> Callable[[], None] | None:
    """Our end of a TCP connection is known while it lasts."""
    name = call.transport.socket.getsockname()
    return None if isinstance(name, str | bytes) else outgoing.made(name[0], name[1], hops)


def _ended(call: Dialled, host: Host, count: int, forget: Callable[[], None] | None) -> None:
    host.connections -= count
    if forget is not None:
        forget()
    if call.visit is not None:
        call.visit.left()
        call.visit = None
