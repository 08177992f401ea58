"""What is found out about the mail servers of a domain, from DNS to the last sentence."""

from hashlib import sha256
from typing import Any

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from twisted.internet import reactor as the_reactor
from twisted.internet.protocol import Factory, Protocol

from mailtwist.gateway.probe.mx_quirks import problems
from mailtwist.gateway.probe.mx_verdicts import dane, mta_sts
from tests.delivery.remote.test_policies import Dying
from tests.gateway.probe.mx_rig import DOMAIN, HOST, MxCase, by_name
from tests.tls.outbound import Serving

reactor: Any = the_reactor


def tlsa_of(serving: Serving, usage: int = 3, selector: int = 1) -> str:
    """The line of the record that vouches for what is shown there."""
    leaf = serving.leaf
    octets = (
        leaf.public_bytes(Encoding.DER)
        if selector == 0
        else leaf.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    )
    return f"{usage} {selector} 1 {sha256(octets).hexdigest()}"


class FoundTests(MxCase):
    async def test_a_server_as_it_should_be(self) -> None:
        self.server(HOST)
        report = await self.report()
        self.assertEqual(problems(report), [])
        ((host, address),) = report.addresses()
        self.assertEqual((host.name, host.record.preference, address.address), (HOST, 10, "127.0.0.1"))
        self.assertEqual(
            {source: one.goes for source, one in address.verdicts().items()},
            {"none": True, "opportunistic": True, "verify": True},
        )
        shown = address.named.certificate
        assert shown is not None
        self.assertEqual((shown.names, shown.issuer, shown.right), ((HOST,), "CN=Test root", True))

    async def test_the_one_of_netease(self) -> None:
        self.server("*.163.example", "163.example")
        report = await self.report()
        flaw = f"certificate is valid for *.163.example, 163.example, not {HOST}"
        self.assertEqual(problems(report), [f"{HOST} (127.0.0.1): {flaw}"])
        ((_, address),) = report.addresses()
        verdicts = address.verdicts()
        self.assertEqual((verdicts["opportunistic"].goes, verdicts["opportunistic"].words), (True, flaw))
        self.assertEqual((verdicts["verify"].goes, verdicts["verify"].words), (False, flaw))
        self.assertEqual((verdicts["none"].goes, verdicts["none"].encrypted), (True, False))

    async def test_all_hosts_and_addresses_at_once(self) -> None:
        self.tell(DOMAIN, "MX", f"20 b.{DOMAIN}.", f"10 {HOST}.")
        self.tell(HOST, "A", "127.0.0.1", "127.0.0.2")
        self.tell(f"b.{DOMAIN}", "A", "127.0.0.3", "127.0.0.4")
        self.server(HOST)
        self.server(HOST, at="127.0.0.2")
        self.server(HOST, at="127.0.0.3")
        report = await self.report()
        self.assertEqual([host.name for host in report.hosts], [HOST, f"b.{DOMAIN}"])
        wrong = f"certificate is valid for {HOST}, not b.{DOMAIN}"
        told = [f"b.{DOMAIN} (127.0.0.3): {wrong}", f"b.{DOMAIN} (127.0.0.4): Connection refused"]
        self.assertCountEqual(problems(report), told)

    async def test_no_tls_is_told_with_its_reason(self) -> None:
        self.server(HOST)
        peers = self.peers["127.0.0.1"]
        for replies, words in (
            ({"EHLO": b"250 there"}, "the server does not offer STARTTLS"),
            ({"STARTTLS": b"454 not \x1b[0m now"}, "the server refuses STARTTLS: 454 not ?[0m now"),
            ({"": b"554 go away"}, "the greeting is 554 go away"),
            ({"STARTTLS": b"220 go\r\n250 injected"}, "octets in clear behind the answer to STARTTLS"),
        ):
            peers.replies = dict(replies)
            self.assertIn(f"{HOST} (127.0.0.1): {words}", problems(await self.report()))

    async def test_a_handshake_that_dies(self) -> None:
        self.server(HOST, peer=Dying)
        report = await self.report()
        words = "the connection was closed during the TLS handshake"
        self.assertIn(f"{HOST} (127.0.0.1): {words}", problems(report))
        ((_, address),) = report.addresses()
        self.assertTrue(address.verdicts()["opportunistic"].goes, "in clear")
        self.assertFalse(address.verdicts()["opportunistic"].encrypted)

    async def test_who_does_not_answer_costs_bounded_time(self) -> None:
        factory = Factory.forProtocol(Protocol)
        factory.noisy = False
        listening = reactor.listenTCP(0, factory, interface="127.0.0.1")
        self.addCleanup(listening.stopListening)
        self.port = listening.getHost().port
        report = await self.report(seconds=1)
        self.assertEqual(problems(report), [f"{HOST} (127.0.0.1): no answer in time"])

    async def test_what_our_own_network_cannot_reach_is_no_problem_of_the_server(self) -> None:
        self.tell(HOST, "AAAA", "2001:db8::1")
        self.server(HOST)
        report = await self.report()
        unreached, reached = (address for _, address in report.addresses())
        self.assertTrue(reached.reached)
        for why, told in (("Network is unreachable", []), ("Connection refused", ["Connection refused"])):
            unreached.named.why = why
            where = f"{HOST} (2001:db8::1): "
            self.assertEqual(problems(report), [where + words for words in told])
        reached.named.seen, unreached.named.why = None, "Network is unreachable"
        self.assertIn(f"{HOST} (2001:db8::1): Network is unreachable", problems(report))


class NamelessTests(MxCase):
    async def test_another_certificate_to_who_has_no_name_to_ask_for(self) -> None:
        first = self.server(HOST)
        other = self.authority.bundle("other.example")
        by_name(first.context, {None: Serving(other.leaf, other.key).context})
        words = "another certificate to who does not say whom he wants (no SNI)"
        flaw = f"certificate is valid for other.example, not {HOST}"
        self.assertEqual(problems(await self.report()), [f"{HOST} (127.0.0.1): {words}: {flaw}"])

    async def test_no_handshake_for_who_has_no_name_to_ask_for(self) -> None:
        first = self.server(HOST)
        by_name(first.context, {None: None})
        (found,) = problems(await self.report())
        self.assertIn("(no SNI): the server has no cipher in common with us", found)


class DnsTests(MxCase):
    async def test_a_domain_that_takes_no_mail(self) -> None:
        self.tell(DOMAIN, "MX", "0 .")
        (found,) = problems(await self.report())
        self.assertEqual(found, f"{DOMAIN}: the domain takes no mail: it has a null MX (rfc7505)")

    async def test_no_such_domain(self) -> None:
        (found,) = problems(await self.report("nosuch.example"))
        self.assertEqual(found, "nosuch.example: there is no such name in DNS")

    async def test_a_host_stands_for_itself(self) -> None:
        self.server(HOST)
        report = await self.report(HOST)
        self.assertEqual((report.published, [host.name for host in report.hosts]), (False, [HOST]))
        self.assertEqual(problems(report), [])

    async def test_an_address_too(self) -> None:
        self.server("127.0.0.1")
        report = await self.report("127.0.0.1")
        self.assertEqual(problems(report), [])
        self.assertEqual(self.dns.asked, [])

    async def test_a_host_without_an_address_an_alias_and_an_address_for_a_host(self) -> None:
        self.tell(DOMAIN, "MX", f"10 no.{DOMAIN}.", f"20 alias.{DOMAIN}.", "30 127.0.0.1.")
        self.tell(f"alias.{DOMAIN}", "CNAME", f"{HOST}.")
        self.server(f"alias.{DOMAIN}", "127.0.0.1")
        found = problems(await self.report())
        alias = f"it is an alias of {HOST}; the host of an MX record must not be one (rfc2181#10.3)"
        self.assertIn(f"no.{DOMAIN}: there is no such host in DNS", found)
        self.assertIn(f"alias.{DOMAIN}: {alias}", found)
        self.assertIn(
            "127.0.0.1: an MX record has to name a host, and this is an address (rfc5321#5.1)", found
        )

    async def test_names_that_are_no_names(self) -> None:
        """What a zone may hold and nobody should be told on a terminal."""
        self.tell(DOMAIN, "MX", "10 a\\027[31m\\032b.example.")
        self.dns.records[("a\\027[31m\\032b.example", "A")] = ["127.0.0.1"]
        self.server(HOST)
        for words in problems(await self.report()):
            self.assertTrue(words.isprintable(), words)


class DaneTests(MxCase):
    async def verdict(self, *lines: str) -> Any:
        self.tell(f"_{self.port}._tcp.{HOST}", "TLSA", *lines)
        report = await self.report()
        ((host, address),) = report.addresses()
        self.found = problems(report)
        return dane(report, host, address)

    async def test_a_record_that_matches(self) -> None:
        serving = self.server(HOST)
        self.signed()
        for usage, selector in ((3, 1), (3, 0)):
            verdict = await self.verdict("3 1 1 " + "00" * 32, tlsa_of(serving, usage, selector))
            self.assertEqual((verdict.goes, verdict.encrypted, verdict.words), (True, True, ""))
            self.assertEqual(self.found, [])

    async def test_a_match_needs_no_name_and_no_authority(self) -> None:
        serving = self.server("elsewhere.example")
        self.signed()
        self.assertTrue((await self.verdict(tlsa_of(serving))).goes)

    async def test_none_that_matches(self) -> None:
        self.server(HOST)
        self.signed()
        verdict = await self.verdict("3 1 1 " + "00" * 32)
        words = "no TLSA record (3 1 1) is that of the certificate"
        self.assertEqual((verdict.goes, verdict.words), (False, words))
        self.assertEqual(self.found, [f"{HOST} (127.0.0.1): by DANE mail is refused: {words}"])

    async def test_records_that_nobody_has_signed_are_told_and_do_not_apply(self) -> None:
        self.server(HOST)
        verdict = await self.verdict("3 1 1 " + "00" * 32)
        self.assertTrue(verdict.goes)
        self.assertIn("it does not apply", verdict.words)
        self.assertEqual(self.found, [])

    async def test_records_for_browsers_are_of_no_use(self) -> None:
        self.server(HOST)
        self.signed()
        verdict = await self.verdict("1 1 1 " + "00" * 32)
        self.assertTrue(verdict.goes)
        (found,) = self.found
        self.assertIn("TLSA records that no mail server can use (rfc7672#3.1): 1 1 1 0000", found)


class StsTests(MxCase):
    async def verdict(self, text: str, **how: Any) -> Any:
        self.policy(text, **how)
        report = await self.report()
        ((host, address),) = report.addresses()
        self.found, self.says = problems(report), report.says
        return mta_sts(report, host, address)

    async def test_a_policy_that_is_met(self) -> None:
        self.server(HOST)
        verdict = await self.verdict(f"version: STSv1\nmode: enforce\nmx: *.{DOMAIN}\nmax_age: 604800\n")
        self.assertEqual((verdict.goes, verdict.words, self.found), (True, "", []))
        assert self.says.sts is not None
        self.assertEqual((self.says.sts_id, self.says.sts.max_age), ("20260101", 604800))

    async def test_one_that_does_not_name_the_host(self) -> None:
        self.server(HOST)
        for mode, goes in (("enforce", False), ("testing", True)):
            text = f"version: STSv1\nmode: {mode}\nmx: mail.{DOMAIN}\nmax_age: 86400\n"
            verdict = await self.verdict(text)
            self.assertEqual((verdict.goes, verdict.words), (goes, f"the policy does not name {HOST}"))
            self.assertIn(f"{DOMAIN}: its MTA-STS policy ({mode}) does not name {HOST}", self.found)

    async def test_one_whose_server_is_not_who_it_should_be(self) -> None:
        self.server("elsewhere.example")
        verdict = await self.verdict(f"version: STSv1\nmode: enforce\nmx: {HOST}\nmax_age: 86400\n")
        flaw = f"certificate is valid for elsewhere.example, not {HOST}"
        self.assertEqual((verdict.goes, verdict.words), (False, flaw))

    async def test_policies_that_are_none(self) -> None:
        self.server(HOST)
        url = f"https://mta-sts.{DOMAIN}/.well-known/mta-sts.txt"
        for text, how, words in (
            ("x", {"status": 404}, f"{url} is answered by 404"),
            ("x", {"kind": "text/html"}, f"{url} is text/html, not text/plain"),
            ("hello", {}, f'{url}: "hello" is no line of a policy'),
            ("version: STSv1\nmode: on\nmax_age: 1\n", {}, f'{url}: its mode is "on"'),
        ):
            self.assertIsNone(await self.verdict(text, **how))
            self.assertEqual(self.found, [f"{DOMAIN}: {words}"])

    async def test_a_record_with_nothing_behind_it(self) -> None:
        self.server(HOST)
        self.tell(f"_mta-sts.{DOMAIN}", "TXT", '"v=STSv1; id=1;"')
        self.assertEqual(problems(await self.report()), [f"{DOMAIN}: mta-sts is not there"])

    async def test_no_record_no_question(self) -> None:
        self.server(HOST)
        await self.report()
        self.assertEqual(self.site.asked, [])

    async def test_reports_go_somewhere(self) -> None:
        self.server(HOST)
        self.tell(f"_smtp._tls.{DOMAIN}", "TXT", '"v=TLSRPTv1; rua=mailto:tls@example.org"')
        self.assertEqual((await self.report()).says.reports, ("mailto:tls@example.org",))
        self.tell(f"_smtp._tls.{DOMAIN}", "TXT", '"v=TLSRPTv1; rua=tls@example.org"')
        (found,) = problems(await self.report())
        self.assertIn("the TLSRPT record has no address for reports", found)
