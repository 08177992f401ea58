"""A handshake has its time, in every service, however long a client may think that has done its part."""

from pathlib import Path
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol
from twisted.internet.protocol import Protocol
from twisted.trial.unittest import TestCase

from mailtwist.app.assemble import Assembled
from mailtwist.config.load import load
from mailtwist.services.door import PATIENCE_FOR_A_HANDSHAKE
from mailtwist.services.service import MailService
from mailtwist.testing.clock import ManualClock
from mailtwist.testing.wire import Wire
from tests.services.test_alpn import HOST, Shaken
from tests.tls.test_contexts import MX

INI = f"""{HOST}
[service:x]
listen = 127.0.0.1:0
tls = main
"""
KINDS = {
    "imap": ("store = mail", b"a STARTTLS\r\n", b"a OK "),
    "pop3": ("store = mail", b"STLS\r\n", b"+OK Begin"),
    "smtp": ("", b"EHLO x\r\nSTARTTLS\r\n", b"220 2.0.0"),
    "submission": ("", b"EHLO x\r\nSTARTTLS\r\n", b"220 2.0.0"),
}


class InTime(TestCase):
    def service(self, kind: str, mode: str) -> MailService:
        folder = Path(self.mktemp())
        folder.mkdir()
        path = folder / "x.ini"
        path.write_text(f"{INI}type = {kind}\ntls_mode = {mode}\n{KINDS[kind][0]}\n")
        self.clock = ManualClock()
        house = Assembled(load(path), clock=self.clock)
        self.addCleanup(house.threads.stop)
        house.part("tls", "main").serve([MX])
        made: MailService = house.part("service", "x")
        return made

    def test_where_tls_begins_the_connection(self) -> None:
        for kind in KINDS:
            service = self.service(kind, "implicit")
            silent, slow = (Wire(service._factory.buildProtocol(None)) for _ in range(2))
            slow.send(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")
            self.clock.advance(PATIENCE_FOR_A_HANDSHAKE / 2)
            self.assertFalse(silent.aborted or slow.aborted, kind)
            slow.send(bytes(100))
            self.clock.advance(PATIENCE_FOR_A_HANDSHAKE / 2)
            self.assertTrue(silent.aborted and slow.aborted, kind)
            self.assertEqual((len(service.door.present), len(service.door._connections)), (0, 0), kind)

    def test_who_has_done_his_part_may_think(self) -> None:
        service = self.service("submission", "implicit")
        client = Shaken(service._factory, (), finish=True)
        self.clock.advance(PATIENCE_FOR_A_HANDSHAKE + 1)
        client.say(b"NOOP\r\n")
        self.assertTrue(client.heard.endswith(b"250 2.0.0 Ok\r\n"), client.heard)
        client.wire.hang_up()
        self.assertEqual(self.clock.reactor.getDelayedCalls(), [])

    async def test_after_starttls(self) -> None:
        for kind, (_, words, begins) in KINDS.items():
            service = self.service(kind, "starttls")
            await service.start()
            self.addCleanup(service.stop)
            host, port = service.places[0].rsplit(":", 1)
            client = await connectProtocol(TCP4ClientEndpoint(reactor, host, int(port)), Hearing())
            client.transport.write(words)
            await client.until(begins)
            self.clock.advance(PATIENCE_FOR_A_HANDSHAKE)
            await client.gone.addTimeout(20, reactor)


class Hearing(Protocol):
    transport: Any

    def __init__(self) -> None:
        self.gone: Deferred[None] = Deferred()
        self._heard = b""
        self._wait: tuple[bytes, Deferred[None]] = b"", Deferred()

    def until(self, words: bytes) -> Deferred[None]:
        self._wait = words, Deferred()
        self.dataReceived(b"")
        return self._wait[1].addTimeout(20, reactor)

    def dataReceived(self, data: bytes) -> None:
        self._heard += data
        words, wait = self._wait
        if words in self._heard and not wait.called:
            wait.callback(None)

    def connectionLost(self, reason: Any = None) -> None:
        self.gone.callback(None)
