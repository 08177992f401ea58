"""TLS to other servers, with real handshakes: whose certificate it is."""

from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import ExtendedKeyUsageOID

from mailtwist.tls.certificates import read_bundle
from mailtwist.tls.contexts import ServerContexts
from mailtwist.tls.verdict import SHOWN, safe
from tests.tls.made import YESTERDAY, new_key, subject
from tests.tls.outbound import HOST, OutboundCase, Serving


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

    def test_a_wildcard_in_somebodys_mx_record_is_no_host(self):
        for host in ("*.example.org", "*.", "*"):
            with self.assertRaises(ValueError):
                self.trusting().context(host)

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
