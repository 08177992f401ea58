"""Real sockets and real TLS on loopback, and a client that is not ours."""

import imaplib
import ssl
from typing import Any

import imapclient
from twisted.internet import reactor
from twisted.internet import ssl as tls
from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from mailtwist.kit.clock import SystemClock
from mailtwist.protocols.imap.limits import Limits
from mailtwist.tls.contexts import ServerContexts
from tests.loopback import listening
from tests.protocols.imap.scene import Scene, now
from tests.tls.client import Client
from tests.tls.made import Authority

CONTEXTS = ServerContexts()
CONTEXTS.serve([Authority().bundle("mx.example.org", common="mx")])
BIG = b"Subject: big\r\n\r\n" + (b"y" * 70 + b"\r\n") * 150_000


def unchecked() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


class Real(TestCase):
    def listening(self, *, implicit: bool = False, limits: Limits | None = None) -> int:
        self.scene = Scene(limits=limits)
        self.scene.factory.ctx, self.scene.factory.clock = CONTEXTS, SystemClock()
        self.servers: list[Any] = []

        def made() -> Any:
            self.servers.append(self.scene.factory.buildProtocol(None))
            return self.servers[-1]

        return listening(self, made, CONTEXTS if implicit else None)

    async def client(self, port: int) -> Client:
        client = Client()
        await connectProtocol(TCP4ClientEndpoint(reactor, "127.0.0.1", port), client)
        await client.until(b"mailtwist ready\r\n")
        return client

    async def secured(self, port: int, behind: bytes = b"") -> Client:
        client = await self.client(port)
        client.transport.write(b"s STARTTLS\r\n" + behind)
        await client.until(b"s OK Begin TLS now\r\n")
        client.transport.startTLS(tls.CertificateOptions(verify=False))
        return client

    def story(self, client: imaplib.IMAP4) -> Any:
        client.login("ann", "secret")
        client.append("Archive/2025", "(\\Seen $Label)", '"17-Jul-1996 02:44:25 -0700"', BIG)
        self.assertEqual(client.select("Archive/2025"), ("OK", [b"1"]))
        whole = client.fetch("1", "(UID BODY[])")[1][0]
        self.assertEqual(client.uid("MOVE", "1", "Sent")[0], "OK")
        self.assertEqual(client.status("Sent", "(MESSAGES)")[1], [b'"Sent" (MESSAGES 1)'])
        client.unselect()
        self.assertEqual(client.logout()[0], "BYE")
        return whole[1]

    async def test_a_clients_day_behind_starttls(self) -> None:
        port = self.listening()

        def day() -> Any:
            client = imaplib.IMAP4("127.0.0.1", port, timeout=60)
            with self.assertRaises(imaplib.IMAP4.error):
                client.login("ann", "secret")
            client.starttls(unchecked())
            self.assertIn("AUTH=PLAIN", client.capabilities)
            return self.story(client)

        self.assertTrue(await deferToThread(day) == BIG)

    async def test_a_clients_day_in_tls_from_the_start(self) -> None:
        port = self.listening(implicit=True)

        def day() -> Any:
            client = imaplib.IMAP4_SSL("127.0.0.1", port, ssl_context=unchecked(), timeout=60)
            self.assertNotIn("STARTTLS", client.capabilities)
            return self.story(client)

        self.assertTrue(await deferToThread(day) == BIG)

    async def test_names_are_in_utf_8_for_a_client_that_enables_it(self) -> None:
        port = self.listening(implicit=True)

        def day() -> Any:
            with imaplib.IMAP4_SSL("127.0.0.1", port, ssl_context=unchecked(), timeout=60) as client:
                client.login("ann", "secret")
                self.assertEqual(client.enable("UTF8=ACCEPT")[0], "OK")
                self.assertEqual(client.create('"Entwürfe & mehr"')[0], "OK")
                self.assertEqual(client.select('"Entwürfe & mehr"'), ("OK", [b"0"]))
                self.assertEqual(client.search(None, 'SUBJECT "Grüße"')[0], "OK")
                return client.list('""', '"Entw*"')[1]

        self.assertEqual(await deferToThread(day), ['(\\HasNoChildren) "/" "Entwürfe & mehr"'.encode()])

    async def test_imapclient_speaks_of_folders_and_parts(self) -> None:
        port = self.listening(implicit=True)

        def day() -> Any:
            with imapclient.IMAPClient("127.0.0.1", port, ssl_context=unchecked(), timeout=60) as client:
                client.login("ann", "secret")
                client.create_folder("Entwürfe & mehr")
                client.subscribe_folder("Entwürfe & mehr")
                self.assertEqual(client.list_sub_folders()[0][2], "Entwürfe & mehr")
                self.assertEqual(client.find_special_folder(b"\\Sent"), "Sent")
                self.assertEqual(client.namespace().personal, (("", "/"),))
                self.assertEqual(client.folder_status("INBOX", ["MESSAGES"]), {b"MESSAGES": 3})
                client.select_folder("INBOX")
                found = client.fetch([2, 4, 5], ["BINARY.PEEK[1]", "BINARY.SIZE[1]"])
                return {uid: (got[b"BINARY[1]"], got[b"BINARY.SIZE[1]"]) for uid, got in found.items()}

        expected = {uid: (b"body %d\r\n" % uid, 8) for uid in (2, 4, 5)}
        self.assertEqual(await deferToThread(day), expected)

    async def test_what_came_behind_starttls_is_never_run(self) -> None:
        client = await self.secured(self.listening(), behind=b"e LOGIN ann secret\r\n")
        await client.shaken
        client.transport.write(b"f NOOP\r\n")
        self.assertTrue((await client.until(b"f OK NOOP completed\r\n")).endswith(b"f OK NOOP completed\r\n"))
        self.assertEqual((client.heard.count(b"e "), self.scene.checker.requests), (0, []))
        client.transport.write(b"g LOGOUT\r\n")
        await client.gone

    async def test_a_client_that_stops_reading_stops_us(self) -> None:
        """FETCH of ten megabytes: what waits is what the kernel and the transport hold."""
        for secure in (False, True):
            port = self.listening()
            self.scene.factory.trusted = lambda address: True
            for _ in range(30):
                self.scene.inbox.add(BIG, frozenset(), 0.0, 0)
            client = await (self.secured(port) if secure else self.client(port))
            client.transport.write(b"a LOGIN ann secret\r\nb SELECT INBOX\r\n")
            await client.until(b"b OK")
            client.transport.pauseProducing()
            client.transport.write(b"c FETCH 1:* BODY.PEEK[]\r\n")
            asked = await self._quiet()
            self.assertLess(asked, 20 * 1024 * 1024, "of 300 MB")
            client.transport.abortConnection()
            await client.gone

    async def _quiet(self) -> int:
        """How much was read of messages when no more is read."""
        read = [0]
        mailbox = self.scene.inbox
        before, still = -1, 0
        opened = mailbox.open

        async def counted(uid: int) -> Any:
            content = await opened(uid)
            read[0] += content.size
            return content

        self.patch(mailbox, "open", counted)
        while still < 10:
            await deferLater(reactor, 0.02)
            still = still + 1 if read[0] == before else 0
            before = read[0]
        return read[0]

    async def test_nobody_is_waited_for_for_ever(self) -> None:
        port = self.listening(limits=Limits(login_time=0.1))
        client = await self.client(port)
        await client.until(b"* BYE Too long without a command\r\n")
        await client.gone

    async def test_the_account_is_left_when_the_client_is_gone(self) -> None:
        client = await self.secured(self.listening())
        client.transport.write(b"a LOGIN ann secret\r\nb SELECT INBOX\r\nc IDLE\r\n")
        await client.until(b"+ Idling\r\n")
        now(self.scene.inbox.remove([2]))
        await client.until(b"* 1 EXPUNGE\r\n")
        client.transport.abortConnection()
        await client.gone
        while not self.scene.realm.left:
            await deferLater(reactor, 0.01)
        self.assertEqual(self.scene.inbox._listeners, {})
