"""TLS to other servers, with real handshakes: what is taken, what is refused, and in what words."""

from base64 import b64encode
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID
from OpenSSL import SSL
from OpenSSL.crypto import X509
from twisted.internet.interfaces import IOpenSSLServerConnectionCreator
from twisted.internet.protocol import Protocol
from twisted.trial.unittest import SynchronousTestCase, TestCase
from zope.interface import implementer

from mailtwist.gateway.connecting import connected
from mailtwist.kit.trouble import Trouble
from mailtwist.protocols.client import Call
from mailtwist.tls.certificates import BadCertificate, read_bundle
from mailtwist.tls.contexts import ServerContexts
from mailtwist.tls.outbound import CertificateRefused, Outbound
from mailtwist.tls.verdict import SHOWN, Pins, pin_of, safe, spelled
from tests.loopback import listening
from tests.tls.made import YESTERDAY, Authority, new_key, pem_of, subject

HOST = "mail.inside"


class Greeting(Protocol):
    """A server that greets, and remembers the name it was asked for, and the client's certificate."""

    asked: list = []

    def connectionMade(self):
        self.transport.write(b"* OK ready\r\n")

    def dataReceived(self, data):
        handle = self.transport.getHandle()
        shown = handle.get_peer_certificate()
        self.asked.append((handle.get_servername(), shown and shown.get_subject().CN))
        self.transport.write(b"* BYE\r\n")


@implementer(IOpenSSLServerConnectionCreator)
class Serving:
    """A server's context as OpenSSL has it: for what ours would not do."""

    def __init__(self, leaf, key, *chain, wants=None, version=None, ciphers=None):
        self.context = SSL.Context(SSL.TLS_SERVER_METHOD)
        if leaf is not None:
            self.context.use_certificate(leaf)
            self.context.use_privatekey(key)
        for link in chain:
            self.context.add_extra_chain_cert(link)
        if wants is not None:
            self.context.get_cert_store().add_cert(X509.from_cryptography(wants))
            how = SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT
            self.context.set_verify(how, lambda connection, shown, error, depth, well: bool(well))
        if version is not None:
            self.context.set_max_proto_version(version)
            self.context.set_cipher_list(b"DEFAULT@SECLEVEL=0")
        if ciphers is not None:
            self.context.set_cipher_list(ciphers)

    def serverConnectionForTLS(self, protocol):
        return SSL.Connection(self.context, None)


class OutboundCase(TestCase):
    def setUp(self):
        self.root = Authority("The root")
        self.asked = []

    def file(self, octets):
        path = Path(self.mktemp())
        path.write_bytes(octets)
        return path

    def trusting(self, **more):
        return Outbound(**{"roots": self.file(self.root.pem), **more})

    async def spoken(self, serving, outbound, host=HOST):
        """The greeting, and the answer to a line, under TLS with `serving`; a bundle or a context."""
        if not hasattr(serving, "serverConnectionForTLS"):
            contexts = ServerContexts()
            contexts.serve([serving])
            serving = contexts
        asked = self.asked

        class Server(Greeting):
            pass

        Server.asked = asked
        port = listening(self, Server, serving)
        call = Call("mail.inside:993", patience=20)
        await connected(call, "127.0.0.1", port, 10)
        self.addCleanup(call.abort)
        await call.start_tls(outbound.context(host))
        greeting = await call.line()
        call.write(b"A LOGOUT\r\n")
        await call.line()
        call.close()
        return greeting

    async def assertTaken(self, serving, outbound, host=HOST):
        self.assertEqual(await self.spoken(serving, outbound, host), b"* OK ready")

    async def assertRefused(self, words, serving, outbound, host=HOST):
        with self.assertRaises(CertificateRefused) as caught:
            await self.spoken(serving, outbound, host)
        self.assertEqual((caught.exception.status, caught.exception.words), ("4.7.5", words))
        self.assertEqual(self.asked, [], "nothing was said")
        return caught.exception


class NameTests(OutboundCase):
    async def test_the_name_is_looked_for_and_asked_for(self):
        await self.assertTaken(self.root.bundle(HOST), self.trusting())
        self.assertEqual(self.asked, [(b"mail.inside", None)])

    async def test_another_name_is_told_word_for_word(self):
        refused = await self.assertRefused(
            "certificate is valid for *.163.com, 163.com, not 163mx02.mxmail.netease.com",
            self.root.bundle("*.163.com", "163.com"),
            self.trusting(),
            "163mx02.mxmail.netease.com",
        )
        self.assertEqual([one.code for one in refused.findings], ["certificate-host-mismatch"])

    async def test_a_wildcard_is_one_label(self):
        outbound = self.trusting()
        await self.assertTaken(self.root.bundle("*.inside.example"), outbound, "mail.inside.example")
        for host in ("inside.example", "a.mail.inside.example"):
            self.asked.clear()
            await self.assertRefused(
                f"certificate is valid for *.inside.example, not {host}",
                self.root.bundle("*.inside.example"), outbound, host,
            )  # fmt: skip

    async def test_a_wildcard_elsewhere_is_none(self):
        for name in ("m*.inside.example", "mail.*.example", "*", "*.example"):
            host = "mail.inside.example"
            bundle = read_bundle(*self.root.leaf(name), named=False)
            words = f"certificate is valid for {name}, not {host}"
            await self.assertRefused(words, Serving(bundle.leaf, bundle.key), self.trusting(), host)

    async def test_case_and_a_last_dot_do_not_count(self):
        await self.assertTaken(self.root.bundle("Mail.Inside"), self.trusting(), "MAIL.inside.")
        self.assertEqual(self.asked, [(b"mail.inside", None)])

    async def test_an_international_name_is_its_a_label(self):
        bundle = self.root.bundle("xn--bcher-kva.example")
        await self.assertTaken(
            bundle, self.trusting(), "b\N{LATIN SMALL LETTER U WITH DIAERESIS}cher.example"
        )
        self.assertEqual(self.asked, [(b"xn--bcher-kva.example", None)])

    async def test_an_address_is_looked_for_among_addresses_and_not_asked_for(self):
        bundle = self.root.bundle("127.0.0.1", "2001:db8::1")
        for host in ("127.0.0.1", "2001:DB8:0::1", "[2001:db8::1]"):
            await self.assertTaken(bundle, self.trusting(), host)
        self.assertEqual({name for name, _ in self.asked}, {None})
        self.asked.clear()
        await self.assertRefused(
            "certificate is valid for 127.0.0.1, 2001:db8::1, not 127.0.0.2",
            bundle,
            self.trusting(),
            "127.0.0.2",
        )

    async def test_an_address_in_the_place_of_a_name_is_none(self):
        key = new_key()
        names = x509.SubjectAlternativeName([x509.DNSName("127.0.0.1")])
        leaf = self.signed(key, names)
        words = "certificate is valid for 127.0.0.1, not 127.0.0.1"
        await self.assertRefused(words, Serving(leaf, key), self.trusting(), "127.0.0.1")

    async def test_the_common_name_counts_no_more(self):
        bundle = read_bundle(*self.root.leaf(common=HOST), named=False)
        await self.assertRefused(
            "certificate is valid for no name at all (it has no subjectAltName), not mail.inside",
            Serving(bundle.leaf, bundle.key), self.trusting(),
        )  # fmt: skip

    async def test_of_many_names_some_are_told(self):
        names = [f"host{n}.example" for n in range(SHOWN + 30)]
        listed = ", ".join(names[:SHOWN])
        words = f"certificate is valid for {listed} and 30 more, not mail.inside"
        await self.assertRefused(words, self.root.bundle(*names), self.trusting())

    async def test_another_name_may_be_meant(self):
        outbound = self.trusting(name="mail.example.org")
        await self.assertTaken(self.root.bundle("mail.example.org"), outbound, "127.0.0.1")
        self.assertEqual(self.asked, [(b"mail.example.org", None)])
        self.asked.clear()
        words = "certificate is valid for mail.inside, not mail.example.org"
        await self.assertRefused(words, self.root.bundle(HOST), outbound, HOST)

    async def test_a_server_that_shows_another_one_without_sni_is_served(self):
        contexts = ServerContexts("invalid.invalid")
        contexts.serve([self.root.bundle("invalid.invalid"), self.root.bundle(HOST)])
        await self.assertTaken(contexts, self.trusting())

    def signed(self, key, *extensions, begins=YESTERDAY, by=None):
        by = by or self.root
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject(HOST))
            .issuer_name(subject(by.name))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(begins)
            .not_valid_after(datetime.now(UTC) + timedelta(10))
        )
        for one in extensions:
            builder = builder.add_extension(one, critical=False)
        return builder.sign(by.key, hashes.SHA256())

    async def test_what_strangers_write_into_names_is_made_safe(self):
        evil = 'x\r\nA OK "logged in" \x1b[2J\\' + "y" * 300
        names = x509.SubjectAlternativeName([x509.DNSName(evil)])
        key = new_key()
        refused = await self.assertRefused(
            f"certificate is valid for {safe(evil)}, not mail.inside",
            Serving(self.signed(key, names), key), self.trusting(),
        )  # fmt: skip
        self.assertTrue(refused.words.isprintable() and len(refused.words) < 200, refused.words)

    async def test_a_certificate_for_clients_is_none_for_servers(self):
        key = new_key()
        names = x509.SubjectAlternativeName([x509.DNSName(HOST)])
        for_clients = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH])
        leaf = self.signed(key, names, for_clients)
        await self.assertRefused("certificate is not for TLS servers", Serving(leaf, key), self.trusting())


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


NO_NAME = "no name at all (it has no subjectAltName)"


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
