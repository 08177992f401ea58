"""Questions to a real bind9, and to a real unbound that validates."""

from twisted.trial.unittest import TestCase

from mailtwist.kit.dns import DnsAway
from mailtwist.kit.dns_records import Mx, takes_no_mail
from tests.peers.programs import needs
from tests.tls.dns.named import asking, named, unbound


@needs("named")
class AtBind(TestCase):
    def setUp(self) -> None:
        self.dns = asking(self)

    async def test_mail_hosts(self) -> None:
        answer = await self.dns.mx("EXAMPLE.test")
        self.assertEqual(answer.records, (Mx(10, "mail.example.test"), Mx(20, "second.mail.test")))
        self.assertTrue(takes_no_mail(await self.dns.mx("none.example.test")))

    async def test_what_is_not_there(self) -> None:
        for name, exists in [("nobody.example.test", False), ("mail.example.test", True)]:
            answer = await self.dns.txt(name)
            self.assertEqual((answer.records, answer.exists, answer.ttl), ((), exists, 5))

    async def test_addresses_through_an_alias(self) -> None:
        answer = await self.dns.addresses("alias.example.test")
        self.assertEqual(answer.records, ("2001:db8::1", "192.0.2.1"))
        self.assertEqual((answer.name, answer.canonical), ("alias.example.test", "mail.example.test"))

    async def test_odd_texts(self) -> None:
        texts = (await self.dns.txt("text.example.test")).records
        self.assertEqual(set(texts), {"one string", "second \\xff\0 value"})

    async def test_authorities(self) -> None:
        answer = await self.dns.caa("deep.below.example.test")
        by_tag = {record.tag: record for record in answer.records}
        self.assertEqual(answer.name, "example.test")
        self.assertEqual(by_tag["issue"].issuer, "ca.test")
        self.assertEqual(
            by_tag["issue"].parameters,
            {"accounturi": "https://ca.test/acct/1", "validationmethods": "dns-01"},
        )
        self.assertEqual((by_tag["issuewild"].issuer, by_tag["issuewild"].critical), ("", True))

    async def test_zones_and_their_servers(self) -> None:
        self.assertEqual(await self.dns.zone("_acme-challenge.a.b.example.test"), "example.test")
        (served,) = await self.dns.authoritative("_25._tcp.mail.example.test", "TLSA")
        self.assertEqual(str(served), "ns.test [127.0.0.1]")
        self.assertTrue(served.answer.records[0].startswith("3 1 1 0123456789abcdef"))

    async def test_a_circle_of_aliases_is_nothing_that_anybody_could_say(self) -> None:
        with self.assertRaises(DnsAway):
            await self.dns.txt("loop.example.test")


@needs("named", "unbound")
class AtUnbound(TestCase):
    def setUp(self) -> None:
        self.port = unbound().port

    async def test_what_is_signed_is_secure_and_what_is_not_is_not(self) -> None:
        dns = asking(self, port=self.port, trust_ad=True)
        self.assertTrue((await dns.mx("signed.test")).secure)
        self.assertTrue((await dns.tlsa("_25._tcp.mail.signed.test")).secure)
        self.assertTrue((await dns.addresses("mail.signed.test")).secure)
        self.assertFalse((await dns.mx("example.test")).secure)

    async def test_that_there_is_nothing_is_secure_too(self) -> None:
        dns = asking(self, port=self.port, trust_ad=True)
        answer = await dns.tlsa("_25._tcp.nobody.signed.test")
        self.assertEqual((answer.records, answer.exists, answer.secure), ((), False, True))

    async def test_nothing_is_secure_to_who_does_not_trust_it(self) -> None:
        self.assertFalse((await asking(self, port=self.port).mx("signed.test")).secure)

    async def test_what_is_not_signed_as_it_should_be_is_bogus(self) -> None:
        dns = asking(self, port=self.port, trust_ad=True)
        with self.assertRaises(DnsAway) as caught:
            await dns.mx("bogus.test")
        self.assertTrue(caught.exception.bogus)
        self.assertIn("dnskey missing", caught.exception.why)
        with self.assertRaises(DnsAway) as caught:
            await asking(self, port=self.port).mx("bogus.test")
        self.assertFalse(caught.exception.bogus)

    async def test_it_says_as_much_as_bind(self) -> None:
        self.assertEqual(
            (await asking(self, port=self.port).mx("example.test")).records,
            (await asking(self, port=named().port).mx("example.test")).records,
        )
