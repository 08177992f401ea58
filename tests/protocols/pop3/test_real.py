"""Real sockets and real TLS on loopback."""

import poplib
import ssl
from typing import Any

from twisted.cred.portal import Portal
from twisted.internet import reactor
from twisted.internet import ssl as tls
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from mailtwist.kit.clock import SystemClock
from mailtwist.protocols.pop3.limits import Limits
from mailtwist.protocols.pop3.server import POP3Server
from mailtwist.tls.contexts import ServerContexts
from tests.loopback import listening
from tests.protocols.pop3.scene import Scene
from tests.tls.client import Client
from tests.tls.made import Authority

CONTEXTS = ServerContexts()
CONTEXTS.serve([Authority().bundle("mx.example.org", common="mx")])
MESSAGES = (b"Subject: one\r\n\r\n.dot\r\n", b"Subject: big\r\n\r\n" + b"y" * 70 + b"\r\n" * 300_000)


class Real(TestCase):
    def served(self, *, implicit: bool = False, limits: Limits = Limits()) -> int:
        self.scene = Scene(messages=MESSAGES)
        self.servers: list[POP3Server] = []
        self.gone: Deferred[None] = Deferred()
        case = self

        class Server(POP3Server):
            def connectionLost(self, reason: Any) -> None:
                super().connectionLost(reason)
                case.gone.callback(None)

        def made() -> POP3Server:
            server = Server()
            server.portal = Portal(self.scene.realm, [self.scene.checker])
            server.ctx, server.limits, server.clock = CONTEXTS, limits, SystemClock()
            self.servers.append(server)
            return server

        return listening(self, made, CONTEXTS if implicit else None)

    async def client(self, port: int) -> Client:
        client = Client()
        await connectProtocol(TCP4ClientEndpoint(reactor, "127.0.0.1", port), client)
        await client.until(b"+OK POP3 ready\r\n")
        return client

    async def secured(self, port: int, behind: bytes = b"") -> Client:
        client = await self.client(port)
        client.transport.write(b"STLS\r\n" + behind)
        await client.until(b"+OK Begin TLS\r\n")
        client.transport.startTLS(tls.CertificateOptions(verify=False))
        return client

    async def test_poplib_over_stls_and_over_implicit_tls(self) -> None:
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.set_alpn_protocols(["pop3"])
        for implicit in (False, True):
            port = self.served(implicit=implicit)

            def work(port: int = port, implicit: bool = implicit) -> Any:
                if implicit:
                    client = poplib.POP3_SSL("127.0.0.1", port, timeout=30, context=context)
                else:
                    client = poplib.POP3("127.0.0.1", port, timeout=30)
                    self.assertEqual(client.capa().get("STLS"), [])
                    client.stls(context)
                self.assertNotIn("STLS", client.capa())
                self.assertEqual(client.sock.selected_alpn_protocol(), "pop3")
                client.user("ann")
                client.pass_("sec ret ")
                got = [client.retr(1)[1], client.stat(), client.dele(1), client.quit()]
                return got

            lines, stat, _, _ = await deferToThread(work)
            self.assertEqual((lines, stat), ([b"Subject: one", b"", b".dot"], (2, sum(map(len, MESSAGES)))))
            await self.gone
            self.assertEqual((self.scene.uids(), self.scene.realm.out), ([2], [b"ann"]))

    async def test_what_was_injected_before_tls_is_never_heard_of(self) -> None:
        client = await self.secured(self.served(), b"USER ann\r\nPASS sec ret \r\nSTAT\r\n")
        client.transport.write(b"NOOP\r\nCAPA\r\n")
        heard = await client.until(b".\r\n")
        self.assertTrue(heard.startswith(b"-ERR Not now\r\n+OK Capability list follows\r\n"), heard)
        self.assertEqual(self.scene.checker.requests, [])
        client.transport.loseConnection()
        await client.gone

    async def test_a_big_message_comes_whole_to_a_slow_reader(self) -> None:
        client = await self.secured(self.served())
        client.transport.write(b"USER ann\r\nPASS sec ret \r\nRETR 2\r\nQUIT\r\n")
        await client.until(b"octets\r\n")
        for _ in range(20):
            client.transport.pauseProducing()
            await deferLater(reactor, 0)
            client.transport.resumeProducing()
            await deferLater(reactor, 0)
        await client.gone
        self.assertTrue(client.heard.endswith(b"\r\n.\r\n+OK Bye\r\n"))

    async def test_who_stops_reading_is_cut_off_and_holds_nothing_back(self) -> None:
        for secure in (False, True):
            port = self.served(limits=Limits(progress_time=0.2))
            client = await (self.secured(port) if secure else self.client(port))
            server = self.servers[0]
            server.trusted = lambda address: True
            server.turns.drain = 0.2
            client.transport.write(b"USER ann\r\nPASS sec ret \r\n")
            await client.until(b"Logged in\r\n")
            client.transport.pauseProducing()
            client.transport.write(b"RETR 2\r\n" * 40)
            await self.gone
            self.assertEqual(self.scene.realm.out, [b"ann"])
            client.transport.resumeProducing()
            await client.gone
