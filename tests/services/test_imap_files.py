"""FETCH of big messages out of a Maildir, over real sockets: the kernel sends them out of their files."""

import os
from pathlib import Path
from typing import Any

from twisted.internet import reactor
from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol
from twisted.trial.unittest import TestCase

from mailtwist.config.network import Endpoint
from mailtwist.kit.clock import SystemClock
from mailtwist.services.listen import bind, serve
from mailtwist.services.sockets import Prompt
from mailtwist.store.maildir import MaildirStore
from mailtwist.store.maildir.content import FileContent
from mailtwist.testing.messages import put
from mailtwist.testing.threads import AtOnce
from tests.loopback import Visited
from tests.protocols.imap.scene import Scene
from tests.tls.client import Client

LINES = b"".join(b"line %d\r\n" % number for number in range(400_000))
BIG = b"Subject: big\r\n\r\n" + LINES


class FetchTests(TestCase):
    async def client(self, *messages: bytes) -> Client:
        self.folder = Path(self.mktemp())
        scene = Scene(trusted=True, store=lambda clock: MaildirStore(self.folder, AtOnce(), clock=clock))
        scene.factory.clock = SystemClock()
        self.addCleanup(scene.store.stop)
        await scene.account.create("Box")
        for message in messages:
            await put(scene.account, message, "Box")
        (bound,) = bind(Endpoint("127.0.0.1", 0))
        visited = Visited(lambda: scene.factory.buildProtocol(None))
        port = serve(bound, visited)
        self.addCleanup(visited.empty)
        self.addCleanup(port.stopListening)
        client = Client()
        await connectProtocol(TCP4ClientEndpoint(reactor, "127.0.0.1", port.getHost().port), client)
        client.transport.write(b"a LOGIN ann secret\r\nb SELECT Box\r\n")
        await client.until(b"SELECT completed\r\n")
        return client

    def counted(self) -> list[Any]:
        """What the kernel sends."""
        sent: list[Any] = []
        send_file = Prompt.send_file

        def counting(transport: Any, file: int, start: int, count: int, told: Any) -> None:
            sent.append((start, count))
            send_file(transport, file, start, count, told)

        self.patch(Prompt, "send_file", counting)
        return sent

    async def left(self, client: Client) -> None:
        client.transport.abortConnection()
        await client.gone

    async def test_big_messages_are_sent_by_the_kernel_between_small_ones(self) -> None:
        sent = self.counted()
        client = await self.client(b"a: b\r\n\r\nsmall\r\n", BIG, BIG, b"c: d\r\n\r\nlittle\r\n")
        client.transport.write(b"c FETCH 1:* (BODY.PEEK[] UID)\r\nd NOOP\r\n")
        heard = await client.until(b"d OK NOOP completed\r\n")
        answers = [
            b"* %d FETCH (BODY[] {%d}\r\n%b UID %d)\r\n" % (number, len(one), one, number)
            for number, one in enumerate((b"a: b\r\n\r\nsmall\r\n", BIG, BIG, b"c: d\r\n\r\nlittle\r\n"), 1)
        ]
        expected = b"".join(answers) + b"c OK FETCH completed\r\nd OK NOOP completed\r\n"
        self.assertTrue(heard.endswith(expected))
        self.assertEqual(sum(count for _, count in sent), 2 * len(BIG))
        await self.left(client)

    async def test_a_partial_is_sent_from_where_it_begins(self) -> None:
        sent = self.counted()
        client = await self.client(BIG)
        for start, count in ((5, 100_000), (99, 3_000_000), (len(BIG) - 70_000, 90_000)):
            for label, octets in ((b"", BIG), (b"TEXT", LINES)):
                begun = len(sent)
                client.transport.write(b"c FETCH 1 BODY.PEEK[%b]<%d.%d>\r\n" % (label, start, count))
                heard = await client.until(b"c OK FETCH completed\r\n")
                part = octets[start : start + count]
                answer = b"{%d}\r\n%b)\r\nc OK FETCH completed\r\n" % (len(part), part)
                self.assertTrue(heard.endswith(answer))
                self.assertGreater(len(sent), begun)
        await self.left(client)

    async def test_a_message_that_gets_shorter_on_its_way_ends_the_connection(self) -> None:
        client = await self.client(BIG)
        (name,) = os.listdir(self.folder / "ann" / ".Box" / "cur")
        in_file = FileContent.in_file

        async def shorter(content: FileContent, start: int, count: int) -> int | None:
            found = await in_file(content, start, count)
            if start:
                os.truncate(self.folder / "ann" / ".Box" / "cur" / name, start + 99)
            return found

        self.patch(FileContent, "in_file", shorter)
        client.transport.write(b"c FETCH 1 BODY.PEEK[]\r\n")
        await client.gone
        self.assertNotIn(b"c OK", client.heard)
        self.assertTrue(BIG.startswith(client.heard.partition(b"}\r\n")[2]))
