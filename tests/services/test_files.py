"""Files that the kernel sends by itself, over real sockets: in order, no faster than they are read, whole."""

import contextlib
import os
import tempfile
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from mailtwist.config.network import Endpoint
from mailtwist.protocols.ends import Output
from mailtwist.protocols.patience import SLOWEST
from mailtwist.services.listen import bind, serve
from mailtwist.services.sockets import Prompt
from mailtwist.testing.clock import ManualClock
from tests.protocols.turning import Server as Turning

running: Any = reactor
BIG = 32 << 20
LITTLE = 1 << 20


def held():
    """The inodes that are open."""
    found = set()
    for number in os.listdir("/proc/self/fd"):
        with contextlib.suppress(FileNotFoundError):
            found.add(os.stat(f"/proc/self/fd/{number}").st_ino)
    return found


class Server(Turning):
    """FILE and a number of octets sends so many of its file."""

    def __init__(self, case):
        super().__init__()
        self.case = case
        self.clock = case.clock
        self.missing = None
        self.begun, self.gone = Deferred(), Deferred()

    async def do_FILE(self, rest):
        self.say(b"begin")
        with tempfile.TemporaryFile() as file:
            self.case.fill(file)
            self.case.opened.add(os.fstat(file.fileno()).st_ino)
            if not self.begun.called:
                self.begun.callback(None)
            self.missing = await self.turns.send_file(file.fileno(), 1, int(rest))
        if self.missing:
            self.turns.over = True
            self.transport.abortConnection()
        self.say(b"end")

    def connectionLost(self, reason):
        super().connectionLost(reason)
        self.gone.callback(None)


class Client(Protocol):
    def __init__(self):
        self.heard = bytearray()
        self.gone = Deferred()
        self._until = None

    def dataReceived(self, data):
        self.heard += data
        if self._until is not None and self._until[0]():
            self._until[1].callback(None)

    def connectionLost(self, reason):
        self.gone.callback(None)

    async def until(self, there):
        """Something is there in `heard`."""
        if not there(self.heard):
            done = Deferred()
            self._until = (lambda: there(self.heard)), done
            await done
            self._until = None


class FileCase(TestCase):
    def setUp(self):
        self.clock = ManualClock()
        self.servers = []
        (bound,) = bind(Endpoint("127.0.0.1", 0))
        self.port = serve(bound, Factory.forProtocol(self.server))
        self.addCleanup(self.port.stopListening)
        self.opened = (
            set()
        )  # inodes of this test's own: what else the process has open, others open and close

    def server(self):
        self.servers.append(Server(self))
        return self.servers[-1]

    def fill(self, file):
        file.write(b"!")
        file.truncate(1 + BIG)

    async def client(self):
        """(ours, theirs)"""
        where = TCP4ClientEndpoint(running, "127.0.0.1", self.port.getHost().port)
        client = await connectProtocol(where, Client())
        await client.until(lambda heard: heard.endswith(b"hello\r\n"))
        client.heard.clear()
        server = self.servers[-1]
        self.opened |= {os.fstat(one.transport.fileno()).st_ino for one in (server, client)}
        return server, client

    async def stuck(self, ask=b"FILE %d\r\n" % BIG):
        """(ours, theirs): the client has asked, and does not read."""
        server, client = await self.client()
        client.transport.pauseProducing()
        client.transport.write(ask)
        await server.begun
        await deferLater(reactor, 0)
        return server, client

    async def cut_off(self, server):
        """Time passes, and who reads nothing more is let go; what the kernel still takes for him counts
        as read."""
        for _ in range(20):
            if not server.gone.called:
                self.clock.advance(server.turns.drain)
                await deferLater(reactor, 0.01)
        self.assertTrue(server.gone.called)

    async def left(self, server, client):
        """Both have gone, and nothing is left open."""
        client.transport.abortConnection()
        await server.gone
        await client.gone
        self.assertEqual(self.clock.reactor.getDelayedCalls(), [])
        self.assertEqual(held() & self.opened, set())


class FileTests(FileCase):
    async def test_a_file_is_in_order_with_what_is_written_and_with_the_next_answer(self):
        server, client = await self.client()
        client.transport.write(b"FILE 5\r\nECHO next\r\nFILE %d\r\nECHO last\r\n" % BIG)
        await client.until(lambda heard: heard.endswith(b"last\r\n"))
        expected = b"begin\r\n\0\0\0\0\0end\r\nnext\r\nbegin\r\n" + bytes(BIG) + b"end\r\nlast\r\n"
        self.assertTrue(client.heard == expected)
        await self.left(server, client)

    async def test_a_client_that_reads_slowly_gets_it_whole(self):
        server, client = await self.stuck(b"FILE %d\r\nECHO next\r\n" % BIG)
        for _ in range(20):
            client.transport.resumeProducing()
            await deferLater(reactor, 0.001)
            client.transport.pauseProducing()
            await deferLater(reactor, 0.001)
        client.transport.resumeProducing()
        await client.until(lambda heard: heard.endswith(b"next\r\n"))
        self.assertTrue(client.heard == b"begin\r\n" + bytes(BIG) + b"end\r\nnext\r\n")
        await self.left(server, client)

    async def test_what_waits_in_the_transport_comes_first_and_what_others_write_meanwhile_behind(self):
        server, client = await self.client()
        client.transport.pauseProducing()
        server.transport.write(b"x" * BIG)
        client.transport.write(b"FILE 3\r\n")
        await server.begun
        await deferLater(reactor, 0)
        server.transport.write(b"between")
        client.transport.resumeProducing()
        await client.until(lambda heard: heard.endswith(b"end\r\n"))
        self.assertTrue(client.heard == b"x" * BIG + b"begin\r\n\0\0\0betweenend\r\n")
        await self.left(server, client)

    async def test_who_says_goodbye_meanwhile_is_heard_behind_the_file(self):
        server, client = await self.stuck()
        server.transport.write(b"goodbye")
        server.turns.close()
        client.transport.resumeProducing()
        await client.gone
        self.assertTrue(client.heard == b"begin\r\n" + bytes(BIG) + b"goodbye")
        await self.left(server, client)

    async def test_a_client_that_goes_away_leaves_nothing_open(self):
        server, client = await self.stuck()
        self.assertEqual(len(held() & self.opened), 3)
        await self.left(server, client)
        self.assertIsNone(server.missing)

    async def test_a_client_that_is_cut_off_leaves_nothing_open(self):
        server, client = await self.stuck()
        server.transport.abortConnection()
        await self.left(server, client)
        self.assertIsNone(server.missing)

    async def test_a_client_that_does_not_read_is_cut_off(self):
        server, client = await self.stuck()
        self.clock.advance(server.turns.drain - 1)
        self.assertFalse(server.gone.called)
        self.clock.advance(1)
        await self.cut_off(server)
        await self.left(server, client)

    async def test_a_client_that_reads_something_has_time(self):
        server, client = await self.stuck()
        self.assertGreater(LITTLE, SLOWEST * server.turns.drain)
        for enough in (BIG // 4, BIG // 2, BIG * 3 // 4):
            client.transport.resumeProducing()
            await client.until(lambda heard, enough=enough: len(heard) > enough)
            client.transport.pauseProducing()
            self.clock.advance(server.turns.drain)
            await deferLater(reactor, 0)
            self.assertFalse(server.gone.called)
        await self.cut_off(server)
        await self.left(server, client)

    async def test_commands_that_come_meanwhile_are_no_reading(self):
        server, client = await self.stuck()
        client.transport.write(b"ECHO\r\n" * 10_000)
        await deferLater(reactor, 0.01)
        await self.cut_off(server)
        await self.left(server, client)

    async def test_a_file_that_is_too_short_is_told(self):
        server, client = await self.client()
        client.transport.write(b"FILE %d\r\n" % (BIG + 7))
        await client.gone
        self.assertEqual(server.missing, 7)
        self.assertFalse(client.heard.endswith(b"end\r\n"))
        await self.left(server, client)

    async def test_what_cannot_be_read_is_told(self):
        folder = os.open(".", os.O_RDONLY)
        self.addCleanup(os.close, folder)
        server, client = await self.client()
        server.turns.ours()
        self.assertEqual(await server.turns.send_file(folder, 0, 9), 9)
        await self.left(server, client)


class WrappedTests(TestCase):
    def test_a_transport_around_one_of_ours_takes_no_files(self):
        class Around:
            def __getattr__(self, name):
                return getattr(Prompt, name)

        self.assertTrue(hasattr(Around(), "send_file"))
        self.assertFalse(Output(Around(), lambda: None, len).takes_files)

    def test_nor_does_one_of_ours_under_tls(self):
        made = Prompt.__new__(Prompt)
        self.assertTrue(Output(made, lambda: None, len).takes_files)
        made.TLS = True
        self.assertFalse(Output(made, lambda: None, len).takes_files)
