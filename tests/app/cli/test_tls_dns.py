"""`mailtwist tls dns`: records for a zone, from certificates of an authority in the test's own process."""

from typing import Any

import dns.zone

from mailtwist.kit.dns import Dns, DnsAway
from mailtwist.kit.dns_records import Answer, Mx
from mailtwist.tls.own import self_signed
from mailtwist.tls.records import sts_policy
from tests.app.cli.test_tls import TlsCase
from tests.tls.acme.faults import Problem

DOMAIN = "[domain:example.org]\n"


class TlsDnsCase(TlsCase):
    mx: Answer[Mx] | None = None

    async def setUp(self) -> None:
        await super().setUp()
        case = self

        async def asked(dns: Dns, name: str) -> Answer[Mx]:
            if case.mx is None:
                raise DnsAway(name, "MX", "nobody answers")
            return case.mx

        self.patch(Dns, "mx", asked)

    def pinned(self, more: str = DOMAIN, key: str = "ecdsa", policy: str = "pin", **facts: str) -> None:
        self.configure(**facts)
        self.ini = self.ini.replace(
            "challenges = http-01\n", f"challenges = http-01\nkey_policy = {policy}\nkey = {key}\n"
        )
        self.path.write_text(self.ini + more)

    async def advised(self, *argv: str) -> dict[tuple[str, str], Any]:
        return {(one["name"], one["about"]): one for one in await self.told("dns", *argv)}

    async def digests(self):
        assembled = self.assembled()
        part = assembled.part("tls", "main")
        await assembled.start()
        try:
            return await part.renewal.status()
        finally:
            await assembled.stop()

    def lines(self, one: Any) -> list[str]:
        return [record["line"] for record in one["records"]]


class Advises(TlsDnsCase):
    async def test_keys_of_now_and_then_are_to_be_published(self) -> None:
        self.pinned()
        await self.told("renew", "mail.example.org")
        (row,) = [row for row in await self.digests() if row.name == "mail.example.org"]
        one = (await self.advised())["mail.example.org", "TLSA"]
        self.assertEqual(
            self.lines(one),
            [
                f"_25._tcp.mail.example.org. 3600 IN TLSA 3 1 1 {digest}"
                for digest in (row.digest, row.next_digest)
            ],
        )
        self.assertIn("DNSSEC", one["words"])

    async def test_two_kinds_of_keys_are_four_records(self) -> None:
        self.pinned(key="both")
        await self.told("renew", "mail.example.org")
        one = (await self.advised())["mail.example.org", "TLSA"]
        self.assertEqual(len(set(self.lines(one))), 4)

    async def test_why_a_key_that_changes_has_no_record(self) -> None:
        self.pinned(policy="rotate")
        await self.told("renew", "mail.example.org")
        one = (await self.advised())["mail.example.org", "TLSA"]
        self.assertEqual(one["records"], [])
        self.assertIn("write key_policy = pin", one["words"])

    async def test_a_host_without_a_certificate_has_nothing_to_publish_yet(self) -> None:
        self.pinned()
        one = (await self.advised())["mail.example.org", "TLSA"]
        self.assertEqual(one["records"], [])
        self.assertIn("there is no certificate", one["words"])

    async def test_only_who_takes_mail_has_tlsa_records(self) -> None:
        self.pinned()
        self.mx = Answer("example.org", "MX", (Mx(10, "a.example.org"), Mx(20, "backup.example.net")))
        self.assertEqual(
            sorted(name for name, about in await self.advised() if about == "TLSA"),
            ["a.example.org", "mail.example.org"],
        )

    async def test_caa_names_the_account_and_the_ways_once_there_is_one(self) -> None:
        self.pinned()
        before = (await self.advised())["example.org", "CAA"]
        self.assertEqual(
            self.lines(before),
            [
                'example.org. 3600 IN CAA 0 issue "fake.test; validationmethods=http-01"',
                'example.org. 3600 IN CAA 0 issuewild ";"',
            ],
        )
        self.assertIn("tls account register", before["words"])
        await self.told("account", "register")
        (row,) = await self.told("account", "show")
        after = (await self.advised())["example.org", "CAA"]
        self.assertIn(f"accounturi={row['account']}; validationmethods=http-01", self.lines(after)[0])
        self.assertNotIn("tls account register", after["words"])

    async def test_wildcards_have_their_own_and_may_be_written_once_for_long(self) -> None:
        self.pinned()
        text = self.path.read_text().replace(
            "names = b.example.org", "names = *.b.example.org, b.example.org"
        )
        self.path.write_text(text.replace("= http-01\n", "= http-01, dns-persist-01\n"))
        await self.told("account", "register")
        found = await self.advised()
        wild = self.lines(found["example.org", "CAA"])[1]
        self.assertIn("issuewild", wild)
        self.assertIn("validationmethods=dns-persist-01", wild)
        lasting = self.lines(found["b.example.org", "dns-persist-01"])
        self.assertEqual(len(lasting), 1)
        self.assertIn("_validation-persist.b.example.org.", lasting[0])
        self.assertIn("policy=wildcard", lasting[0])

    async def test_mta_sts_has_the_text_to_serve_and_reports_an_address(self) -> None:
        self.pinned()
        self.mx = Answer("example.org", "MX", (Mx(10, "a.example.org"),))
        found = await self.advised("--sts", "enforce")
        sts = found["example.org", "MTA-STS"]
        self.assertEqual(sts["text"], sts_policy(["a.example.org"], "enforce"))
        self.assertIn("https://mta-sts.example.org/.well-known/mta-sts.txt", sts["words"])
        self.assertIn("mailto:postmaster@example.org", self.lines(found["example.org", "TLSRPT"])[0])

    async def test_a_domain_that_takes_no_mail_has_no_policy(self) -> None:
        self.pinned()
        self.mx = Answer("example.org", "MX", (Mx(0, ""),))
        self.assertNotIn(("example.org", "MTA-STS"), await self.advised())

    async def test_files_of_others_have_a_warning(self) -> None:
        key = self.folder / "own.pem"
        key.write_bytes(self_signed(["mail.example.org"], 1.8e9))
        self.path.write_text(
            self.path.read_text() + f"[tls:other]\ntype = files\ncertificate = {key}\nkey = {key}\n"
        )
        one = (await self.advised("--section", "other"))["mail.example.org", "TLSA"]
        self.assertEqual(len(one["records"]), 1)
        self.assertIn("--reuse-key", one["words"])

    async def test_what_signs_itself_makes_new_keys_too(self) -> None:
        self.path.write_text(self.path.read_text() + "[tls:other]\ntype = self_signed\n")
        one = (await self.advised("--section", "other"))["mail.example.org", "TLSA"]
        self.assertEqual(one["records"], [])
        self.assertIn("[tls:other] makes a new key", one["words"])

    async def test_all_that_is_printed_can_be_pasted(self) -> None:
        self.pinned()
        await self.told("renew", "mail.example.org")
        status, out, err = await self.tls("dns")
        self.assertEqual((status, err), (0, ""))
        self.assertIn("nobody answers", out)
        zone = dns.zone.from_text(
            "$TTL 300\n@ IN SOA ns admin 1 2 3 4 5\n@ IN NS ns\nns A 192.0.2.1\n" + out, origin="example.org"
        )
        kinds = {dns.rdatatype.to_text(rdata.rdtype) for _, _, rdata in zone.iterate_rdatas()}
        self.assertEqual(kinds, {"SOA", "NS", "A", "TLSA", "CAA", "TXT"})
        self.no_keys(out)

    async def test_only_what_was_asked_for(self) -> None:
        self.pinned()
        self.assertEqual({name for name, _ in await self.advised("mail.example.org")}, {"mail.example.org"})
        status, _, err = await self.tls("dns", "example.net")
        self.assertEqual((status, err), (1, "mailtwist: there is nothing to publish for example.net\n"))
        status, _, err = await self.tls("dns", "no name")
        self.assertEqual(status, 1)

    async def test_an_authority_that_is_away_is_told(self) -> None:
        self.pinned()
        self.ca.always("directory", Problem("serverInternal", status=500))
        status, out, _ = await self.tls("dns")
        self.assertEqual(status, 0)
        self.assertIn("Not among the CAA records: fake", out)
