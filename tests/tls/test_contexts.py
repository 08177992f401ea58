"""The one TLS context factory: names, ALPN, versions, and change while running, over loopback sockets."""

import re
from dataclasses import replace

from cryptography.hazmat.primitives.serialization import Encoding
from OpenSSL import SSL
from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.protocol import ClientFactory, Protocol
from twisted.internet.utils import getProcessOutputAndValue
from twisted.logger import globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase, TestCase

from mailtwist.kit.spawn import started
from mailtwist.tls.certificates import BadCertificate, read_bundle
from mailtwist.tls.contexts import ServerContexts
from tests.tls.client import Asking, connected, listening
from tests.tls.made import NOW, Authority

ROOT = Authority()
MX = ROOT.bundle("mx.example.org", common="mx")
WIDE = ROOT.bundle("*.example.org", "example.net", common="wide")


def contexts(*bundles, **how) -> ServerContexts:
    made = ServerContexts(**how)
    made.serve(bundles or (MX, WIDE))
    return made


class Raw(ClientFactory):
    noisy = False

    def __init__(self, said: bytes) -> None:
        self.said = said
        self.answer: Deferred[bytes] = Deferred()

    def buildProtocol(self, address: object) -> Protocol:
        outer = self

        class Saying(Protocol):
            heard = b""

            def connectionMade(self) -> None:
                self.transport.write(outer.said)

            def dataReceived(self, data: bytes) -> None:
                self.heard += data

            def connectionLost(self, reason: object) -> None:
                outer.answer.callback(self.heard)

        return Saying()


class OverLoopback(TestCase):
    async def shown(
        self, port: int, name: bytes | None, alpn: list[bytes] | None = None
    ) -> tuple[str, bytes | None]:
        client = await connected(port, Asking(name, alpn))
        common = await client.shaken.addTimeout(20, reactor)
        chosen = client.transport.negotiatedProtocol
        client.transport.loseConnection()
        await client.gone
        return common, chosen

    async def openssl(self, port: int, *arguments: str) -> str:
        out, err, _ = await getProcessOutputAndValue(
            "openssl",
            ["s_client", "-connect", f"127.0.0.1:{port}", *arguments],
            env={"PATH": "/usr/bin:/bin"},
            stdinBytes=b"Q\n",
        )
        return (out + err).decode("latin-1")


class Names(OverLoopback):
    async def test_each_name_gets_its_certificate_and_the_rest_the_default(self) -> None:
        served = contexts(default_name="mx.example.org")
        port = listening(self, served)
        for name, expected, found in (
            (None, "mx", "missing"),
            (b"mx.example.org", "mx", "exact"),
            (b"example.net", "wide", "exact"),
            (b"EXAMPLE.Net", "wide", "exact"),
            (b"example.net.", "wide", "exact"),
            (b"imap.example.org", "wide", "wildcard"),
            (b"IMAP.example.ORG.", "wide", "wildcard"),
            (b"a.imap.example.org", "mx", "unknown"),
            (b"example.org", "mx", "unknown"),
            (b"elsewhere.example", "mx", "unknown"),
            (b"192.0.2.1", "mx", "unknown"),
            (b"x\xff\xfe", "mx", "unknown"),
            (b"a" * 250, "mx", "unknown"),
        ):
            before = served.found[found]
            common, _ = await self.shown(port, name)
            self.assertEqual((name, common), (name, expected))
            self.assertEqual(served.found[found], before + 1, name)

    async def test_who_says_hello_twice_is_counted_once(self) -> None:
        served = contexts(default_name="mx.example.org")
        port = listening(self, served)
        for found, common, name in (
            ("exact", "wide", ("-servername", "example.net")),
            ("unknown", "mx", ("-servername", "elsewhere.example")),
            ("missing", "mx", ("-noservername",)),
        ):
            said = await self.openssl(port, "-tls1_3", "-groups", "P-521:X25519", "-msg", *name)
            self.assertEqual(said.count(", ClientHello"), 2)
            self.assertIn(f"subject=CN = {common}\n", said)
            self.assertEqual(served.found[found], 1, found)

    async def test_missing_and_unknown_names_are_told_apart_in_the_log(self) -> None:
        events: list[dict] = []
        globalLogPublisher.addObserver(events.append)
        self.addCleanup(globalLogPublisher.removeObserver, events.append)
        port = listening(self, contexts())
        await self.shown(port, None)
        await self.shown(port, b"elsewhere.example")
        await self.shown(port, b"mx.example.org")
        ids = [e["event_id"] for e in events if str(e.get("event_id", "")).startswith("tls.")]
        self.assertEqual(ids, ["tls.clients_without_name", "tls.name_missing", "tls.name_unknown"])

    async def test_openssl_without_and_with_a_name(self) -> None:
        port = listening(self, contexts())
        self.assertIn("subject=CN = mx\n", await self.openssl(port, "-noservername"))
        self.assertIn("subject=CN = wide\n", await self.openssl(port, "-servername", "pop.example.org"))

    async def test_a_nul_in_the_name_harms_nobody(self) -> None:
        port = listening(self, contexts())
        asking = Asking(b"imap!example.org")
        hello = SSL.Connection(asking.context, None)
        hello.set_tlsext_host_name(b"imap!example.org")
        hello.set_connect_state()
        self.assertRaises(SSL.WantReadError, hello.do_handshake)
        raw = hello.bio_read(65536)
        self.assertIn(b"imap!example.org", raw)
        factory = Raw(raw.replace(b"imap!", b"imap\0"))
        reactor.connectTCP("127.0.0.1", port, factory)
        answer = await factory.answer
        self.assertEqual(answer[:1], b"\x15")  # an alert, and nothing in the log
        self.assertEqual((await self.shown(port, b"imap.example.org"))[0], "wide")

    async def test_the_default_is_the_first_name_when_none_is_configured(self) -> None:
        self.assertEqual((await self.shown(listening(self, contexts(WIDE, MX)), None))[0], "wide")

    async def test_of_two_certificates_for_a_name_the_later_one_is_shown(self) -> None:
        late = ROOT.bundle("mx.example.org", common="late", begins=NOW)
        for order in ((MX, late), (late, MX)):
            self.assertEqual(
                (await self.shown(listening(self, contexts(*order)), b"mx.example.org"))[0], "late"
            )


class Choosing(SynchronousTestCase):
    def test_a_default_name_may_come_from_a_wildcard(self) -> None:
        self.assertEqual(len(contexts(MX, WIDE, default_name="pop.example.org").bundles), 2)

    def test_a_default_name_without_a_certificate_is_refused_and_changes_nothing(self) -> None:
        served = contexts(MX, default_name="mx.example.org")
        bad = self.assertRaises(BadCertificate, served.serve, [replace(WIDE, names=("other.example",))])
        self.assertEqual((bad.setting, bad.words), ("default_name", "no certificate is for mx.example.org"))
        self.assertEqual(served.bundles, (MX,))

    def test_a_key_that_is_too_weak_is_refused_in_words(self) -> None:
        bad = self.assertRaises(BadCertificate, contexts, ROOT.bundle("mx.example.org", kind="RSA1024"))
        self.assertEqual(bad.setting, "certificate")
        self.assertIn("for mx.example.org is refused: ee key too small", bad.words)

    def test_nothing_to_serve_is_refused(self) -> None:
        self.assertRaises(BadCertificate, ServerContexts().serve, [])

    def test_before_there_is_a_certificate_nobody_is_served(self) -> None:
        self.assertRaises(RuntimeError, ServerContexts().serverConnectionForTLS, None)

    def test_those_who_listen_hear_of_each_change(self) -> None:
        served, told = contexts(), []
        stop = served.listen(lambda: told.append(served.bundles))
        served.serve([MX])
        stop()
        served.serve([WIDE])
        self.assertEqual(told, [(MX,)])


class Protocols(OverLoopback):
    async def test_no_alpn_ever_fails_a_client(self) -> None:
        port = listening(self, contexts())
        for offered, chosen in (
            (None, None),
            ([b"imap"], b"imap"),
            ([b"h2", b"pop3", b"imap"], b"pop3"),
            ([b"smtp"], b"smtp"),
            ([b"h2", b"http/1.1"], None),
            ([b"IMAP"], None),
            ([b"x" * 255], None),
        ):
            for name in (None, b"imap.example.org"):
                self.assertEqual((await self.shown(port, name, offered))[1], chosen)

    async def test_a_server_that_says_what_it_speaks_is_taken_at_its_word(self) -> None:
        class Pop(Protocol):
            alpn = (b"pop3",)

        port = listening(self, contexts(), Pop)
        self.assertEqual((await self.shown(port, b"imap.example.org", [b"imap", b"pop3"]))[1], b"pop3")
        self.assertEqual((await self.shown(port, b"imap.example.org", [b"imap"]))[1], None)

    async def test_versions_before_1_2_are_refused(self) -> None:
        port = listening(self, contexts())
        weak = ("-cipher", "ALL:@SECLEVEL=0")
        for version, good in (("-tls1", False), ("-tls1_1", False), ("-tls1_2", True), ("-tls1_3", True)):
            said = await self.openssl(port, version, *weak)
            self.assertEqual("BEGIN CERTIFICATE" in said, good, said)
            if not good:
                self.assertIn("alert protocol version", said)

    async def test_ciphers_without_forward_secrecy_are_refused(self) -> None:
        port = listening(self, contexts(ROOT.bundle("mx.example.org", kind="RSA")))
        self.assertIn(
            "BEGIN CERT", await self.openssl(port, "-tls1_2", "-cipher", "ECDHE-RSA-AES128-GCM-SHA256")
        )
        self.assertIn(
            "alert handshake failure", await self.openssl(port, "-tls1_2", "-cipher", "AES128-GCM-SHA256")
        )
        self.assertIn(
            "alert handshake failure", await self.openssl(port, "-tls1_2", "-cipher", "ECDHE-RSA-AES128-SHA")
        )

    async def test_sessions_resume_by_ticket_unless_that_is_off(self) -> None:
        for tickets in (True, False):
            port = listening(self, contexts(session_tickets=tickets))
            session = self.mktemp()
            first = await self.openssl(port, "-tls1_2", "-sess_out", session)
            self.assertIn("New, TLSv1.2", first)
            self.assertEqual("TLS session ticket:" in first, tickets)
            again = await self.openssl(port, "-tls1_2", "-sess_in", session)
            self.assertEqual("Reused, TLSv1.2" in again, tickets, again)

    async def test_renegotiation_is_refused(self) -> None:
        port = listening(self, contexts())
        client = await connected(port, _Old(b"mx.example.org"))
        await client.shaken
        connection = client.transport.getHandle()
        client.transport.write(b"before")
        await client.until(b"before")
        self.assertTrue(connection.renegotiate())
        client.transport.write(b"after")
        await client.gone.addTimeout(20, reactor)
        self.assertNotIn(b"after", client.heard)


class _Old(Asking):
    def __init__(self, name: bytes) -> None:
        super().__init__(name)
        self.context.set_max_proto_version(SSL.TLS1_2_VERSION)


class TwoKinds(OverLoopback):
    async def test_each_client_gets_the_kind_it_can_read_with_its_own_chain(self) -> None:
        for_ec, for_rsa = Authority("Link EC", ROOT), Authority("Link RSA", ROOT)
        both = [
            for_ec.bundle("mx.example.org", common="leaf-ec"),
            for_rsa.bundle("mx.example.org", common="leaf-rsa", kind="RSA"),
        ]
        port = listening(self, contexts(*both))
        for arguments, chain in (
            (("-sigalgs", "RSA-PSS+SHA256:RSA+SHA256"), ["leaf-rsa", "Link RSA"]),
            ((), ["leaf-ec", "Link EC"]),
            (("-tls1_2", "-cipher", "ECDHE-RSA-AES128-GCM-SHA256"), ["leaf-rsa", "Link RSA"]),
        ):
            said = await self.openssl(port, "-showcerts", "-servername", "mx.example.org", *arguments)
            shown = re.findall(r" s:CN = (.*)", said)
            # the root may follow, found in the same store
            self.assertEqual(shown[:2], chain, said)
            self.assertNotIn({"Link EC": "Link RSA", "Link RSA": "Link EC"}[chain[1]], shown)

    async def test_a_chain_is_sent_as_it_stands_in_the_file(self) -> None:
        upper = Authority("Upper", ROOT)
        lower = Authority("Lower", upper)
        certificate, key = lower.leaf("mx.example.org", common="leaf")
        bundle = read_bundle(certificate + upper.certificate.public_bytes(Encoding.PEM), key)
        said = await self.openssl(listening(self, contexts(bundle)), "-showcerts")
        self.assertEqual(re.findall(r" s:CN = (.*)", said), ["leaf", "Lower", "Upper"])


class HotSwap(OverLoopback):
    async def test_who_is_connected_stays_and_who_comes_gets_the_new(self) -> None:
        served = contexts(MX)
        port = listening(self, served)
        old = await connected(port, Asking(b"mx.example.org"))
        self.assertEqual(await old.shaken, "mx")
        served.serve([ROOT.bundle("mx.example.org", common="new")])
        self.assertEqual((await self.shown(port, b"mx.example.org"))[0], "new")
        old.transport.write(b"still here")
        self.assertEqual(await old.until(b"still here"), b"still here")
        old.transport.loseConnection()
        await old.gone

    async def test_handshakes_under_constant_swapping_all_succeed(self) -> None:
        served = contexts(MX)
        port = listening(self, served)
        choices = [ROOT.bundle("mx.example.org", common=f"c{n}") for n in range(4)]
        swaps = 0

        def swap() -> None:
            nonlocal swaps
            served.serve([choices[swaps % 4]])
            swaps += 1
            self.next = reactor.callLater(0, swap)

        swap()
        self.addCleanup(lambda: self.next.cancel())
        seen = []
        for _ in range(8):
            eight = [started(self.shown(port, b"mx.example.org")) for _ in range(8)]
            seen += [common for common, _ in await gatherResults(eight)]
        self.assertEqual(len(seen), 64)
        self.assertGreater(len(set(seen)), 1)
        self.assertGreater(swaps, 8)

    def test_a_handshake_that_began_before_the_swap_gets_the_new_certificate(self) -> None:
        served = contexts(MX)
        server = served.serverConnectionForTLS(None)
        server.set_accept_state()
        served.serve([ROOT.bundle("mx.example.org", common="new")])
        client = Asking(b"mx.example.org").clientConnectionForTLS(None)
        for _ in range(4):
            for one, other in ((client, server), (server, client)):
                try:
                    one.do_handshake()
                except SSL.WantReadError:
                    pass
                try:
                    other.bio_write(one.bio_read(65536))
                except SSL.WantReadError:
                    pass
        certificate = client.get_peer_certificate()
        self.assertEqual(certificate.get_subject().CN, "new")
