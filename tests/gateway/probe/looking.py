"""A probe of a real server, or of one whose every octet is said by the test."""

from collections.abc import Sequence
from pathlib import Path

from twisted.internet import reactor
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.internet.task import LoopingCall
from twisted.python.failure import Failure
from twisted.trial.unittest import TestCase

from mailtwist.gateway.api import Kind
from mailtwist.gateway.probe.found import Port, Report
from mailtwist.gateway.probe.host import probed
from mailtwist.gateway.probe.trying import Plan
from mailtwist.tls.outbound import Outbound
from tests.backends.server import Server

KINDS: dict[str, Kind] = {
    "imap": "imap",
    "imaps": "imap",
    "imap-proxied": "imap",
    "pop3": "pop3",
    "pop3s": "pop3",
    "submission": "submission",
    "submissions": "submission",
    "smtp": "smtp",
    "sieve": "sieve",
    "lmtp": "lmtp",
}


def plan(
    roots: Path | None = None,
    *,
    host: str = "localhost",
    seconds: float = 5.0,
    pins: tuple[str, ...] = (),
    try_proxy: bool = False,
) -> Plan:
    outbound = Outbound(roots=roots)
    return Plan(
        host, ("127.0.0.1",), outbound, "gw.example.test", seconds=seconds, pins=pins, try_proxy=try_proxy
    )


def doors(server: Server, *names: str) -> dict[Kind, list[int]]:
    """The ports of these doors, or of all, by kind."""
    found: dict[Kind, list[int]] = {}
    for name in names or [name for name in KINDS if name != "imap-proxied"]:
        if name in server.ports:
            found.setdefault(KINDS[name], []).append(server.ports[name])
    return found


async def report_of(server: Server, *names: str) -> Report:
    return await probed(plan(server.root), doors(server, *names))


class Saying(Protocol):
    """Says something as soon as somebody connects, and one more thing to each piece of what it hears; with
    `drip`, the first again and again, so many seconds apart."""

    def __init__(self, first: bytes, answers: Sequence[bytes], drip: float = 0.0) -> None:
        self.first, self.answers, self.drip = first, list(answers), drip
        self.dripping = LoopingCall(lambda: self.transport.write(first))

    def connectionMade(self) -> None:
        self.transport.write(self.first)
        if self.drip:
            self.dripping.start(self.drip)

    def dataReceived(self, data: bytes) -> None:
        if self.answers:
            self.transport.write(self.answers.pop(0))

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if self.dripping.running:
            self.dripping.stop()


class HostileCase(TestCase):
    """`await self.seen("imap", b"* OK\\r\\n", ...)`: what is found out about a server that says these."""

    timeout = 180

    async def seen(
        self, kind: Kind, first: bytes, *answers: bytes, seconds: float = 1.0, drip: float = 0.0
    ) -> Port:
        factory = Factory.forProtocol(lambda: Saying(first, answers, drip))
        factory.noisy = False
        listening = reactor.listenTCP(0, factory, interface="127.0.0.1")
        self.addCleanup(listening.stopListening)
        report = await probed(plan(seconds=seconds), {kind: [listening.getHost().port]})
        (port,) = report.ports
        return port
