"""Every kind of certificate and of trouble with TLS, under every policy: what is found, and who gets mail."""

from datetime import timedelta
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import load_der_x509_certificate
from OpenSSL import SSL
from twisted.internet import reactor as the_reactor
from twisted.logger import globalLogPublisher
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.trial.unittest import TestCase

from mailtwist.delivery.remote import session as module
from mailtwist.delivery.remote.session import Ours, There, opened
from mailtwist.kit.clock import SystemClock
from mailtwist.kit.trouble import Trouble
from mailtwist.mail.address import NULL, Address
from mailtwist.protocols.smtp.sending import Outgoing, sent
from mailtwist.tls.certificates import Bundle, read_bundle
from mailtwist.tls.outbound import Outbound
from mailtwist.tls.policy import NotGoodEnough, NoTls, Opportunistic, Policy, Record, Verify
from tests.delivery.remote.peer import Peer, Peers
from tests.tls.made import NOW, Authority, new_key
from tests.tls.outbound import Serving

reactor: Any = the_reactor
HOST = "163mx02.mxmail.netease.com"
LONG_AGO = NOW - timedelta(400)
MAIL = Outgoing(NULL, Address("ann", "example.org"), b"Subject: x\r\n\r\nhello\r\n")

NOT_MEANT = f"certificate is valid for *.163.com, 163.com, not {HOST}"
SELF_SIGNED = "certificate is self-signed"
UNKNOWN = (
    'issuer "Somebody else" of the certificate is unknown: it is not trusted here,'
    " or the server does not send the intermediate certificate"
)
OLD = "the server speaks no TLS 1.2 or later (tlsv1 alert protocol version)"
DIES = "the connection was closed during the TLS handshake"
INJECTED = "octets in clear behind the answer to STARTTLS"
WANTS = "the server wants a client certificate (tlsv13 alert certificate required)"

MISMATCH, EXPIRY, TRUST = "certificate-host-mismatch", "certificate-expired", "certificate-not-trusted"
NO_STARTTLS, FAILS = "starttls-not-supported", "validation-failure"


class Dying(Peer):
    """Hangs up in the middle of the handshake."""

    def lineReceived(self, line: bytes) -> None:
        if line == b"STARTTLS":
            self.factory.said[-1].append(line)
            self.transport.write(b"220 go\r\n")
            self.setRawMode()
        else:
            super().lineReceived(line)

    def rawDataReceived(self, data: bytes) -> None:
        self.transport.loseConnection()


class PolicyCase(TestCase):
    def setUp(self) -> None:
        self.patch(module, "GOODBYE", 1.0)
        self.authority = Authority()
        roots = Path(self.mktemp())
        roots.write_bytes(self.authority.pem)
        self.ours = Ours("mail.example.org", Outbound(roots), SystemClock(), 10.0, 10.0)
        self.events: list[dict[str, Any]] = []
        globalLogPublisher.addObserver(self.events.append)
        self.addCleanup(globalLogPublisher.removeObserver, self.events.append)

    def serving(self, peer: type[Peer] = Peer, contexts: Any = None, **replies: bytes) -> None:
        """One server, in place of the one before."""
        self.peers = Peers(contexts)
        self.peers.protocol = peer
        self.peers.replies.update(replies)
        port = reactor.listenTCP(0, self.peers, interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        self.there = There(HOST, "127.0.0.1", port.getHost().port)

    def bundle(self, *names: str, by: Authority | None = None, **how: Any) -> Bundle:
        how = {"begins": LONG_AGO, **how}
        return read_bundle(*(by or self.authority).leaf(*names, **how), named=False)

    def shows(self, bundle: Bundle, **how: Any) -> None:
        self.serving(contexts=Serving(bundle.leaf, bundle.key, *bundle.chain, **how))

    async def tried(self, *policies: Policy) -> Record | Trouble:
        """The record of the one session, or why there is none; told to nobody twice."""
        records: list[Record] = []
        try:
            session = await opened(self.there, policies, self.ours, records.append)
        except NotGoodEnough as refused:
            self.assertEqual(records, [refused.record])
            return refused
        except Trouble as trouble:
            self.assertEqual(records, [])
            return trouble
        self.assertEqual(records, [session.record])
        await sent(session.call, session.offers, MAIL)
        await session.quit()
        return session.record

    @property
    def said(self) -> list[bytes]:
        return [line for session in self.peers.said for line in session]

    async def assertGoes(self, policy: Policy, encrypted: bool, *findings: tuple[str, str]) -> None:
        record = await self.tried(policy)
        assert isinstance(record, Record), record
        self.assertEqual(record.seen.shown is not None, encrypted)
        self.assertEqual([(one.code, one.words) for one in record.findings], list(findings))
        self.assertTrue([line for line in self.peers.said[-1] if line.startswith(b"MAIL FROM:<>")])
        (event,) = self.told()
        self.assertEqual(event["event_id"], "tls.outbound_flawed" if findings else "tls.outbound")
        self.peers.said.clear()

    async def assertStays(self, policy: Policy, *findings: tuple[str, str]) -> None:
        refused = await self.tried(policy)
        assert isinstance(refused, NotGoodEnough), refused
        self.assertEqual(refused.status, "4.7.5")
        self.assertEqual([(one.code, one.words) for one in refused.record.findings], list(findings))
        words = "; ".join(words for _, words in findings)
        said = f"{HOST} at 127.0.0.1: {words}; refused by policy {policy.source}"
        self.assertEqual(refused.detail, said)
        self.assertFalse([line for line in self.said if line.startswith((b"MAIL", b"RCPT", b"DATA"))])
        self.assertLessEqual(len(self.peers.said), 1)  # nobody asks again in clear
        (event,) = self.told()
        self.assertEqual(event["event_id"], "tls.outbound_refused")
        self.peers.said.clear()

    def told(self) -> list[dict[str, Any]]:
        events = [one for one in self.events if str(one.get("event_id", "")).startswith("tls.outbound")]
        self.events.clear()
        return events


class TableTests(PolicyCase):
    """The rows; the columns are `none`, `opportunistic`, `verify`, and `verify` for other names."""

    async def wrong(self, *findings: tuple[str, str]) -> None:
        """A certificate with these flaws: mail goes in clear, goes encrypted, and stays."""
        await self.assertGoes(NoTls(), False)
        self.assertNotIn(b"STARTTLS", self.said)
        await self.assertGoes(Opportunistic(), True, *findings)
        await self.assertStays(Verify(), *findings)

    async def clear(self, code: str, words: str) -> None:
        """No TLS for this reason: mail goes in clear, or stays."""
        await self.assertGoes(NoTls(), False)
        await self.assertGoes(Opportunistic(), False, (code, words))
        await self.assertStays(Verify(), (code, words))
        await self.assertStays(Verify(("163.com",)), (code, words))

    async def test_a_right_certificate(self) -> None:
        self.shows(self.bundle(HOST))
        await self.assertGoes(NoTls(), False)
        await self.assertGoes(Opportunistic(), True)
        await self.assertGoes(Verify(), True)
        words = f"certificate is valid for {HOST}, not mx.example.org"
        await self.assertStays(Verify(("mx.example.org",)), (MISMATCH, words))

    async def test_the_one_of_netease(self) -> None:
        self.shows(self.bundle("*.163.com", "163.com"))
        await self.wrong((MISMATCH, NOT_MEANT))
        await self.assertGoes(Verify(("163.com",)), True)
        await self.assertGoes(Verify((".163.com",)), True)
        words = "certificate is valid for *.163.com, 163.com, not 126.com or .netease.com"
        await self.assertStays(Verify(("126.com", ".netease.com")), (MISMATCH, words))
        await self.assertGoes(Opportunistic(("163.com",)), True)

    async def test_an_expired_one(self) -> None:
        self.shows(self.bundle(HOST, ends=LONG_AGO + timedelta(1)))
        day = (LONG_AGO + timedelta(1)).strftime("%Y-%m-%d %H:%M UTC")
        await self.wrong((EXPIRY, f"certificate expired on {day}"))
        await self.assertStays(Verify((HOST,)), (EXPIRY, f"certificate expired on {day}"))

    async def test_a_self_signed_one(self) -> None:
        key = new_key()
        alone = Authority(HOST, key=key)
        self.serving(contexts=Serving(alone.certificate, key))
        flaws = (
            (TRUST, SELF_SIGNED),
            (
                MISMATCH,
                f"certificate is valid for no name at all (it has no subjectAltName), not {HOST}",
            ),
        )
        await self.wrong(*flaws)
        await self.assertStays(Verify((HOST,)), *flaws)

    async def test_one_of_another_authority(self) -> None:
        self.shows(self.bundle(HOST, by=Authority("Somebody else")))
        await self.wrong((TRUST, UNKNOWN))
        await self.assertStays(Verify((HOST,)), (TRUST, UNKNOWN))

    async def test_one_whose_authority_has_no_name_that_can_be_read(self) -> None:
        """Such as Latin-1 in a T61String, as in the nineties: no reason to drop mail, or a connection."""
        bundle = self.bundle(HOST, by=Authority("Somebody else"))
        octets = bundle.leaf.public_bytes(Encoding.DER).replace(
            b"\x0c\rSomebody else", b"\x14\rSomeb\xf6dy else"
        )
        leaf = load_der_x509_certificate(octets)
        with self.assertRaises(ValueError):
            str(leaf.issuer)
        self.serving(contexts=Serving(leaf, bundle.key))
        await self.wrong((TRUST, UNKNOWN.replace("Somebody else", "?")))

    async def test_all_of_it_at_once(self) -> None:
        self.shows(self.bundle("163.com", by=Authority("Somebody else"), ends=LONG_AGO + timedelta(1)))
        record = await self.tried(Opportunistic())
        assert isinstance(record, Record)
        self.assertEqual({one.code for one in record.findings}, {TRUST, EXPIRY, MISMATCH})

    async def test_no_starttls(self) -> None:
        self.serving(EHLO=b"250-there\r\n250 SIZE 1000000")
        await self.clear(NO_STARTTLS, "the server does not offer STARTTLS")

    async def test_a_server_that_knows_helo_only(self) -> None:
        self.serving(EHLO=b"502 what?")
        await self.clear(NO_STARTTLS, "the server does not offer STARTTLS")

    async def test_starttls_that_is_refused(self) -> None:
        self.serving(STARTTLS=b"454 4.7.0 TLS not available \x1b[31m")
        words = "the server refuses STARTTLS: 454 4.7.0 TLS not available ?[31m"
        await self.clear(NO_STARTTLS, words)

    async def test_tls_of_the_last_century(self) -> None:
        bundle = self.bundle(HOST)
        self.shows(bundle, version=SSL.TLS1_VERSION)
        await self.clear(FAILS, OLD)

    async def test_a_handshake_that_dies(self) -> None:
        self.serving(Dying)
        await self.clear(FAILS, DIES)

    async def test_a_server_that_wants_a_client_certificate_gets_none(self) -> None:
        """Under TLS 1.3 it says so only after the handshake; with TLS 1.2 in it."""
        self.shows(self.bundle(HOST), wants=self.authority.certificate)
        await self.clear(FAILS, WANTS)

    async def test_octets_behind_the_answer_to_starttls(self) -> None:
        """S5: no policy that asks for TLS goes on after that, and none falls back."""
        self.shows(self.bundle(HOST))
        self.peers.replies["STARTTLS"] = b"220 go\r\n250-injected\r\n250 AUTH PLAIN"
        await self.assertGoes(NoTls(), False)
        for policy in (Opportunistic(), Verify(), Verify(("163.com",))):
            trouble = await self.tried(policy)
            assert isinstance(trouble, Trouble)
            self.assertEqual(trouble.status, "4.7.0")
            self.assertIn(INJECTED, trouble.detail)
            self.assertEqual(self.said, [b"EHLO mail.example.org", b"STARTTLS"])
            self.assertEqual(self.told(), [])
            self.peers.said.clear()

    async def test_octets_behind_a_refusal_of_starttls(self) -> None:
        self.serving(STARTTLS=b"454 no\r\n250 taken")
        for policy in (Opportunistic(), Verify()):
            trouble = await self.tried(policy)
            assert isinstance(trouble, Trouble)
            self.assertEqual(trouble.status, "4.4.2")
            self.assertEqual(self.said[-1], b"STARTTLS")
            self.peers.said.clear()


class NameTests(PolicyCase):
    async def test_the_host_is_asked_for_or_what_the_policy_asks_for(self) -> None:
        asked: list[Any] = []
        self.shows(self.bundle(HOST, "base.example"))
        context = self.peers.contexts.context
        context.set_tlsext_servername_callback(lambda connection: asked.append(connection.get_servername()))
        await self.assertGoes(Verify(), True)
        await self.assertGoes(Verify(names=("base.example",)), True)
        await self.assertGoes(Verify(names=("base.example",), asks="base.example"), True)
        self.assertEqual(asked, [HOST.encode(), HOST.encode(), b"base.example"])

    async def test_a_name_in_capitals_with_a_dot_is_the_same(self) -> None:
        self.shows(self.bundle(HOST))
        self.there = There(HOST.upper() + ".", "127.0.0.1", self.there.port)
        await self.assertGoes(Verify(), True)

    async def test_an_address_is_not_asked_for_and_is_looked_for(self) -> None:
        self.shows(self.bundle("127.0.0.1"))
        self.there = There("127.0.0.1", "127.0.0.1", self.there.port)
        await self.assertGoes(Verify(), True)

    async def test_a_host_that_can_be_none(self) -> None:
        """Nor is a wildcard one, which anybody can write into his MX record."""
        self.shows(self.bundle(HOST, "*.163.com"))
        for host in ("a b", "*.163.com", "*"):
            for policy in (Verify(), Opportunistic()):
                self.there = There(host, "127.0.0.1", self.there.port)
                trouble = await self.tried(policy)
                assert isinstance(trouble, Trouble)
                self.assertEqual((trouble.temporary, self.said), (True, []))


class SeveralTests(PolicyCase):
    async def test_each_policy_says_what_it_finds_and_the_strict_one_decides(self) -> None:
        self.shows(self.bundle("*.163.com", "163.com"))
        names = Verify(("163.com",))
        record = await self.tried(Opportunistic(), names)
        assert isinstance(record, Record)
        self.assertEqual([len(one.findings) for one in record.judgements], [1, 0])
        self.assertTrue(record.verified)
        refused = await self.tried(names, Opportunistic(), Verify())
        assert isinstance(refused, NotGoodEnough)
        self.assertEqual(refused.record.words, NOT_MEANT)
        self.assertEqual([one.policy for one in refused.record.refusing], [Verify()])

    async def test_one_that_wants_tls_is_enough(self) -> None:
        self.shows(self.bundle(HOST))
        record = await self.tried(NoTls(), Opportunistic())
        assert isinstance(record, Record)
        self.assertIsNotNone(record.seen.shown)
        self.assertFalse(record.verified, "nobody made sure")

    async def test_what_reports_count_is_kept(self) -> None:
        self.shows(self.bundle("163.com"))
        record = await self.tried(Opportunistic())
        assert isinstance(record, Record)
        seen = record.seen
        self.assertEqual((seen.host, seen.address, seen.port), (HOST, "127.0.0.1", self.there.port))
        self.assertEqual(seen.ours, "127.0.0.1")
        assert seen.shown is not None
        self.assertEqual((seen.shown.name, seen.shown.version), (HOST, "TLSv1.3"))
        self.assertIn("AUTH PLAIN LOGIN", seen.offers)
        self.assertEqual(len(seen.shown.chain), 1)


class EndTests(PolicyCase):
    async def test_who_is_refused_hears_goodbye(self) -> None:
        self.shows(self.bundle("163.com"))
        await self.tried(Verify())
        self.assertEqual(self.said[-1], b"QUIT")

    async def test_tls_from_the_first_octet(self) -> None:
        bundle = self.bundle(HOST)
        self.peers = Peers(None)
        self.peers.replies["EHLO"] = b"250 there"
        contexts = Serving(bundle.leaf, bundle.key)
        port = reactor.listenTCP(0, TLSMemoryBIOFactory(contexts, False, self.peers), interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        self.there = There(HOST, "127.0.0.1", port.getHost().port, implicit=True)
        await self.assertGoes(Verify(), True)
        self.assertNotIn(b"STARTTLS", self.said)
        await self.assertStays(
            Verify(("163.com",)), (MISMATCH, f"certificate is valid for {HOST}, not 163.com")
        )

    async def test_a_port_for_tls_falls_back_to_nothing(self) -> None:
        self.serving()
        self.there = There(HOST, "127.0.0.1", self.there.port, implicit=True)
        refused = await self.tried(Opportunistic())
        assert isinstance(refused, NotGoodEnough)
        self.assertNotIn(b"MAIL FROM:<>", self.said)
