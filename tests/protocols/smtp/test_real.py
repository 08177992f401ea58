"""Real sockets and real TLS on loopback."""

import smtplib
import ssl
from dataclasses import dataclass
from typing import Any, ClassVar

from twisted.internet import reactor
from twisted.internet import ssl as tls
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from mailtwist.kit.clock import SystemClock
from mailtwist.protocols.smtp.command import Command, Reply, State
from mailtwist.protocols.smtp.door import Session
from mailtwist.protocols.smtp.extension import Dialect, Extension
from mailtwist.protocols.smtp.server import ESMTPServer
from mailtwist.tls.contexts import ServerContexts
from tests.loopback import listening
from tests.protocols.smtp.scene import PLAIN_ANN, Scene
from tests.tls.client import Client
from tests.tls.made import Authority

CONTEXTS = ServerContexts()
CONTEXTS.serve([Authority().bundle("mx.example.org", common="mx")])
MESSAGE = b"Subject: big\r\n\r\n" + b".y" * 400 + b"\r\n" + b".\r\n..\r\n" + b"z" * 70 + b"\r\n" * 200_000
FULL = b"MAIL FROM:<ann@example.org>\r\nRCPT TO:<bob@example.org>\r\nDATA\r\nS: x\r\n.\r\n"


@dataclass(frozen=True)
class Big(Command):
    """More than a peer that does not read can hold, when it is said often."""

    name = "BIG"
    states = State.ANY
    answered: ClassVar[int] = 0

    async def run(self, session: Session) -> Reply:
        Big.answered += 1
        return Reply(250, "2.0.0", "\n".join(["x" * 400] * 250))


BIG = Extension(name="big", rfc=5321, commands=(Big,))


class Leaving(ESMTPServer):
    """A third party's QUIT, that closes the transport and nothing else."""

    def do_QUIT(self, rest: bytes) -> None:
        self.sendCode(221, b"theirs")
        self.transport.loseConnection()


class Real(TestCase):
    def served(self, *, implicit: bool = False, kind: type[ESMTPServer] = ESMTPServer) -> int:
        self.scene = Scene()
        self.servers: list[Any] = []
        self.gone: Deferred[None] = Deferred()

        def made() -> ESMTPServer:
            server: Any = kind()
            server.ctx = CONTEXTS
            server.clock = SystemClock()
            server.host = "mx.example.org"
            server.portal = self.scene.portal()
            lost = server.connectionLost
            server.connectionLost = lambda reason: (lost(reason), self.gone.callback(None))
            self.servers.append(server)
            return server

        return listening(self, made, CONTEXTS if implicit else None)

    async def client(self, port: int) -> Client:
        client = Client()
        await connectProtocol(TCP4ClientEndpoint(reactor, "127.0.0.1", port), client)
        await client.until(b"220 mx.example.org ESMTP\r\n")
        client.transport.write(b"EHLO me\r\n")
        await client.until(b"STARTTLS\r\n")
        return client

    async def secured(self, port: int, behind: bytes = b"") -> Client:
        client = await self.client(port)
        client.transport.write(b"STARTTLS\r\n" + behind)
        await client.until(b"220 2.0.0 Ready to start TLS\r\n")
        client.transport.startTLS(tls.CertificateOptions(verify=False))
        client.transport.write(b"EHLO me\r\n")
        await client.until(b"250 SMTPUTF8\r\n")
        return client

    async def test_smtplib_over_starttls_and_over_implicit_tls(self) -> None:
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        for implicit in (False, True):
            port = self.served(implicit=implicit)

            def work(port: int = port, implicit: bool = implicit) -> Any:
                if implicit:
                    client: Any = smtplib.SMTP_SSL("127.0.0.1", port, timeout=30, context=context)
                else:
                    client = smtplib.SMTP("127.0.0.1", port, timeout=30)
                    client.ehlo()
                    self.assertFalse(client.has_extn("auth"))
                    client.starttls(context=context)
                client.ehlo()
                self.assertFalse(client.has_extn("starttls"))
                client.login("bob", "p@123456")
                client.sendmail("bob@example.org", ["ann@example.org"], MESSAGE)
                return client.quit()

            self.assertEqual((await deferToThread(work))[0], 221)
            await self.gone
            (mail,) = self.scene.mails
            self.assertEqual(mail.message, MESSAGE)
            self.assertEqual((mail.protocol, mail.envelope.login), ("ESMTPSA", "bob"))
            self.assertEqual(self.scene.realm.out, ["bob"])

    async def test_what_was_injected_before_tls_is_never_heard_of(self) -> None:
        client = await self.secured(self.served(), FULL)
        client.transport.write(b"DATA\r\nNOOP\r\n")
        self.assertEqual(
            await client.until(b"Ok\r\n"), b"503 5.5.1 Bad sequence of commands\r\n250 2.0.0 Ok\r\n"
        )
        self.assertEqual(self.scene.mails, [])
        client.transport.loseConnection()
        await client.gone

    async def test_a_pipeline_over_tls(self) -> None:
        client = await self.secured(self.served())
        client.transport.write(PLAIN_ANN + b"\r\n" + FULL * 20 + b"QUIT\r\n")
        heard = await client.until(b"221 2.0.0 Goodbye\r\n")
        self.assertEqual(heard.count(b"Taken as m"), 20)
        await client.gone

    async def test_a_third_party_may_close_the_transport_over_tcp_and_tls(self) -> None:
        for secure in (False, True):
            port = self.served(kind=Leaving)
            client = await (self.secured(port) if secure else self.client(port))
            client.transport.write(b"NOOP\r\nQUIT\r\nNOOP\r\n")
            await client.gone
            self.assertEqual(client.heard, b"250 2.0.0 Ok\r\n221 theirs\r\n")
            await self.gone

    async def test_who_stops_reading_is_cut_off(self) -> None:
        for secure in (False, True):
            Big.answered = 0
            port = self.served()
            client = await (self.secured(port) if secure else self.client(port))
            server = self.servers[0]
            server.dialect = Dialect((*server.dialect.extensions, BIG))
            server.turns.drain = 0.2
            client.transport.pauseProducing()
            client.transport.write(b"BIG\r\n" * 2000)
            await self.gone
            self.assertLess(Big.answered, 2000)
            client.transport.abortConnection()
            await client.gone

    async def test_who_does_not_let_us_close_tls_is_cut_off(self) -> None:
        client = await self.secured(self.served())
        self.servers[0].turns.progress = 0.2
        client.transport.write(b"QUIT\r\n")
        client.transport.pauseProducing()  # so it never answers our close_notify
        await self.gone
        client.transport.abortConnection()
        await client.gone

    async def test_a_client_that_goes_within_data_over_tls(self) -> None:
        client = await self.secured(self.served())
        client.transport.write(FULL[:-3])
        await client.until(b"354 ")
        client.transport.loseConnection()
        await self.gone
        self.assertEqual((self.scene.mails, len(self.scene.dropped)), ([], 1))
        await client.gone
