"""Whether what is published for our names is right: in memory, and at a real bind9 and unbound."""

from collections.abc import Mapping, Sequence
from typing import Any

from twisted.trial.unittest import TestCase

from mailtwist.kit.dns import Served
from mailtwist.kit.dns_records import Answer, Caa, Server
from mailtwist.tls.advised import Issuing, OurKey, Policy
from mailtwist.tls.checking import Checked, of_issuers, of_keys, of_policy, of_reports
from mailtwist.tls.https import Answer as Page
from tests.peers.programs import needs
from tests.tls.acme.world import result
from tests.tls.dns.named import asking, unbound

HOST = "mail.example.org"
NOW, NEXT, OLD = "aa" * 32, "bb" * 32, "cc" * 32
ACCOUNT = "https://ca.example.net/acct/1"


def key(
    policy: Policy = "pin", digest: str = NOW, following: str = NEXT, kind: str = "EC", switches: float = 0.0
) -> OurKey:
    return OurKey("[tls:main]", kind, digest, following, policy, switches)


class Published:
    """`Dns`, as far as it is asked here; each of `servers` has these records, None: it does not answer."""

    def __init__(self, *servers: Sequence[str] | None, secure: bool = True) -> None:
        self.servers = servers
        self.secure = secure
        self.caa_there: tuple[Caa, ...] = ()
        self.texts: Mapping[str, tuple[str, ...]] = {}

    async def authoritative(self, name: str, kind: str) -> Sequence[Served]:
        return [
            Served(
                f"ns{at}",
                Server(f"192.0.2.{at}"),
                None if its is None else Answer(name, kind, tuple(f"3 1 1 {one}" for one in its)),
                "silent" if its is None else "",
            )
            for at, its in enumerate(self.servers)
        ]

    async def tlsa(self, name: str) -> Answer[Any]:
        return Answer(name, "TLSA", ("some",), secure=self.secure)

    async def addresses(self, name: str) -> Answer[str]:
        return Answer(name, "A", ("192.0.2.7",), secure=True)

    async def caa(self, name: str) -> Answer[Caa]:
        return Answer("example.org", "CAA", self.caa_there)

    async def txt(self, name: str) -> Answer[str]:
        return Answer(name, "TXT", self.texts.get(name, ()))


class KeyTests(TestCase):
    def look(self, dns: Published, *keys: OurKey, trusted: bool = True) -> Checked:
        found: Checked = result(of_keys(dns, HOST, keys or [key()], trusted))  # type: ignore[arg-type]
        return found

    def test_current_and_next_everywhere_is_right(self) -> None:
        found = self.look(Published([NOW, NEXT], [NEXT, NOW]))
        self.assertEqual((found.problems, found.notes), ([], []))

    def test_nothing_published_is_a_problem_only_where_keys_are_pinned(self) -> None:
        self.assertIn("no TLSA record is published", self.look(Published([])).problems[0])
        self.assertEqual(self.look(Published([]), key("rotate")).problems, [])
        self.assertEqual(self.look(Published([]), key("others")).problems, [])

    def test_a_key_that_changes_must_have_no_record(self) -> None:
        (problem,) = self.look(Published([NOW]), key("rotate", following="")).problems
        self.assertIn("key_policy = pin", problem)

    def test_one_server_without_the_current_key_is_named(self) -> None:
        (problem,) = self.look(Published([NOW, NEXT], [NEXT])).problems
        self.assertIn(f"3 1 1 {NOW}", problem)
        self.assertIn("ns1 [192.0.2.1]", problem)
        self.assertNotIn("ns0", problem)

    def test_the_next_key_is_missed(self) -> None:
        (problem,) = self.look(Published([NOW], [NOW])).problems
        self.assertIn(f"next EC key of {HOST} is not there, 3 1 1 {NEXT}", problem)
        self.assertNotIn("ns0", problem)

    def test_each_kind_of_key_has_its_records(self) -> None:
        rsa = key(kind="RSA", digest="dd" * 32, following="ee" * 32)
        problems = self.look(Published([NOW, NEXT]), key(), rsa).problems
        self.assertEqual(len(problems), 2)
        self.assertIn("RSA key", problems[0])

    def test_old_records_are_superfluous_and_no_problem(self) -> None:
        found = self.look(Published([NOW, NEXT, OLD]))
        self.assertEqual(found.problems, [])
        self.assertEqual(found.notes, [f"superfluous TLSA record of {HOST}: 3 1 1 {OLD}"])

    def test_a_server_that_is_silent_is_told(self) -> None:
        found = self.look(Published([NOW, NEXT], None))
        self.assertEqual(found.problems, [])
        self.assertIn("ns1 [192.0.2.1] does not answer: silent", found.notes)

    def test_it_is_told_from_when_on_a_renewal_switches(self) -> None:
        (note,) = self.look(Published([NOW, NEXT]), key(switches=86400.0)).notes
        self.assertIn("the first renewal after 1970-01-02 00:00 UTC takes it", note)

    def test_without_a_signature_dane_has_no_effect(self) -> None:
        (problem,) = self.look(Published([NOW, NEXT], secure=False)).problems
        self.assertIn("DANE has no effect", problem)
        found = self.look(Published([NOW, NEXT], secure=False), trusted=False)
        self.assertEqual(found.problems, [])
        self.assertIn("trust_ad", found.notes[0])


@needs("named", "unbound")
class RealTests(TestCase):
    """The records are those of the rig's zones."""

    digest = "0123456789abcdef" * 4

    def setUp(self) -> None:
        self.port = unbound().port

    async def of(self, zone: str, digest: str = "") -> Checked:
        dns = asking(self, port=self.port, trust_ad=True)
        # unbound would go on at port 53 once it knows the servers of a zone
        self.patch(dns, "authoritative", asking(self).authoritative)
        return await of_keys(dns, f"mail.{zone}", [key(digest=digest or self.digest, following="")], True)

    async def test_a_signed_zone_has_no_problem(self) -> None:
        self.assertEqual((await self.of("signed.test")).problems, [])

    async def test_one_without_a_signature_has_no_effect(self) -> None:
        problems = (await self.of("example.test")).problems
        self.assertEqual(len(problems), 2)
        self.assertIn("TLSA of mail.example.test is not signed", problems[0])

    async def test_another_key_is_a_problem(self) -> None:
        found = await self.of("signed.test", NOW)
        self.assertIn("servers that go by DANE send no mail", found.problems[0])
        self.assertIn("superfluous", found.notes[0])


class IssuerTests(TestCase):
    def look(self, *records: str, name: str = HOST, methods: Sequence[str] = ("http-01",)) -> Checked:
        dns = Published()
        dns.caa_there = tuple(Caa(0, *record.split(" ", 1)) for record in records)
        ours = [Issuing("one", ["one.test"], ACCOUNT), Issuing("two", ["two.test"], "")]
        found: Checked = result(of_issuers(dns, name, ours, methods))  # type: ignore[arg-type]
        return found

    def test_no_records_allow_everybody(self) -> None:
        self.assertEqual(self.look(), Checked())

    def test_one_that_may_is_enough_and_the_other_is_told(self) -> None:
        found = self.look("issue one.test")
        self.assertEqual(found.problems, [])
        self.assertIn("two may not issue", found.notes[0])

    def test_nobody_may(self) -> None:
        (problem,) = self.look("issue other.test").problems
        self.assertIn(f"{HOST}: no authority may issue", problem)
        self.assertIn("other.test", problem)

    def test_account_and_method_count(self) -> None:
        for parameter in ("accounturi=https://ca.example.net/acct/2", "validationmethods=dns-01"):
            self.assertEqual(len(self.look(f"issue one.test; {parameter}").problems), 1, parameter)
        right = f"issue one.test; accounturi={ACCOUNT}; validationmethods=dns-01,http-01"
        self.assertEqual(self.look(right).problems, [])

    def test_wildcards_have_their_own_word_and_are_proved_by_dns(self) -> None:
        methods = ("http-01", "dns-01")
        self.assertEqual(len(self.look("issue one.test", "issuewild ;", name="*.a.org").problems), 1)
        by_http = self.look("issuewild one.test; validationmethods=http-01", name="*.a.org", methods=methods)
        self.assertEqual(len(by_http.problems), 1)
        by_dns = self.look("issuewild one.test; validationmethods=dns-01", name="*.a.org", methods=methods)
        self.assertEqual(by_dns.problems, [])


class Pages:
    def __init__(self, text: str, status: int = 200) -> None:
        self.page = Page("https://x/", status, {"content-type": ("text/plain",)}, text.encode())

    async def ask(self, method: str, url: str, **how: Any) -> Page:
        return self.page


POLICY = "version: STSv1\r\nmode: enforce\r\nmx: mail.example.org\r\nmax_age: 86400\r\n"


class PolicyTests(TestCase):
    def look(
        self, record: str, text: str = POLICY, status: int = 200, hosts: Sequence[str] = (HOST,)
    ) -> Checked:
        dns = Published()
        dns.texts = {"_mta-sts.example.org": (record,)} if record else {}
        page = Pages(text, status)
        found: Checked = result(of_policy(dns, page, "example.org", hosts))  # type: ignore[arg-type]
        return found

    def test_a_policy_that_names_the_servers_is_right(self) -> None:
        found = self.look("v=STSv1; id=1;")
        self.assertEqual(found.problems, [])
        self.assertIn("enforce", found.notes[0])

    def test_none_is_good_to_know(self) -> None:
        self.assertEqual(self.look("").problems, [])

    def test_what_is_wrong_with_it(self) -> None:
        for found, words in (
            (self.look("v=STSv1; id=?;"), "no id"),
            (self.look("v=STSv1; id=1;", status=404), "404"),
            (self.look("v=STSv1; id=1;", "nonsense"), "no line of a policy"),
            (self.look("v=STSv1; id=1;", hosts=[HOST, "b.example.org"]), "does not name b.example.org"),
        ):
            self.assertEqual(len(found.problems), 1, words)
            self.assertIn(words, found.problems[0])

    def test_reports(self) -> None:
        for record, problems, words in (
            ("v=TLSRPTv1; rua=mailto:a@example.org", 0, "mailto:a@example.org"),
            ("v=TLSRPTv1; rua=nobody", 1, "no address"),
            ("", 0, "no TLSRPT record"),
        ):
            dns = Published()
            dns.texts = {"_smtp._tls.example.org": (record,)} if record else {}
            found = result(of_reports(dns, "example.org"))  # type: ignore[arg-type]
            self.assertEqual(len(found.problems), problems)
            self.assertIn(words, (found.problems + found.notes)[0])
