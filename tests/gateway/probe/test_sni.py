"""What a server shows by name, version and ALPN, and the sentences about it."""

from typing import Any

from OpenSSL import SSL
from twisted.internet import reactor as the_reactor
from twisted.internet.protocol import Factory, Protocol
from twisted.protocols.tls import TLSMemoryBIOFactory

from mailtwist.gateway.api import Kind
from mailtwist.gateway.probe.sni import WRONG, SniPlan, SniReport, looked_at
from mailtwist.gateway.probe.sni_quirks import notes, problems
from mailtwist.kit.clock import SystemClock
from tests.gateway.probe.looking import Saying
from tests.gateway.probe.mx_rig import MxCase, by_name
from tests.tls.outbound import Serving

reactor: Any = the_reactor
HOST = "mail.example.org"
IMAP = [b"* CAPABILITY IMAP4rev1 STARTTLS\r\nC OK\r\n", b"S OK go\r\n", b"* CAPABILITY IMAP4rev1\r\nC OK\r\n"]
NONE = "to who does not say whom he wants (no SNI)"


class SniCase(MxCase):
    def listening(self, serving: Any = None, make: Any = Protocol) -> None:
        factory: Any = Factory.forProtocol(make)
        if serving is not None:
            factory = TLSMemoryBIOFactory(serving, False, factory)
        factory.noisy = False
        listening = reactor.listenTCP(0, factory, interface="127.0.0.1")
        self.addCleanup(listening.stopListening)
        self.port = listening.getHost().port

    def serving(self, *names: str, **how: Any) -> Serving:
        bundle = self.authority.bundle(*names)
        return Serving(bundle.leaf, bundle.key, **how)

    async def seen(self, kind: Kind | None = None, host: str = HOST) -> SniReport:
        clock = SystemClock()
        return await looked_at(SniPlan(host, ["127.0.0.1"], self.port, clock, self.roots, kind, seconds=20.0))


class NameTests(SniCase):
    async def test_one_certificate_for_all(self) -> None:
        self.listening(self.serving(HOST))
        report = await self.seen()
        self.assertEqual(problems(report), [])
        self.assertIn("the same certificate to who asks for a name that is not there", notes(report))
        self.assertEqual(len([one for one in report.names if one.certificate]), 6)

    async def test_each_way_asks_as_it_says(self) -> None:
        asked: list[Any] = []
        serving = self.serving(HOST)
        serving.context.set_tlsext_servername_callback(lambda c: asked.append(c.get_servername()))
        self.listening(serving)
        await self.seen()
        self.assertEqual(asked.count(None), 2)
        self.assertEqual(asked.count(WRONG.encode()), 2)
        self.assertEqual(asked.count(HOST.encode()), len(asked) - 4)

    async def test_the_versions_are_those_that_are_asked_for(self) -> None:
        self.listening(self.serving(HOST))
        report = await self.seen()
        for one in report.names:
            self.assertEqual(one.tls.partition(" ")[0], one.version)

    async def test_another_certificate_without_a_name(self) -> None:
        first, other = self.serving(HOST), self.serving("other.example")
        by_name(first.context, {None: other.context})
        self.listening(first)
        words = f"certificate is valid for other.example, not {HOST}"
        self.assertEqual(problems(await self.seen()), [f"another certificate {NONE}: {words}"])

    async def test_no_handshake_without_a_name(self) -> None:
        """maddy's and chatmail's: who is not asked by name has nothing to show."""
        first = self.serving(HOST)
        by_name(first.context, {None: None})
        self.listening(first)
        found = problems(await self.seen())
        self.assertEqual([words.partition(": ")[0] for words in found], [
            f"no TLS {NONE}, TLSv1.2", f"no TLS {NONE}, TLSv1.3"])  # fmt: skip

    async def test_a_wrong_name_that_is_refused_is_no_problem(self) -> None:
        first = self.serving(HOST)
        by_name(first.context, {WRONG.encode(): None})
        self.listening(first)
        report = await self.seen()
        self.assertEqual(problems(report), [])
        self.assertTrue([words for words in notes(report) if words.startswith("refuses a name")])

    async def test_the_wrong_certificate_for_the_right_name(self) -> None:
        self.listening(self.serving("*.163.com", "163.com"))
        words = f"certificate is valid for *.163.com, 163.com, not {HOST}"
        self.assertIn(words, problems(await self.seen()))


class VersionTests(SniCase):
    async def test_a_server_without_tls_1_3(self) -> None:
        serving = self.serving(HOST)
        serving.context.set_max_proto_version(SSL.TLS1_2_VERSION)
        self.listening(serving)
        (found,) = problems(await self.seen())
        self.assertTrue(found.startswith("no TLSv1.3: "), found)

    async def test_no_tls_at_all(self) -> None:
        self.listening(make=lambda: Saying(b"220 here\r\n", []))
        found = problems(await self.seen())
        self.assertIn(
            "no TLS to who asks for the right name: what answers there does not speak TLS", found[0]
        )

    async def test_nobody_there(self) -> None:
        self.port = 1
        self.assertEqual(problems(await self.seen()), ["Connection refused"])


class AlpnTests(SniCase):
    def choosing(self, choose: Any) -> None:
        serving = self.serving(HOST)
        serving.context.set_alpn_select_callback(choose)
        self.listening(serving)

    async def test_what_is_chosen_is_told(self) -> None:
        self.choosing(lambda c, offered: b"imap" if b"imap" in offered else SSL.NO_OVERLAPPING_PROTOCOLS)
        report = await self.seen()
        self.assertEqual(problems(report), [])
        self.assertIn('chooses "imap" when that is offered (ALPN)', notes(report))
        self.assertIn("takes no notice of protocols that are not its own (ALPN)", notes(report))

    async def test_clients_that_offer_their_protocol_are_let_in_or_that_is_a_problem(self) -> None:
        """Twisted's CertificateOptions without protocols: alert 80 to Delta Chat."""
        self.choosing(lambda c, offered: b"")
        found = problems(await self.seen())
        self.assertTrue([one for one in found if one.startswith('no TLS to who offers the protocol "imap"')])


class StarttlsTests(SniCase):
    async def test_by_starttls(self) -> None:
        serving = self.serving(HOST)

        class Imap(Saying):
            def dataReceived(self, data: bytes) -> None:
                super().dataReceived(data)
                if b"STARTTLS" in data:
                    self.transport.startTLS(serving)

        self.listening(make=lambda: Imap(b"* OK hello\r\n", list(IMAP)))
        report = await self.seen("imap")
        self.assertEqual(problems(report), [])
        self.assertEqual([one.alpn for one in report.alpns], [("imap",), ("nonsense",)])

    async def test_a_server_that_has_none(self) -> None:
        self.listening(make=lambda: Saying(b"* OK hello\r\n", [IMAP[0], b"S NO\r\n"]))
        found = problems(await self.seen("imap"))
        self.assertTrue(found[0].startswith("no TLS to who asks for the right name: STARTTLS: "), found)
