"""A server behind us is reached, over real sockets; or there is a reason why not."""

import socket
from pathlib import Path

from twisted.internet import reactor
from twisted.internet.protocol import ServerFactory
from twisted.trial.unittest import SynchronousTestCase

from mailtwist.gateway.dial import NotReached, Way
from mailtwist.kit.resolver import Resolver, Unresolved
from mailtwist.kit.spawn import started
from mailtwist.kit.threads import Threads
from mailtwist.protocols import proxy
from mailtwist.tls.outbound import Outbound
from tests.gateway.dialling import GUEST, Greeting, PoolCase, Server, later


class Blocks(list):
    """How long each was."""

    def received(self, data):
        self.append(len(data))

    def lost(self):
        """Nobody wants to know."""


class OneHostTests(PoolCase):
    async def test_a_server_is_reached_by_its_name(self):
        server = Server(self, 1)
        call = await self.served(self.pool(f"{server.port} plain"))
        self.assertEqual((call.where, call.host), (f"mail1.inside:{server.port}", "mail1.inside"))
        self.assertFalse(call.encrypted)

    async def test_tls_from_the_beginning_is_there_before_anything_is_said(self):
        server = Server(self, 1, contexts=self.serving("mail1.inside"))
        outbound = Outbound(roots=self.file(self.root.pem))
        call = await self.served(self.pool(f"{server.port} implicit", outbound=outbound))
        self.assertTrue(call.encrypted)

    async def test_much_comes_in_big_blocks_and_little_is_not_held_back(self):
        server = Server(self, 1, greeting=b"* OK ready\r\n" + b"x" * 4_000_000)
        call = await self.served(self.pool(f"{server.port} plain"))
        self.assertTrue(call.transport.getTcpNoDelay())
        blocks = Blocks()
        left = 4_000_000 - len(call.hand_over(blocks))
        while sum(blocks) < left:
            await later()
        self.assertGreaterEqual(max(blocks), 64 * 1024)

    async def test_tls_may_be_made_later(self):
        server = Server(self, 1)
        outbound = Outbound(roots=self.file(self.root.pem))
        call = await self.served(self.pool(f"{server.port} starttls", outbound=outbound))
        server.here[0].transport.startTLS(self.serving("mail1.inside"))
        await call.secure()
        self.assertTrue(call.encrypted)

    async def test_a_wrong_certificate_is_told(self):
        server = Server(self, 1, contexts=self.serving("*.163.com", "163.com"))
        outbound = Outbound(roots=self.file(self.root.pem))
        said = await self.refused(self.pool(f"{server.port} implicit", outbound=outbound))
        self.assertEqual(
            said,
            f"[upstream:inside] imap: mail1.inside:{server.port}: certificate is valid for *.163.com,"
            " 163.com, not mail1.inside",
        )
        self.assertEqual(server.heard, b"")

    async def test_a_server_in_clear_where_tls_should_be_is_told(self):
        server = Server(self, 1)
        said = await self.refused(self.pool(f"{server.port} implicit"))
        self.assertIn("is this the port for STARTTLS?", said)

    async def test_nobody_there_is_told_with_the_address(self):
        with socket.create_server(("127.0.0.1", 0)) as bound:
            port = bound.getsockname()[1]
        said = await self.refused(self.pool(f"{port} plain"))
        self.assertEqual(said, f"[upstream:inside] imap: mail1.inside:{port}: 127.0.0.1: Connection refused")

    async def test_a_name_that_is_not_there_is_told(self):
        said = await self.refused(self.pool("143 plain", "gone.inside"))
        self.assertEqual(said, "[upstream:inside] imap: gone.inside:143: no such name")

    async def test_dns_that_is_away_is_told_and_no_wrong_password(self):
        def away(name):
            raise Unresolved(name, "Temporary failure in name resolution")

        threads = Threads("names", 1)
        self.addCleanup(threads.stop)
        self.names = Resolver(self.clock, away, threads)
        said = await self.refused(self.pool("143 plain"))
        self.assertIn("mail1.inside:143: Temporary failure in name resolution", said)

    async def test_the_next_address_is_tried(self):
        server = Server(self, 1)
        pool = self.pool(f"{server.port} plain", "both.inside")
        call = await self.served(pool)
        self.assertEqual(call.transport.getPeer().host, "127.0.0.1")
        self.assertEqual(pool.hosts[0].ordered(["127.0.0.9", "127.0.0.1"], self.clock.seconds()),
                         ["127.0.0.1", "127.0.0.9"])  # fmt: skip
        self.clock.advance(60)
        self.assertEqual(pool.hosts[0].ordered(["127.0.0.9", "127.0.0.1"], self.clock.seconds()),
                         ["127.0.0.9", "127.0.0.1"])  # fmt: skip

    async def test_a_connection_has_its_time(self):
        full = socket.create_server(("127.0.0.1", 0), backlog=0)
        self.addCleanup(full.close)
        for _ in range(4):  # the kernel takes some, and then answers no more
            one = socket.socket()
            one.setblocking(False)
            one.connect_ex(full.getsockname())
            self.addCleanup(one.close)
        waits = started(self.pool(f"{full.getsockname()[1]} plain", connect_time=7.0).call("imap", GUEST))
        await later()
        self.clock.advance(6.9)
        self.assertNoResult(waits)
        self.clock.advance(0.1)
        error = self.failureResultOf(waits, NotReached).value
        self.assertIn("127.0.0.1: no connection within 7 s", error.detail)

    async def test_who_is_called_off_leaves_nothing(self):
        server = Server(self, 1, contexts=self.serving("mail1.inside"))
        pool = self.pool(f"{server.port} implicit")
        for turns in range(4):
            waits = started(pool.call("imap", GUEST))
            for _ in range(turns):
                await later()
            if not waits.called:
                waits.cancel()
            waits.addErrback(lambda failure: failure.trap(Exception))
            await waits
            await later()
            self.assertEqual((pool.hosts[0].connections, self.clock.reactor.getDelayedCalls()), (0, []))

    async def test_lmtp_may_be_behind_a_unix_socket(self):
        path = Path(self.mktemp()).resolve().name
        server = Server(self, 1)
        factory = ServerFactory.forProtocol(lambda: Greeting(server))
        factory.noisy = False
        port = reactor.listenUNIX(f"/tmp/{path}.net", factory)
        self.addCleanup(port.stopListening)
        pool = self.pool(f"unix:/tmp/{path}.net", kind="lmtp")
        call = await self.served(pool, kind="lmtp")
        self.assertEqual(call.where, f"unix:/tmp/{path}.net")
        await self.gone(call)
        await later()
        said = await self.refused(self.pool("unix:/nonexistent/lmtp", kind="lmtp"), kind="lmtp")
        self.assertIn("unix:/nonexistent/lmtp: No such file or directory", said)


class ProxyTests(PoolCase):
    async def test_the_header_comes_before_everything_else(self):
        server = Server(self, 1, greeting=b"")
        call = await self.called(self.pool(f"{server.port} plain", proxy="v1"))
        call.write(b"A NOOP\r\n")
        expected = b"PROXY TCP4 203.0.113.5 192.0.2.1 51234 993\r\nA NOOP\r\n"
        self.assertEqual(await server.hears(len(expected)), expected)

    async def test_version_two_tells_more(self):
        server = Server(self, 1, greeting=b"")
        await self.called(self.pool(f"{server.port} plain", proxy="v2"))
        await server.hears(28)
        header, length = proxy.read(server.heard)
        self.assertEqual(length, len(server.heard))
        self.assertEqual(header.source, ("203.0.113.5", 51234))
        self.assertEqual(header.destination, ("192.0.2.1", 993))
        self.assertEqual((header.authority, header.unique), ("imap.example.org", b"c0ffee"))
        self.assertEqual((header.tls.encrypted, header.hops), (True, 1))

    async def test_it_comes_before_tls_too(self):
        server = Server(self, 1, greeting=b"")
        waits = started(self.pool(f"{server.port} implicit", proxy="v1").call("imap", GUEST))
        await server.hears(60)
        self.assertTrue(
            server.heard.startswith(b"PROXY TCP4 203.0.113.5 192.0.2.1 51234 993\r\n\x16\x03\x01")
        )
        waits.cancel()
        waits.addErrback(lambda failure: None)

    async def test_a_check_is_about_nobody(self):
        for version, header in [("v1", b"PROXY UNKNOWN\r\n"), ("v2", proxy.header_v2())]:
            server = Server(self, 1, greeting=b"")
            await self.pool(f"{server.port} plain", proxy=version).check()
            self.assertEqual(await server.hears(len(header)), header)


class WayTests(SynchronousTestCase):
    def test_ways_are_read_as_they_are_written(self):
        for text, port, security in [("993 implicit", 993, "implicit"), (" 143  starttls ", 143, "starttls")]:
            way = Way.parse(text)
            self.assertEqual((way.port, way.security, way.path), (port, security, None))
        way = Way.parse("unix:run/lmtp")
        self.assertEqual(str(way.within(Path("/var/mail"))), "unix:/var/mail/run/lmtp")
        self.assertEqual(str(Way.parse("143 plain")), "143 plain")

    def test_anything_else_is_none(self):
        for text in (
            "",
            "993",
            "implicit",
            "0 plain",
            "65536 plain",
            "993 ssl",
            "unix:",
            "mail:993 implicit",
        ):
            with self.assertRaisesRegex(ValueError, "is not a way to a server; write"):
                Way.parse(text)
