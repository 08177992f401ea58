"""Listed proxies say who the client is; nobody else comes in, and nothing is left in between."""

import shutil
import socket
import ssl
import tempfile
from pathlib import Path

from twisted.internet import reactor
from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock, deferLater
from twisted.internet.threads import deferToThread
from twisted.logger import globalLogPublisher
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase, TestCase

from mailtwist.app.assemble import Assembled
from mailtwist.auth.api import Peer
from mailtwist.config.load import BadConfig, load_text
from mailtwist.config.network import Networks
from mailtwist.kit.spawn import started
from mailtwist.protocols.proxy import ClientTls, Place, header_v1, header_v2
from mailtwist.protocols.server import encrypted, peer, spoken_tls
from mailtwist.services.door import Door, Guest
from mailtwist.services.limits import Connections
from mailtwist.services.proxied import PATIENCE_FOR_A_HEADER, Introduced, ProxyDoor
from mailtwist.testing.wire import Wire

ANN, HERE = Place("203.0.113.9", 51234), Place("192.0.2.25", 143)
HEADER = header_v1(ANN, HERE)


class Ticking(Clock):
    def later(self, seconds, call, *args):
        return self.callLater(seconds, call, *args)


class Echo(Guest):
    def connectionMade(self):
        self.turns.write(b"hello\r\n")
        super().connectionMade()

    async def turn(self, line):
        self.turns.write(line + b"!\r\n")

    def farewell(self):
        self.turns.write(b"bye\r\n")


class BehindAProxy(SynchronousTestCase):
    def setUp(self):
        self.clock = Ticking()
        self.told = []
        globalLogPublisher.addObserver(self.told.append)
        self.addCleanup(globalLogPublisher.removeObserver, self.told.append)
        self.made()

    def made(self, most=100, trusted="", believed=False, clients=None, waiting=100):
        networks = Networks.parse(trusted) if trusted else Networks()
        held = Connections(most, most, most)
        self.door = Door("x", Echo, held, b"421 full", networks, self.clock, clients)
        proxies = Networks.parse("192.0.2.1, 2001:db8::/64")
        self.proxied = ProxyDoor("x", self.door, proxies, self.clock, believed=believed, most=waiting)

    def come(self, host="192.0.2.1"):
        """The wire; None when the connection is closed at once."""
        kind = IPv6Address if ":" in host else IPv4Address
        address = kind("TCP", host, 1) if host else UNIXAddress(None)
        introduced = self.proxied.buildProtocol(address)
        return None if introduced is None else Wire(introduced, address=host)

    def events(self, name):
        return [event for event in self.told if event.get("event_id") == name]

    def test_nothing_is_said_before_the_header_is_whole(self):
        wire = self.come()
        for octet in HEADER[:-1]:
            wire.send(bytes([octet]))
        self.assertEqual((wire.read(), self.door.present), (b"", set()))
        wire.send(HEADER[-1:])
        self.assertEqual(wire.read(), b"hello\r\n")

    def test_the_client_is_the_one_of_the_header(self):
        for header in (HEADER, header_v2(ANN, HERE)):
            wire = self.come("2001:db8::7")
            wire.send(header)
            self.assertEqual(wire.protocol.address, ANN.address)
            self.assertEqual(wire.front.source, ANN)

    def test_nothing_stays_in_between(self):
        wire = self.come()
        wire.send(HEADER)
        self.assertIsInstance(wire.protocol, Echo)
        self.assertEqual(self.proxied.waiting, set())
        self.assertEqual(
            [call for call in self.clock.getDelayedCalls() if call.func.__name__ == "_refused"], []
        )

    def test_what_comes_with_the_header_is_the_clients(self):
        wire = self.come()
        wire.send(HEADER + b"one\r\ntwo\r\n")
        self.assertEqual(wire.read(), b"hello\r\none!\r\ntwo!\r\n")

    def test_who_is_not_listed_may_not_connect(self):
        self.assertIsNone(self.come("192.0.2.2"))
        self.assertIsNone(self.come(ANN.address))
        self.assertEqual([event["address"] for event in self.events("proxy.not_listed")], ["192.0.2.2"])

    def test_what_is_no_header_is_the_end_without_a_word(self):
        for octets in (b"EHLO x\r\n", b"\x16\x03\x01", HEADER.replace(b"TCP4", b"TCP5")):
            self.clock.advance(1)
            wire = self.come()
            wire.send(octets)
            self.assertEqual((wire.read(), wire.aborted), (b"", True))
        self.assertEqual(len(self.events("proxy.not_a_header")), 3)
        self.assertEqual((self.door.present, self.proxied.waiting), (set(), set()))

    def test_who_says_nothing_is_cut_off(self):
        wire = self.come()
        wire.send(HEADER[:20])
        self.clock.advance(PATIENCE_FOR_A_HEADER - 0.1)
        self.assertFalse(wire.aborted)
        self.clock.advance(0.1)
        self.assertTrue(wire.aborted)

    def test_patience_covers_a_lost_packet(self):
        self.assertGreaterEqual(PATIENCE_FOR_A_HEADER, 3)

    def test_who_goes_leaves_nothing_behind(self):
        wire = self.come()
        wire.hang_up()
        self.assertEqual((self.clock.getDelayedCalls(), self.proxied.waiting), ([], set()))

    def test_not_too_many_wait(self):
        self.made(waiting=2)
        first, _ = self.come(), self.come()
        self.assertIsNone(self.come())
        first.send(HEADER)
        self.assertIsNotNone(self.come())

    def test_when_the_service_ends_nobody_waits(self):
        wires = [self.come(), self.come()]
        self.proxied.cut()
        self.assertEqual([wire.aborted for wire in wires], [True, True])

    def test_clients_are_counted_and_not_the_proxy(self):
        held = Connections(1, 1, 100)
        self.door = self.proxied.factory = Door("x", Echo, held, b"421 full", Networks(), self.clock)
        heard = []
        for address in ("203.0.113.1", "198.51.100.1", "203.0.113.1"):
            wire = self.come()
            wire.send(header_v1(Place(address, 1), HERE))
            heard.append(wire.read())
        self.assertEqual(heard, [b"hello\r\n", b"hello\r\n", b"421 full\r\n"])

    def test_networks_that_may_connect_are_those_of_clients(self):
        self.made(clients=Networks.parse("203.0.113.0/24"))
        wires = [self.come(), self.come()]
        wires[0].send(HEADER)
        wires[1].send(header_v1(Place("198.51.100.1", 1), HERE))
        self.assertEqual(wires[0].read(), b"hello\r\n")
        self.assertIn(b"554 5.7.1", wires[1].read())

    def test_trusted_is_who_the_client_is(self):
        self.made(most=1, trusted="192.0.2.1")
        wires = [self.come() for _ in range(3)]
        wires[0].send(HEADER)
        wires[1].send(HEADER)
        self.assertEqual([wires[0].read(), wires[1].read()], [b"hello\r\n", b"421 full\r\n"])
        wires[2].send(header_v1(Place("192.0.2.1", 1), HERE))
        self.assertEqual(wires[2].read(), b"hello\r\n")

    def test_health_checks_are_the_proxys_own(self):
        for header in (header_v1(), header_v2()):
            wire = self.come()
            wire.send(header)
            self.assertEqual(wire.protocol.address, "192.0.2.1")
            self.assertFalse(hasattr(wire, "front"))

    def test_a_unix_socket_is_a_proxys_too(self):
        wire = self.come("")
        self.assertIsInstance(wire.protocol, Introduced)
        wire.send(HEADER)
        self.assertEqual(wire.protocol.address, ANN.address)

    def test_a_client_of_a_unix_socket_has_no_address(self):
        self.made(trusted="192.0.2.1")
        wire = self.come()
        wire.send(header_v2(Place("unix:/run/a"), Place("unix:/run/b")))
        self.assertEqual((wire.protocol.address, wire.protocol.counted), ("", True))

    def test_tls_that_ended_in_front_counts_only_if_told(self):
        header = header_v2(
            ANN, HERE, authority="mail.example", hops=3, tls=ClientTls(version="TLSv1.3", cipher="X")
        )
        for believed in (False, True):
            self.made(believed=believed)
            wire = self.come()
            wire.send(header)
            self.assertEqual(encrypted(wire), believed)
            self.assertEqual(spoken_tls(wire), "TLSv1.3 X" if believed else "")
            self.assertEqual((peer(wire).server_name, peer(wire).hops), ("mail.example", 3))

    def test_a_client_that_spoke_no_tls_in_front_does_not_count(self):
        self.made(believed=True)
        for tls in (None, ClientTls(encrypted=False)):
            wire = self.come()
            wire.send(header_v2(ANN, HERE, tls=tls))
            self.assertFalse(encrypted(wire))

    def test_of_a_header_only_what_is_asked_for_later_is_kept(self):
        wire = self.come()
        wire.send(header_v2(ANN, HERE, unique=b"id", alpn=b"imap", extras=[(0xE9, b"x" * 5000)]))
        self.assertEqual((wire.front.extras, wire.front.unique, wire.front.alpn), ((), b"", b""))

    def test_a_door_that_has_no_room_hears_nothing_more(self):
        self.made(most=1)
        self.come().send(HEADER)
        wire = self.come()
        wire.send(HEADER + b"EHLO x\r\n")
        self.assertEqual(wire.read(), b"421 full\r\n")
        wire.protocol.connectionLost(Failure(ConnectionDone()))


class RealSockets(TestCase):
    """A whole service: settings, port, transport."""

    def setUp(self):
        self.folder = Path(self.mktemp())
        self.folder.mkdir()

    def built(self, *lines, listen="127.0.0.1:0"):
        ini = f"[server]\nstate = {self.folder.absolute()}\nhostname = mail.example.test\n"
        ini += "[store:memory]\n[target:mailbox]\nstore = memory\n[tls:own]\ntype = self_signed\n"
        ini += "\n".join(["[service:x]", "type = smtp", f"listen = {listen}", *lines])
        assembled = Assembled(load_text(ini))
        assembled.build()
        return assembled

    async def served(self, *lines, listen="127.0.0.1:0"):
        assembled = self.built(*lines, listen=listen)
        assembled.make_folder()
        await assembled.start()
        self.addCleanup(lambda: started(assembled.stop()))
        return assembled.part("service", "x")

    def connected(self, service):
        where = service.places[0]
        unix = where.startswith("/")
        client = socket.socket(socket.AF_UNIX if unix else socket.AF_INET)
        client.settimeout(10)
        client.connect(where if unix else ("127.0.0.1", int(where.rpartition(":")[2])))
        self.addCleanup(client.close)
        return client

    def greeted(self, client, *, starttls=False, implicit=False):
        """The first line of what is heard after the header, or after the last handshake."""
        context = ssl._create_unverified_context()
        client.sendall(HEADER)
        if implicit:
            client = context.wrap_socket(client, server_hostname="mail.example.test")
            self.addCleanup(client.close)
        heard = client.recv(1000)
        if starttls:
            for words in (b"EHLO x\r\n", b"STARTTLS\r\n"):
                client.sendall(words)
                client.recv(1000)
            client = context.wrap_socket(client, server_hostname="mail.example.test")
            self.addCleanup(client.close)
            client.sendall(b"NOOP\r\n")
            heard = client.recv(1000)
        return heard

    async def test_the_client_is_known_to_transport_and_server(self):
        for lines, how, name in (
            ([], {}, ""),
            (["tls = own"], {"starttls": True}, "mail.example.test"),
            (["tls = own", "tls_mode = implicit"], {"implicit": True}, "mail.example.test"),
        ):
            service = await self.served("proxy_protocol = 127.0.0.1", *lines)
            heard = await deferToThread(self.greeted, self.connected(service), **how)
            self.assertEqual(heard[:1], b"2")
            (guest,) = service.present
            self.assertEqual(guest.address, ANN.address)
            self.assertEqual(guest.transport.getPeer(), IPv4Address("TCP", *ANN))
            self.assertEqual(guest.transport.getHost(), IPv4Address("TCP", *HERE))
            self.assertEqual(peer(guest.transport), Peer(ANN.port, HERE.address, HERE.port, name))
            self.assertEqual(encrypted(guest.transport), bool(how))

    async def test_without_a_proxy_it_is_who_connects(self):
        service = await self.served()
        client = self.connected(service)
        await deferToThread(client.recv, 1000)
        (guest,) = service.present
        here, there = client.getsockname(), client.getpeername()
        self.assertEqual(peer(guest.transport), Peer(here[1], *there))
        self.assertEqual(guest.transport.getPeer(), IPv4Address("TCP", *here))

    def silence(self, client, *said):
        """What is heard until the end, which may be a hard one."""
        try:
            for words in said:
                client.sendall(words)
            return client.makefile("rb").read()
        except (ConnectionResetError, BrokenPipeError):
            return b""

    async def test_who_sends_no_header_hears_nothing(self):
        service = await self.served("proxy_protocol = 127.0.0.1")
        client = self.connected(service)
        self.assertEqual(await deferToThread(self.silence, client, b"EHLO x\r\nQUIT\r\n"), b"")

    async def test_who_is_not_listed_hears_nothing(self):
        service = await self.served("proxy_protocol = 192.0.2.1")
        client = self.connected(service)
        self.assertEqual(await deferToThread(self.silence, client, HEADER, b"QUIT\r\n"), b"")

    async def test_a_unix_socket(self):
        short = tempfile.mkdtemp()  # a socket's path has at most 107 octets
        self.addCleanup(shutil.rmtree, short)
        service = await self.served("proxy_protocol = 192.0.2.1", listen=f"unix:{short}/smtp")
        heard = await deferToThread(self.greeted, self.connected(service))
        self.assertEqual(heard[:3], b"220")
        (guest,) = service.present
        self.assertEqual(guest.address, ANN.address)

    async def test_a_service_that_ends_does_not_wait_for_headers(self):
        service = await self.served("proxy_protocol = 127.0.0.1")
        client = self.connected(service)
        client.sendall(HEADER[:10])
        while not service._introduced.waiting:
            await deferLater(reactor, 0.01)
        await service.finish(60)
        self.assertEqual(await deferToThread(self.silence, client), b"")

    def test_settings_that_let_anybody_be_anybody(self):
        for line, words in (
            ("proxy_protocol = 0.0.0.0/0", "anybody could say"),
            ("proxy_protocol = ::/0", "anybody could say"),
            ("proxy_protocol_tls = yes", 'needs "proxy_protocol"'),
        ):
            self.assertIn(words, str(self.assertRaises(BadConfig, self.built, line)))
