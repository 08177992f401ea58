"""The part `[upstream:x] type = server`, begun, in front of one of the real servers."""

from pathlib import Path
from typing import Any

from twisted.internet import reactor
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from mailtwist.auth.api import LoginRequest, Peer
from mailtwist.config.values import File, Names
from mailtwist.gateway.api import Errand, Guest, Kind
from mailtwist.gateway.dial import Way
from mailtwist.gateway.upstream.server import Server, part
from mailtwist.gateway.upstream.settings import Settings
from mailtwist.kit.clock import SystemClock
from mailtwist.testing.assembly import OnePart

NAME = "ann@example.org"
GUEST = Guest(
    "203.0.113.5", Peer(51234, "192.0.2.1", 993), tls=True, client="client.example", connection="c1"
)


def assembly(test: TestCase, **more: Any) -> OnePart:
    folder = Path(test.mktemp())
    folder.mkdir(parents=True)
    made = OnePart(folder, clock=SystemClock(), name="behind", **more)
    test.addCleanup(made.stop)
    return made


async def begun(test: TestCase, real: Any, security: str = "plain", **more: Any) -> Server:
    """The upstream in front of `real`; `more` are settings."""
    ways = {
        kind: Way.parse(f"{real.ports[kind]} {security}")
        for kind in ("imap", "pop3", "submission", "sieve", "lmtp")
        if kind in real.ports
    }
    given: dict[str, Any] = {"hosts": Names(("127.0.0.1",)), **ways, **more}
    if security != "plain":
        given["roots"] = File(real.root)
    settings = Settings(**{name: value for name, value in given.items() if value is not None})
    house = assembly(test)
    server: Server = part.build(settings, house)
    await house.start()
    await server.start()
    test.addCleanup(server.stop)
    test.addCleanup(nothing_left, test, server)
    return server


async def nothing_left(test: TestCase, server: Server, seconds: float = 10.0) -> None:
    """Every connection that the upstream has made is over, or will be in a moment."""
    for _ in range(int(seconds / 0.01)):
        if not connections(server):
            return
        await deferLater(reactor, 0.01)
    test.fail(f"{connections(server)} connections are left")


async def came_from(real: Any, name: str) -> str:
    """The address that the server has in its log."""
    while not (found := real.logins(name)):
        await deferLater(reactor, 0.01)
    return str(found[0]["rip"])


def connections(server: Server) -> int:
    pool: Any = server._pool
    return sum(host.connections for host in pool.hosts)


def errand(kind: Kind, password: bytes, name: str = NAME, guest: Guest = GUEST, **more: Any) -> Errand:
    return Errand(kind, name, name, more.pop("typed", name.encode()), password, guest, **more)


def request(protocol: Any = "imap", name: str = NAME, **more: Any) -> LoginRequest:
    return LoginRequest(protocol, name.encode(), b"secret", "203.0.113.5", tls=True, **more)
