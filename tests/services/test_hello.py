"""What a client says first matters: proofs for authorities, names that are refused, and nobody else minds."""

from typing import Any

from OpenSSL import SSL
from twisted.internet import reactor
from twisted.internet.address import IPv4Address
from twisted.internet.protocol import Protocol, ServerFactory
from twisted.protocols.policies import WrappingFactory

from mailtwist.config.network import Endpoint, Networks
from mailtwist.kit.clock import SystemClock
from mailtwist.protocols.proxy import Place, header_v1
from mailtwist.services.hello import MOST_HEARD, MOST_SHOWN, MOST_TOLD, PATIENCE_FOR_A_HELLO, HelloDoor
from mailtwist.services.listen import bind, serve
from mailtwist.services.proxied import ProxyDoor
from mailtwist.services.sockets import TlsFactory
from mailtwist.testing.clock import ManualClock
from mailtwist.testing.wire import Wire
from mailtwist.tls.listener import ALERT, Policy
from tests.hearing import heard
from tests.tls.client import Asking, connected
from tests.tls.made import Authority
from tests.tls.test_contexts import OverLoopback, Raw, contexts
from tests.tls.test_hello import said_by_openssl

NAME = "mx.example.org"
PROOF = b"".join(Authority().leaf(NAME, common="proof"))
VERSIONS = ("-tls1_2", "-tls1_3")


class Imap(Protocol):
    alpn = (b"imap",)
    here: set[Any]

    def connectionMade(self) -> None:
        self.factory.here.add(self)
        self.transport.write(b"* OK\r\n")

    def dataReceived(self, data: bytes) -> None:
        self.transport.write(data)

    def connectionLost(self, reason: object) -> None:
        self.factory.here.discard(self)


class Clear(Imap):
    """Answers `STARTTLS`."""

    def dataReceived(self, data: bytes) -> None:
        if data.startswith(b"EHLO"):
            self.transport.write(b"250-x\r\n250 STARTTLS\r\n")
        elif data.startswith(b"STARTTLS"):
            self.transport.write(b"220 go\r\n")
            self.transport.startTLS(self.factory.listener)
        else:
            super().dataReceived(data)

    def connectionMade(self) -> None:
        self.factory.here.add(self)
        self.transport.write(b"220 x ESMTP\r\n")


class Doors(OverLoopback):
    def served(self, policy: Policy = Policy(strict=True)) -> int:
        """The port of a service that begins with TLS."""
        self.contexts = contexts(default_name=NAME)
        self.listener = self.contexts.listener(policy, "imaps")
        self.factory = self._factory(Imap)
        self.door = HelloDoor(TlsFactory(self.listener, False, self.factory), self.listener, SystemClock())
        return self._port(self.door)

    def in_clear(self, policy: Policy) -> int:
        self.contexts = contexts(default_name=NAME)
        self.listener = self.contexts.listener(policy, "smtp")
        self.factory = self._factory(Clear)
        return self._port(self.factory)

    def _factory(self, protocol: type[Protocol]) -> Any:
        made: Any = ServerFactory.forProtocol(protocol)
        made.noisy, made.here, made.listener = False, set(), self.listener
        return made

    def _port(self, factory: Any) -> int:
        (bound,) = bind(Endpoint("127.0.0.1", 0))
        port = serve(bound, factory)

        def cut() -> None:
            for one in list(self.factory.here):
                one.transport.abortConnection()

        self.addCleanup(port.stopListening)
        self.addCleanup(cut)
        return port.getHost().port


class Proofs(Doors):
    async def test_an_authority_sees_the_proof_and_is_gone(self) -> None:
        port = self.served()
        self.contexts.prove(NAME, PROOF)
        events = heard(self)
        for version in VERSIONS:
            said = await self.openssl(port, version, "-servername", NAME, "-alpn", "acme-tls/1")
            self.assertIn("subject=CN = proof", said)
            self.assertIn("ALPN protocol: acme-tls/1", said)
            self.assertNotIn("* OK", said)
        told = [(one["service"], one["name"]) for one in events if one["event_id"] == "tls.proof_shown"]
        self.assertEqual(told, [("imaps", NAME)] * 2)

    async def test_it_says_nothing_in_it(self) -> None:
        port = self.served()
        self.contexts.prove(NAME, PROOF)
        client = await connected(port, Asking(NAME.encode(), [b"acme-tls/1"]))
        client.transport.write(b"a NOOP\r\n")
        self.assertEqual(await client.shaken, "proof")
        await client.gone
        self.assertEqual(client.heard, b"")

    async def test_everybody_else_is_served_as_always_meanwhile(self) -> None:
        port = self.served()
        before = await connected(port, Asking(NAME.encode()))
        await before.until(b"* OK")
        self.contexts.prove(NAME, PROOF)
        for version in VERSIONS:
            for name, common in ((NAME, "mx"), ("imap.example.org", "wide"), ("elsewhere.example", "mx")):
                said = await self.openssl(port, version, "-servername", name, "-alpn", "imap")
                self.assertIn(f"subject=CN = {common}\n", said)
                self.assertIn("ALPN protocol: imap", said)
            self.assertIn("subject=CN = mx\n", await self.openssl(port, version, "-noservername"))
        before.transport.write(b"still here")
        self.assertIn(b"still here", await before.until(b"still here"))

    async def test_nobody_sees_it_who_does_not_ask_for_just_that(self) -> None:
        port = self.served()
        self.contexts.prove(NAME, PROOF)
        for version in VERSIONS:
            for name, alpn in (
                (("-servername", "imap.example.org"), "acme-tls/1"),
                (("-noservername",), "acme-tls/1"),
                (("-servername", NAME), "acme-tls/1,h2"),
            ):
                said = await self.openssl(port, version, *name, "-alpn", alpn)
                self.assertIn("alert number 120", said)
                self.assertNotIn("proof", said)
        said = await self.openssl(port, "-servername", NAME, "-alpn", "acme-tls/1,imap")
        self.assertIn("subject=CN = mx\n", said)

    async def test_when_it_is_proved_nothing_is_left(self) -> None:
        port = self.served()
        self.contexts.prove(NAME, PROOF)
        self.contexts.proved(NAME)
        said = await self.openssl(port, "-servername", NAME, "-alpn", "acme-tls/1")
        self.assertIn("alert number 120", said)

    async def test_a_long_hello_may_come_in_pieces(self) -> None:
        port = self.served()
        self.contexts.prove("other.example", PROOF)
        for cut in (1, 4, 5, 6, 700, -1):
            client = await connected(port, _InPieces(NAME.encode(), cut))
            self.assertEqual(await client.shaken, "mx")
            client.transport.loseConnection()
            await client.gone


class _InPieces(Asking):
    """Its first octets come alone."""

    def __init__(self, name: bytes, cut: int) -> None:
        super().__init__(name)
        self._cut = cut

    def clientConnectionForTLS(self, protocol: Any) -> SSL.Connection:
        connection, cut = super().clientConnectionForTLS(protocol), self._cut
        read = connection.bio_read

        def some(size: int) -> bytes:
            octets = read(size)
            connection.bio_read = read
            protocol.transport.setTcpNoDelay(True)
            protocol.transport.write(octets[:cut])
            reactor.callLater(0.01, protocol.transport.write, octets[cut:])
            return b""

        connection.bio_read = some
        return connection


class Refused(Doors):
    async def test_who_is_refused_hears_unrecognized_name(self) -> None:
        port = self.served(Policy(missing="reject", unknown="reject"))
        for version in VERSIONS:
            for name in (("-noservername",), ("-servername", "elsewhere.example")):
                said = await self.openssl(port, version, *name)
                self.assertIn("alert number 112", said)
                self.assertNotIn("BEGIN CERTIFICATE", said)
            for name, common in (("MX.example.org.", "mx"), ("imap.example.org", "wide")):
                self.assertIn(
                    f"subject=CN = {common}\n", await self.openssl(port, version, "-servername", name)
                )
        self.assertEqual(self.contexts.found, {"missing": 2, "unknown": 2, "exact": 2, "wildcard": 2})

    async def test_after_starttls_too(self) -> None:
        port = self.in_clear(Policy(unknown="reject"))
        for version in VERSIONS:
            starttls = "-starttls", "smtp", version
            said = await self.openssl(port, *starttls, "-servername", "elsewhere.example")
            self.assertIn("alert number 112", said)
            self.assertNotIn("BEGIN CERTIFICATE", said)
            for name in (("-servername", "mx.example.org."), ("-noservername",)):
                self.assertIn("subject=CN = mx\n", await self.openssl(port, *starttls, *name))

    async def test_what_is_no_hello_is_openssls(self) -> None:
        port = self.served(Policy(missing="reject", unknown="reject"))
        self.assertEqual(await self.answer(port, b"GET / HTTP/1.1\r\n\r\n"), b"")
        junk = await self.answer(port, b"\x16\x03\x01\x00\x05junk!")
        self.assertEqual((junk[:1], junk[6:]), (b"\x15", b"\x0a"))  # unexpected_message

    async def answer(self, port: int, said: bytes) -> bytes:
        factory = Raw(said)
        reactor.connectTCP("127.0.0.1", port, factory)
        return await factory.answer


class InMemory(OverLoopback):
    def setUp(self) -> None:
        self.clock = ManualClock()
        self.contexts = contexts()
        self.listener = self.contexts.listener(Policy(unknown="reject"), "imaps")
        inner: Any = ServerFactory.forProtocol(Imap)
        inner.here = set()
        self.inner = inner
        self.door = HelloDoor(TlsFactory(self.listener, False, inner), self.listener, self.clock)

    def wire(self) -> Wire:
        return Wire(self.door.buildProtocol(None))

    def test_the_alert_is_all_that_is_said(self) -> None:
        wire = self.wire()
        wire.send(said_by_openssl("-servername", "elsewhere.example"))
        self.assertEqual((wire.read(), wire.disconnecting), (ALERT, True))
        wire.hang_up()
        self.assertEqual((self.inner.here, self.door.waiting), (set(), {}))
        self.assertEqual(self.clock.reactor.getDelayedCalls(), [])

    def test_who_says_nothing_is_cut_off(self) -> None:
        wire = self.wire()
        wire.send(b"\x16\x03\x01")
        self.clock.advance(PATIENCE_FOR_A_HELLO)
        self.assertTrue(wire.aborted)

    def test_who_leaves_leaves_nothing(self) -> None:
        wire = self.wire()
        wire.send(b"\x16\x03\x01")
        wire.hang_up()
        self.assertEqual((self.door.waiting, self.clock.reactor.getDelayedCalls()), ({}, []))

    def test_when_the_service_ends_nobody_waits(self) -> None:
        wire = self.wire()
        self.door.cut()
        self.assertTrue(wire.aborted)

    def test_behind_a_proxy_it_is_the_clients_network_that_counts(self) -> None:
        door = ProxyDoor("imaps", self.door, Networks.parse("192.0.2.1"), self.clock)
        wire = Wire(door.buildProtocol(IPv4Address("TCP", "192.0.2.1", 1)))
        header = header_v1(Place("203.0.113.9", 51234), Place("192.0.2.25", 993))
        hello = said_by_openssl("-servername", "elsewhere.example")
        wire.send(header + hello[:100])
        self.assertEqual(len(self.door.waiting), 1)
        wire.send(hello[100:])
        self.assertEqual((wire.read(), wire.disconnecting), (ALERT, True))
        self.assertEqual([one.name for one in self.contexts.nameless.networks], ["203.0.113.0/24"])
        wire.hang_up()

    def test_with_too_many_openssl_decides_of_the_slowest(self) -> None:
        slow = self.wire()
        hello = said_by_openssl("-servername", "elsewhere.example")
        slow.send(hello[:100])
        waiting = [self.wire() for _ in range(MOST_HEARD)]
        self.assertEqual(len(self.door.waiting), MOST_HEARD)
        slow.send(hello[100:])
        self.assertEqual(slow.read(), ALERT[:-1] + b"\x28")
        for one in (*waiting, slow):
            one.hang_up()

    def test_silent_connections_keep_no_authority_away(self) -> None:
        self.contexts.prove(NAME, PROOF)
        waiting = [self.wire() for _ in range(MOST_HEARD + 10)]
        authority = self.wire()
        authority.send(said_by_openssl("-servername", NAME, "-alpn", "acme-tls/1"))
        self.assertEqual(len(self.door.looking), 1)
        for one in (*waiting, authority):
            one.hang_up()
        self.assertEqual((len(self.door.waiting), len(self.door.looking)), (0, 0))
        self.assertEqual(self.clock.reactor.getDelayedCalls(), [])

    def test_of_too_many_that_look_at_a_proof_the_oldest_goes(self) -> None:
        self.contexts.prove(NAME, PROOF)
        events = heard(self)
        hello = said_by_openssl("-servername", NAME, "-alpn", "acme-tls/1")
        wires = [self.wire() for _ in range(MOST_SHOWN + 1)]
        for one in wires:
            one.send(hello)
        self.assertEqual([one.aborted for one in wires], [True] + [False] * MOST_SHOWN)
        told = [one for one in events if one["event_id"] == "tls.proof_shown"]
        self.assertEqual(len(told), MOST_TOLD)
        self.door.cut()
        self.assertTrue(all(one.aborted for one in wires))
        self.assertEqual((len(self.door.looking), self.clock.reactor.getDelayedCalls()), (0, []))

    def test_without_a_reason_nothing_is_heard(self) -> None:
        listener = self.contexts.listener(Policy())
        inner = TlsFactory(listener, False, self.inner)
        self.assertIsInstance(inner, WrappingFactory)
        made = HelloDoor(inner, listener, self.clock).buildProtocol(None)
        self.assertIs(type(made), TlsFactory.protocol)
