"""Questions to DNS: what there is, what there is not, and what nobody can say."""

from pathlib import Path

import dns.flags
import dns.message
import dns.rcode
from twisted.trial.unittest import TestCase

from mailtwist.kit.dns import IN_LINE, MOST_SERVERS, DnsAway
from mailtwist.kit.dns_records import Answer, Caa, Mx, Server, Tlsa, labels, takes_no_mail
from mailtwist.kit.dns_wire import NoAnswer, system_servers
from mailtwist.kit.spawn import started
from mailtwist.testing.clock import ManualClock
from mailtwist.testing.threads import InTurn
from tests.kit.dns_server import Told, asking, dns_server


class Asking(TestCase):
    def setUp(self):
        self.told = Told()
        self.records = self.told.records
        self.port = dns_server(self, self.told)
        self.dns = asking(self, ["127.0.0.1"], self.port)

    async def away(self, question):
        """What `DnsAway` says."""
        with self.assertRaises(DnsAway) as caught:
            await question
        return caught.exception


class WhatThereIs(Asking):
    async def test_mail_hosts_come_in_the_order_in_which_they_are_to_be_tried(self):
        self.records["example.org", "MX"] = ["20 b.example.org.", "5 C.example.org.", "20 A.example.org."]
        answer = await self.dns.mx("Example.ORG.")
        self.assertEqual(
            answer.records, (Mx(5, "c.example.org"), Mx(20, "a.example.org"), Mx(20, "b.example.org"))
        )
        self.assertEqual((answer.name, answer.kind, answer.ttl), ("example.org", "MX", 120))
        self.assertFalse(takes_no_mail(answer))

    async def test_a_domain_can_say_that_it_takes_no_mail(self):
        self.records["example.org", "MX"] = ["0 ."]
        answer = await self.dns.mx("example.org")
        self.assertEqual(answer.records, (Mx(0, ""),))
        self.assertTrue(takes_no_mail(answer))
        self.assertFalse(takes_no_mail(Answer("example.org", "MX")))

    async def test_strings_of_a_text_are_one_text_and_odd_octets_can_be_seen(self):
        self.records["example.org", "TXT"] = [r'"v=" "one\255\000"', '""']
        self.assertEqual(set((await self.dns.txt("example.org")).records), {"v=one\\xff\0", ""})

    async def test_keys_of_a_server(self):
        self.records["_25._tcp.mail.example.org", "TLSA"] = ["3 1 1 " + "ab" * 32]
        (record,) = (await self.dns.tlsa("_25._tcp.mail.example.org")).records
        self.assertEqual(record, Tlsa(3, 1, 1, b"\xab" * 32))
        self.assertEqual(str(record), "3 1 1 " + "ab" * 32)

    async def test_addresses_of_both_families_are_one_answer(self):
        self.records["mail.example.org", "A"] = ["192.0.2.1", "192.0.2.2"]
        self.records["mail.example.org", "AAAA"] = ["2001:db8::1"]
        answer = await self.dns.addresses("mail.example.org")
        self.assertEqual(answer.records[0], "2001:db8::1")
        self.assertEqual(set(answer.records[1:]), {"192.0.2.1", "192.0.2.2"})

    async def test_one_family_is_enough_when_the_other_ones_question_finds_nobody(self):
        self.records["mail.example.org", "A"] = ["192.0.2.1"]
        self.told.raw = lambda question, tcp: (
            [dns.message.make_response(question).to_wire()[:5]] if question.question[0].rdtype == 28 else None
        )
        self.dns = asking(self, ["127.0.0.1"], self.port, timeout=0.3)
        self.assertEqual((await self.dns.addresses("mail.example.org")).records, ("192.0.2.1",))
        del self.records["mail.example.org", "A"]
        await self.away(self.dns.addresses("mail.example.org"))

    async def test_an_address_is_its_own_answer_and_no_question(self):
        self.assertEqual((await self.dns.addresses("192.0.2.1")).records, ("192.0.2.1",))
        self.assertEqual((await self.dns.addresses("[2001:DB8::1]")).records, ("2001:db8::1",))
        self.assertEqual(self.told.asked, [])

    async def test_where_aliases_led_is_told(self):
        self.records["www.example.org", "CNAME"] = ["Mail.example.org."]
        self.records["mail.example.org", "CNAME"] = ["host.example.net."]
        self.records["host.example.net", "TXT"] = ["x"]
        answer = await self.dns.txt("www.example.org")
        self.assertEqual(answer.aliases, ("mail.example.org", "host.example.net"))
        self.assertEqual((answer.name, answer.canonical), ("www.example.org", "host.example.net"))
        self.assertEqual((await self.dns.cname("www.example.org")).records, ("mail.example.org",))

    async def test_an_alias_to_nothing_is_told_too(self):
        self.records["www.example.org", "CNAME"] = ["host.example.net."]
        answer = await self.dns.txt("www.example.org")
        self.assertEqual((answer.records, answer.canonical), ((), "host.example.net"))

    async def test_names_are_asked_for_as_dns_spells_them(self):
        self.records["xn--bcher-kva.example", "TXT"] = ["x"]
        answer = await self.dns.txt("Bücher.example")
        self.assertEqual((answer.name, answer.records), ("xn--bcher-kva.example", ("x",)))

    async def test_what_can_be_no_name_has_no_records_and_is_not_asked_for(self):
        for name in (
            "",
            ".",
            "a..b",
            "x" * 64 + ".org",
            "a." * 130,
            "\ud800.org",
            "a\u2488b.org",
            "-\u00e9.org",
        ):
            answer = await self.dns.txt(name)
            self.assertFalse(answer, name)
            self.assertFalse(answer.exists)
        self.assertEqual(self.told.asked, [])

    async def test_odd_octets_in_a_name_are_octets_and_no_syntax(self):
        for name in ("a b.example.org", "a\\.b.example.org", "*.example.org", "a\0b.example.org"):
            self.assertFalse(await self.dns.txt(name))

    async def test_a_long_answer_is_asked_for_again_by_tcp(self):
        self.records["example.org", "TXT"] = ["x" * 250 + str(number) for number in range(60)]
        self.assertEqual(len((await self.dns.txt("example.org")).records), 60)


class WhatThereIsNot(Asking):
    async def test_a_name_that_is_not_there_is_an_answer(self):
        answer = await self.dns.mx("nobody.example.org")
        self.assertFalse(answer)
        self.assertFalse(answer.exists)

    async def test_a_name_without_such_a_record_is_there(self):
        self.records["example.org", "TXT"] = ["x"]
        answer = await self.dns.mx("example.org")
        self.assertFalse(answer)
        self.assertTrue(answer.exists)


class WhatNobodyCanSay(Asking):
    async def test_a_server_that_fails_or_refuses_says_nothing(self):
        for code in (dns.rcode.SERVFAIL, dns.rcode.REFUSED, dns.rcode.FORMERR, dns.rcode.NOTIMP):
            self.told.rcodes["example.org"] = code
            away = await self.away(self.dns.txt("example.org"))
            self.assertIn(dns.rcode.to_text(code), away.why)
            self.assertEqual((away.status, away.bogus), ("4.4.3", False))

    async def test_the_next_server_is_asked_then(self):
        other = Told()
        other.records["example.org", "TXT"] = ["x"]
        port = dns_server(self, other)
        self.told.rcodes["example.org"] = dns.rcode.SERVFAIL
        both = asking(self, [], 53)
        both._servers = [Server("127.0.0.1", self.port), Server("127.0.0.1", port)]
        self.assertEqual((await both.txt("example.org")).records, ("x",))

    async def test_silence_has_an_end(self):
        self.told.raw = lambda question, tcp: []
        dns_ = asking(self, ["127.0.0.1"], self.port, timeout=0.2)
        self.assertIn("does not answer", (await self.away(dns_.txt("example.org"))).why)

    async def test_what_is_no_answer_to_the_question_is_not_heard(self):
        """Others may send datagrams, too: only the right one counts."""
        self.records["example.org", "TXT"] = ["right"]

        def many(question, tcp):
            right = self.told.answer(question, "example.org", "TXT")
            forged = dns.message.from_wire(right.to_wire())
            forged.id = (question.id + 1) & 0xFFFF
            other = dns.message.make_response(dns.message.make_query("other.org", "TXT", id=question.id))
            cut = right.to_wire()[:-3]
            return [b"", b"\0" * 11, b"\xff" * 600, forged.to_wire(), other.to_wire(), cut, right.to_wire()]

        self.told.raw = many
        self.assertEqual((await self.dns.txt("example.org")).records, ("right",))

    async def test_names_that_point_to_themselves_are_nothing(self):
        """An answer whose compression never ends."""
        head = b"\x84\x00\x00\x01\x00\x01\x00\x00\x00\x00"
        asked = b"\x07example\x03org\x00\x00\x10\x00\x01"
        self.told.raw = lambda question, tcp: [
            question.id.to_bytes(2) + head + asked + b"\xc0\x1d\x00\x10\x00\x01\x00\x00\x00\x05\x00\x01\x00"
        ]
        dns_ = asking(self, ["127.0.0.1"], self.port, timeout=0.3)
        await self.away(dns_.txt("example.org"))

    async def test_aliases_in_a_circle_are_nothing(self):
        self.records["a.example.org", "CNAME"] = ["b.example.org."]
        self.records["b.example.org", "CNAME"] = ["a.example.org."]
        await self.away(self.dns.txt("a.example.org"))

    async def test_a_question_that_waits_too_long_for_its_turn_is_given_up(self):
        clock, threads = ManualClock(), InTurn()
        waiting = started(asking(self, ["127.0.0.1"], 1, clock=clock, threads=threads).txt("example.org"))
        clock.advance(10 + IN_LINE)
        self.assertEqual(self.failureResultOf(waiting, DnsAway).value.why, "too many questions at once")

    async def test_who_asked_can_give_up(self):
        threads = InTurn()
        waiting = started(asking(self, ["127.0.0.1"], 1, clock=ManualClock(), threads=threads).txt("a.org"))
        waiting.cancel()
        self.assertFalse(self.failureResultOf(waiting).check(DnsAway))


class Believed(Asking):
    async def test_what_a_resolver_calls_secure_is_believed_only_where_that_was_said(self):
        self.records["example.org", "TXT"] = ["x"]
        self.told.flags |= dns.flags.AD
        self.assertFalse((await self.dns.txt("example.org")).secure)
        trusting = asking(self, ["127.0.0.1"], self.port, trust_ad=True)
        self.assertTrue((await trusting.txt("example.org")).secure)
        self.assertTrue((await trusting.txt("nothing.example.org")).secure)
        self.told.flags &= ~dns.flags.AD
        self.assertFalse((await trusting.txt("example.org")).secure)

    async def test_it_is_asked_for(self):
        await self.dns.txt("example.org")
        self.assertTrue(self.told.questions[0].flags & dns.flags.AD)

    async def test_an_answer_that_is_only_given_unchecked_is_a_forgery(self):
        self.records["example.org", "TXT"] = ["x"]

        def validating(question, tcp):
            if question.flags & dns.flags.CD:
                return None
            refused = dns.message.make_response(question)
            refused.set_rcode(dns.rcode.SERVFAIL)
            return [refused.to_wire()]

        self.told.raw = validating
        trusting = asking(self, ["127.0.0.1"], self.port, trust_ad=True)
        self.assertTrue((await self.away(trusting.txt("example.org"))).bogus)
        self.assertFalse((await self.away(self.dns.txt("example.org"))).bogus)


class Authorities(Asking):
    async def test_the_nearest_caa_above_counts(self):
        self.records["example.org", "CAA"] = ['0 issue "ca.example"']
        self.records["a.b.example.org", "TXT"] = ["x"]
        answer = await self.dns.caa("*.a.b.example.org")
        self.assertEqual(
            (answer.name, [one.issuer for one in answer.records]), ("example.org", ["ca.example"])
        )
        names = [name for name, kind in self.told.asked]
        self.assertEqual(names, ["a.b.example.org", "b.example.org", "example.org"])

    async def test_without_any_there_is_none(self):
        answer = await self.dns.caa("a.example.org")
        self.assertFalse(answer)
        self.assertEqual([name for name, _ in self.told.asked], ["a.example.org", "example.org", "org"])

    async def test_nobody_passes_over_one_that_cannot_be_seen(self):
        self.records["org", "CAA"] = ['0 issue "ca.example"']
        self.told.rcodes["example.org"] = dns.rcode.SERVFAIL
        await self.away(self.dns.caa("example.org"))

    def test_what_a_caa_says(self):
        for value, issuer, parameters in [
            ("ca.example", "ca.example", {}),
            (" CA.example ; accounturi=https://a/1;validationmethods = dns-01,http-01 ", "ca.example",
             {"accounturi": "https://a/1", "validationmethods": "dns-01,http-01"}),
            (";", "", {}),
            ("", "", {}),
            ("; a=b", "", {"a": "b"}),
            ("ca.example; policy", "", {}),
            ("ca.example; a=b; a=c", "", {}),
            ("ca.example; a=b c", "", {}),
            ("ca..example", "", {}),
            ("-ca.example", "", {}),
            ("ca.example;;", "ca.example", {}),
            ("ca.example; A=b; a=b", "ca.example", {"a": "b"}),
            ("\\xff", "", {}),
        ]:  # fmt: skip
            record = Caa(0, "issue", value)
            self.assertEqual((record.issuer, dict(record.parameters)), (issuer, parameters), value)
        self.assertTrue(Caa(128, "tbs", "x").critical)
        self.assertEqual(str(Caa(0, "issue", 'a"b')), r'0 issue "a\"b"')


class OfTheZone(Asking):
    def setUp(self):
        super().setUp()
        soa = ["ns.example.org. a.example.org. 1 2 3 4 5"]
        self.records["example.org", "SOA"] = soa
        self.records["example.org", "NS"] = ["ns.example.org.", "ns2.example.org."]
        self.records["ns.example.org", "A"] = ["127.0.0.1"]
        self.records["ns2.example.org", "A"] = ["127.0.0.2"]
        self.records["_acme-challenge.example.org", "TXT"] = ["x", "y"]
        self.second = Told()
        dns_server(self, self.second, "127.0.0.2", self.port)

    async def test_the_zone_is_found_from_below(self):
        self.assertEqual(await self.dns.zone("_acme-challenge.a.B.example.org"), "example.org")
        self.assertEqual(await self.dns.zone("example.org"), "example.org")
        await self.away(self.dns.zone("example.net"))

    async def test_an_alias_into_another_zone_does_not_make_it_the_zone(self):
        self.records["www.example.org", "CNAME"] = ["other.test."]
        self.records["other.test", "SOA"] = ["ns.other.test. a.other.test. 1 2 3 4 5"]
        self.assertEqual(await self.dns.zone("www.example.org"), "example.org")

    async def test_each_server_says_what_it_has(self):
        self.second.records["_acme-challenge.example.org", "TXT"] = ["x"]
        first, second = sorted(await self.dns.authoritative("_acme-challenge.example.org"), key=str)
        self.assertEqual(str(first), "ns.example.org [127.0.0.1]")
        self.assertEqual((set(first.answer.records), second.answer.records), ({"x", "y"}, ("x",)))
        self.assertFalse(self.second.questions[0].flags & dns.flags.RD)

    async def test_one_that_has_nothing_says_so(self):
        first, second = sorted(await self.dns.authoritative("_acme-challenge.example.org"), key=str)
        self.assertEqual((second.answer.records, second.answer.exists), ((), False))

    async def test_one_that_does_not_serve_the_zone_says_nothing(self):
        self.second.flags = dns.flags.Flag(0)
        first, second = sorted(await self.dns.authoritative("_acme-challenge.example.org"), key=str)
        self.assertEqual((second.answer, second.why), (None, "does not serve the zone"))

    async def test_one_that_refuses_says_nothing(self):
        self.second.rcodes["_acme-challenge.example.org"] = dns.rcode.REFUSED
        first, second = sorted(await self.dns.authoritative("_acme-challenge.example.org"), key=str)
        self.assertEqual((second.answer, "REFUSED" in second.why), (None, True))

    async def test_a_zone_whose_servers_have_no_address_cannot_be_asked(self):
        del self.records["ns.example.org", "A"], self.records["ns2.example.org", "A"]
        self.assertIn("no", (await self.away(self.dns.authoritative("example.org"))).why)

    async def test_a_zone_of_many_servers_is_asked_at_some(self):
        self.records["example.org", "NS"] = [f"ns{number}.example.org." for number in range(60)]
        for number in range(60):
            self.records[f"ns{number}.example.org", "A"] = ["127.0.0.1"]
        self.assertEqual(len(await self.dns.authoritative("example.org", "SOA")), MOST_SERVERS)


class Systems(TestCase):
    def test_the_system_says_whom_it_asks(self):
        file = Path(self.mktemp())
        file.write_text("# x\nsearch a\nnameserver 192.0.2.1\nnameserver\nnameserver 2001:db8::1 x\n" * 3)
        found = system_servers(53, file)
        self.assertEqual(found[:2], [Server("192.0.2.1"), Server("2001:db8::1")])
        self.assertEqual(len(found), 3)
        self.assertEqual(system_servers(53, file / "nothing"), [Server("127.0.0.1")])

    def test_servers_are_shown_with_an_odd_port(self):
        self.assertEqual(str(Server("::1", 5353)), "[::1]:5353")
        self.assertEqual(str(Server("::1")), "[::1]")

    def test_labels_are_in_lower_case(self):
        self.assertEqual(labels("_25._TCP.Mail.example."), [b"_25", b"_tcp", b"mail", b"example"])

    def test_labels_are_a_labels_between_dots_of_any_kind(self):
        self.assertEqual(labels("Bücher。Example.org"), [b"xn--bcher-kva", b"example", b"org"])

    def test_nothing_heard_says_why(self):
        self.assertEqual(NoAnswer("x").why, "x")
