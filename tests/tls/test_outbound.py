"""TLS to other servers, with real handshakes: what is taken, what is refused, and in what words."""

from base64 import b64encode
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography.hazmat.primitives.serialization import Encoding
from OpenSSL import SSL
from twisted.internet.protocol import Protocol
from twisted.trial.unittest import SynchronousTestCase

from mailtwist.kit.connecting import connected
from mailtwist.kit.trouble import Trouble
from mailtwist.protocols.client import Call
from mailtwist.tls.certificates import BadCertificate
from mailtwist.tls.contexts import ServerContexts
from mailtwist.tls.outbound import CertificateRefused, Outbound
from mailtwist.tls.verdict import Pins, pin_of, spelled
from tests.loopback import listening
from tests.tls.made import Authority, new_key, pem_of
from tests.tls.outbound import HOST, OutboundCase, Serving

NO_NAME = "no name at all (it has no subjectAltName)"


class ChainTests(OutboundCase):
    async def test_an_expired_one_is_told_with_its_day(self):
        ends = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)
        bundle = self.root.bundle(HOST, begins=ends - timedelta(30), ends=ends)
        refused = await self.assertRefused(
            "certificate expired on 2026-01-02 03:04 UTC", bundle, self.trusting()
        )
        self.assertEqual(refused.findings[0].code, "certificate-expired")

    async def test_one_of_the_future_is_not_valid_yet(self):
        begins = datetime(2199, 1, 2, 3, 4, tzinfo=UTC)
        bundle = self.root.bundle(HOST, begins=begins, ends=begins + timedelta(9))
        words = "certificate is not valid before 2199-01-02 03:04 UTC"
        await self.assertRefused(words, bundle, self.trusting())

    async def test_an_expired_authority_is_told_by_its_name(self):
        old = Authority("Old issuer", self.root, ends=datetime(2026, 1, 1, tzinfo=UTC))
        words = 'certificate of the authority "Old issuer" expired on 2026-01-01 00:00 UTC'
        await self.assertRefused(words, old.bundle(HOST), self.trusting())

    async def test_a_self_signed_one_is_told_so(self):
        own = Authority(HOST)
        words = f"certificate is self-signed; certificate is valid for {NO_NAME}, not mail.inside"
        refused = await self.assertRefused(words, Serving(own.certificate, own.key), self.trusting())
        codes = [one.code for one in refused.findings]
        self.assertEqual(codes, ["certificate-not-trusted", "certificate-host-mismatch"])

    async def test_another_root_is_told_by_its_name(self):
        other = Authority("Another root")
        leaf = other.bundle(HOST)
        words = 'certificate comes from "Another root", which is not trusted here'
        whole = Serving(leaf.leaf, leaf.key, other.certificate)
        await self.assertRefused(words, whole, self.trusting())
        words = (
            'issuer "Another root" of the certificate is unknown: it is not trusted here, or the server does'
            " not send the intermediate certificate"
        )
        await self.assertRefused(words, leaf, self.trusting())

    async def test_an_intermediate_that_is_not_sent_is_told(self):
        middle = Authority("Issuer 7", self.root)
        leaf = middle.bundle(HOST)
        await self.assertTaken(leaf, self.trusting())
        self.asked.clear()
        words = (
            'issuer "Issuer 7" of the certificate is unknown: it is not trusted here, or the server does not'
            " send the intermediate certificate"
        )
        await self.assertRefused(words, Serving(leaf.leaf, leaf.key), self.trusting())

    async def test_everything_is_told_that_is_wrong(self):
        ends = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)
        leaf = Authority("Nobody").bundle("else.example", begins=ends - timedelta(30), ends=ends)
        refused = await self.assertRefused(
            'issuer "Nobody" of the certificate is unknown: it is not trusted here, or the server does not'
            " send the intermediate certificate; certificate expired on 2026-01-02 03:04 UTC; certificate is"
            " valid for else.example, not mail.inside",
            leaf, self.trusting(),
        )  # fmt: skip
        self.assertEqual(len(refused.findings), 3)

    async def test_a_certificate_in_the_file_of_roots_is_trusted_itself(self):
        leaf = Authority("Gone").bundle(HOST)
        pem = leaf.leaf.public_bytes(Encoding.PEM)
        await self.assertTaken(leaf, Outbound(roots=self.file(pem)))
        other = Authority("Gone, too").bundle(HOST)
        with self.assertRaises(CertificateRefused):
            await self.spoken(other, Outbound(roots=self.file(pem)))

    async def test_without_a_file_the_systems_roots_count(self):
        with self.assertRaises(CertificateRefused):
            await self.spoken(self.root.bundle(HOST), Outbound())

    async def test_a_key_that_is_too_short_is_refused(self):
        leaf = self.root.bundle(HOST, kind="RSA1024")
        serving = Serving(None, None, ciphers=b"ECDHE+AESGCM@SECLEVEL=0")
        serving.context.use_certificate(leaf.leaf)
        serving.context.use_privatekey(leaf.key)
        with self.assertRaises(Trouble) as caught:
            await self.spoken(serving, self.trusting())
        self.assertIn("too s", caught.exception.detail)
        self.assertEqual((caught.exception.status, self.asked), ("4.7.5", []))


class PinTests(OutboundCase):
    async def test_a_pinned_key_needs_nothing_else(self):
        ends = datetime(2026, 1, 2, tzinfo=UTC)
        leaf = Authority("Nobody").bundle("else.example", begins=ends - timedelta(30), ends=ends)
        other = Authority("Other").bundle("else.example")
        pins = Pins([pin_of(other.leaf), pin_of(leaf.leaf)])
        await self.assertTaken(leaf, Outbound(pins=pins))

    async def test_another_key_is_told_as_a_setting_has_it(self):
        leaf = self.root.bundle(HOST)
        pins = Pins([pin_of(self.root.certificate)])
        words = f"the server's key is {spelled(pin_of(leaf.leaf))}, which is not pinned"
        await self.assertRefused(words, leaf, self.trusting(pins=pins))
        self.assertEqual(Pins.parse(spelled(pin_of(leaf.leaf))), (pin_of(leaf.leaf),))


class ClientCertificateTests(OutboundCase):
    def setUp(self):
        super().setUp()
        self.clients = Authority("Clients")
        self.server = self.root.bundle(HOST)

    def serving(self, **more):
        return Serving(self.server.leaf, self.server.key, wants=self.clients.certificate, **more)

    def showing(self, authority):
        certificate, key = authority.leaf(common="the gateway")
        return self.trusting(certificate=self.file(certificate), key=self.file(key))

    async def test_ours_is_shown_to_who_asks(self):
        await self.assertTaken(self.serving(), self.showing(self.clients))
        self.assertEqual(self.asked, [(b"mail.inside", "the gateway")])

    async def test_one_file_may_have_both(self):
        certificate, key = Authority("Issuer", self.clients).leaf(common="the gateway")
        await self.assertTaken(self.serving(), self.trusting(certificate=self.file(certificate + key)))

    async def test_a_server_that_misses_it_is_understood(self):
        for version in (SSL.TLS1_2_VERSION, SSL.TLS1_3_VERSION):
            with self.assertRaises(Trouble) as caught:
                await self.spoken(self.serving(version=version), self.trusting())
            self.assertIn("client certificate", caught.exception.detail)
            self.assertEqual(caught.exception.status, "4.7.5")

    async def test_a_server_that_does_not_take_it_is_understood(self):
        with self.assertRaises(Trouble) as caught:
            await self.spoken(self.serving(), self.showing(Authority("Others")))
        self.assertIn("client certificate", caught.exception.detail)


class VersionTests(OutboundCase):
    async def test_both_versions_of_today_are_spoken(self):
        leaf = self.root.bundle(HOST)
        for version in (SSL.TLS1_2_VERSION, SSL.TLS1_3_VERSION):
            await self.assertTaken(Serving(leaf.leaf, leaf.key, version=version), self.trusting())

    async def test_older_ones_are_not(self):
        leaf = self.root.bundle(HOST)
        for version in (SSL.TLS1_VERSION, SSL.TLS1_1_VERSION):
            with self.assertRaises(Trouble) as caught:
                await self.spoken(Serving(leaf.leaf, leaf.key, version=version), self.trusting())
            self.assertIn("the server speaks no TLS 1.2 or later", caught.exception.detail)

    async def test_a_server_without_a_certificate_is_none(self):
        serving = Serving(None, None, version=SSL.TLS1_2_VERSION)
        serving.context.set_cipher_list(b"aNULL@SECLEVEL=0")
        with self.assertRaises(Trouble) as caught:
            await self.spoken(serving, self.trusting())
        self.assertEqual((caught.exception.status, self.asked), ("4.7.5", []))

    async def test_one_context_is_made_for_all_connections(self):
        outbound = self.trusting()
        made = [outbound.context(host).clientConnectionForTLS(Protocol()) for host in (HOST, "other.inside")]
        self.assertIs(made[0].get_context(), made[1].get_context())

    async def test_a_verdict_is_given_once(self):
        """Objections are not kept: nobody may take their absence for a good verdict."""
        leaf = self.root.bundle(HOST)
        call = Call("mail.inside:993", patience=20)
        contexts = ServerContexts()
        contexts.serve([leaf])
        await connected(call, "127.0.0.1", listening(self, Protocol, contexts), 10)
        self.addCleanup(call.abort)
        towards = self.trusting().context(HOST)
        await call.start_tls(towards)
        with self.assertRaises(CertificateRefused):
            towards.judge(call.transport.getHandle())


class FileTests(SynchronousTestCase):
    def file(self, octets):
        path = Path(self.mktemp())
        path.write_bytes(octets)
        return path

    def assertBad(self, setting, words, **given):
        with self.assertRaises(BadCertificate) as caught:
            Outbound(**given)
        self.assertEqual(caught.exception.setting, setting)
        self.assertIn(words, caught.exception.words)

    def test_files_that_cannot_be_used_are_told_by_setting(self):
        certificate, key = map(self.file, Authority().leaf(HOST))
        missing, junk = Path("/nonexistent/x.pem"), self.file(b"junk")
        damaged = self.file(b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
        self.assertBad("roots", "/nonexistent/x.pem cannot be read: No such file", roots=missing)
        self.assertBad("roots", "no certificate in PEM form", roots=junk)
        self.assertBad("roots", "damaged", roots=damaged)
        self.assertBad("certificate", "cannot be read", certificate=missing, key=key)
        self.assertBad("certificate", "no certificate", certificate=junk, key=key)
        self.assertBad("key", "cannot be read", certificate=certificate, key=missing)
        self.assertBad("key", "no private key", certificate=certificate, key=junk)
        other = self.file(pem_of(new_key()))
        self.assertBad("key", "does not belong", certificate=certificate, key=other)

    def test_pins_are_read_as_people_write_them(self):
        pin = bytes(range(32))
        base64, hexadecimal = b64encode(pin).decode(), pin.hex()
        for text in (
            base64,
            f"sha256//{base64}",
            f"sha256:{hexadecimal}",
            f" {hexadecimal.upper()} ,{base64}",
        ):
            self.assertEqual(Pins.parse(text), (pin,))
        for text in ("x", "sha256//AAAA", hexadecimal[:-2], "sha1//" + base64, "\N{SNOWMAN}"):
            with self.assertRaisesRegex(ValueError, "is no SHA-256 of a public key; write it like sha256//A"):
                Pins.parse(text)
