"""Records for one's own names; and whether CAA lets an authority issue."""

from pathlib import Path

import dns.rdata
import dns.zone
from twisted.trial.unittest import TestCase

from mailtwist.kit.dns_records import Answer, Caa
from mailtwist.tls.records import (
    Line,
    caa,
    caa_refuses,
    persist_line,
    report_line,
    sts_line,
    sts_policy,
)

ACCOUNT = "https://acme-v02.api.letsencrypt.org/acme/acct/1"


class CaaRecords(TestCase):
    def test_an_authority_an_account_and_ways_to_prove(self) -> None:
        record = caa("issue", "letsencrypt.org", account=ACCOUNT, methods=["dns-01", "http-01"])
        self.assertEqual(
            str(Line("example.org", "CAA", str(record))),
            f'example.org. 3600 IN CAA 0 issue "letsencrypt.org; accounturi={ACCOUNT};'
            ' validationmethods=dns-01,http-01"',
        )

    def test_nobody(self) -> None:
        self.assertEqual(str(caa("issuewild", "")), '0 issuewild ";"')

    def test_an_account_that_cannot_stand_there_is_refused(self) -> None:
        for account in ("https://a/;b", "a b", "a\nb"):
            with self.assertRaises(ValueError):
                caa("issue", "ca.example", account=account)

    def test_what_is_written_is_what_is_read(self) -> None:
        record = caa("issue", "ca.example", account=ACCOUNT, methods=["dns-01"])
        self.assertEqual(record.issuer, "ca.example")
        self.assertEqual(record.parameters, {"accounturi": ACCOUNT, "validationmethods": "dns-01"})


class CaaRefuses(TestCase):
    def refuses(self, *records: str, issuers=("ca.example",), **how) -> str:
        found = []
        for record in records:
            flags, tag, value = record.split(" ", 2)
            found.append(Caa(int(flags), tag, value))
        return caa_refuses(Answer("example.org", "CAA", tuple(found)), issuers, **how)

    def test_without_records_everybody_may(self) -> None:
        self.assertEqual(self.refuses(), "")
        self.assertEqual(self.refuses("0 iodef mailto:a@b"), "")

    def test_who_is_named_may_and_nobody_else(self) -> None:
        self.assertEqual(self.refuses("0 issue CA.example"), "")
        self.assertEqual(self.refuses("0 issue other.example", "0 issue ca.example"), "")
        self.assertEqual(
            self.refuses("0 issue other.example"),
            "CAA at example.org lets other.example issue, not ca.example",
        )
        self.assertIn("lets nobody issue", self.refuses("0 issue ;"))
        self.assertIn("lets nobody issue", self.refuses("0 issue ca.example; %"))

    def test_an_authority_may_have_several_names(self) -> None:
        self.assertEqual(self.refuses("0 issue ca.example", issuers=("a.example", "CA.example.")), "")

    def test_wildcards_have_records_of_their_own_if_there_are_any(self) -> None:
        self.assertEqual(self.refuses("0 issue ca.example", wildcard=True), "")
        self.assertIn("nobody", self.refuses("0 issue ca.example", "0 issuewild ;", wildcard=True))
        self.assertEqual(self.refuses("0 issue ca.example", "0 issuewild ;"), "")
        self.assertEqual(self.refuses("0 issue ;", "0 issuewild ca.example", wildcard=True), "")
        self.assertEqual(self.refuses("0 issuewild other.example"), "")

    def test_the_account_has_to_be_the_one_that_is_named(self) -> None:
        bound = f"0 issue ca.example; accounturi={ACCOUNT}"
        self.assertEqual(self.refuses(bound, account=ACCOUNT), "")
        self.assertEqual(self.refuses(bound), "")
        self.assertIn(
            f"it is for the account {ACCOUNT}, not {ACCOUNT}9", self.refuses(bound, account=ACCOUNT + "9")
        )
        self.assertEqual(self.refuses(bound, "0 issue ca.example; accounturi=x", account="x"), "")

    def test_the_way_to_prove_has_to_be_one_that_is_named(self) -> None:
        bound = "0 issue ca.example; validationmethods=dns-01,TLS-alpn-01"
        self.assertEqual(self.refuses(bound, method="tls-alpn-01"), "")
        self.assertEqual(self.refuses(bound), "")
        self.assertIn("not http-01", self.refuses(bound, method="http-01"))

    def test_a_critical_tag_that_nobody_knows_forbids(self) -> None:
        self.assertIn("a critical 'tbs'", self.refuses("128 tbs x", "0 issue ca.example"))
        self.assertEqual(self.refuses("128 issue ca.example", "0 tbs x"), "")


class Policies(TestCase):
    def test_a_policy_is_that_of_the_rfc(self) -> None:
        self.assertEqual(
            sts_policy(["mx1.a.org", "mx2.a.org"], "testing", 86400),
            "version: STSv1\r\nmode: testing\r\nmx: mx1.a.org\r\nmx: mx2.a.org\r\nmax_age: 86400\r\n",
        )

    def test_its_record_changes_with_it_and_with_nothing_else(self) -> None:
        one, same, other = (
            sts_line("a.org", sts_policy([mx])) for mx in ("mx.a.org", "mx.a.org", "mx2.a.org")
        )
        self.assertEqual(one, same)
        self.assertNotEqual(one, other)
        self.assertRegex(str(one), r'^_mta-sts\.a\.org\. 3600 IN TXT "v=STSv1; id=[0-9a-f]{20};"$')

    def test_where_reports_go(self) -> None:
        line = report_line("a.org", ["tls@a.org", "a!b,c;d@a.org", "https://a.org/?a=b,c"])
        self.assertEqual(
            line.value,
            "v=TLSRPTv1; rua=mailto:tls@a.org,mailto:a%21b%2Cc%3Bd@a.org,https://a.org/?a=b%2Cc",
        )


class Lines(TestCase):
    def test_a_record_that_stays(self) -> None:
        line = persist_line("a.org", "ca.example", ACCOUNT, wildcard=True, until=1_900_000_000.4)
        self.assertEqual(
            line.value, f"ca.example; accounturi={ACCOUNT}; policy=wildcard; persistUntil=1900000000"
        )
        self.assertEqual(line.name, "_validation-persist.a.org")

    def test_a_text_is_cut_into_strings_and_quoted(self) -> None:
        text = 'a"b\\c;' + "x" * 300
        written = str(Line("a.org", "TXT", text)).split(" TXT ")[1]
        rdata = dns.rdata.from_text("IN", "TXT", written)
        self.assertEqual(b"".join(rdata.strings).decode(), text)
        self.assertEqual(len(rdata.strings), 2)
        self.assertEqual(str(Line("a.org", "TXT", "")), 'a.org. 3600 IN TXT ""')

    def test_all_lines_together_are_a_zone(self) -> None:
        lines = [
            Line("_25._tcp.mail.a.org", "TLSA", f"3 1 1 {'ab' * 32}"),
            Line("a.org", "CAA", str(caa("issue", "ca.example", account=ACCOUNT, methods=["dns-01"]))),
            Line("a.org", "CAA", str(caa("issuewild", ""))),
            sts_line("a.org", sts_policy(["mail.a.org"])),
            report_line("a.org", ["tls@a.org"]),
            persist_line("a.org", "ca.example", ACCOUNT),
        ]
        file = Path(self.mktemp())
        head = "a.org. 60 IN SOA ns.a.org. x.a.org. 1 2 3 4 5\na.org. 60 IN NS ns.b.org.\n"
        file.write_text(head + "".join(f"{line}\n" for line in lines))
        zone = dns.zone.from_file(str(file), "a.org.")
        self.assertEqual(sum(len(rdataset) for _, rdataset in zone.iterate_rdatasets()), 2 + len(lines))
