"""Which names are wanted, which lead here, and which certificate each of them is in."""

from collections.abc import Collection

from twisted.trial.unittest import TestCase

from mailtwist.config.network import Networks
from mailtwist.kit.trouble import Trouble
from mailtwist.tls.acme.wanted import AT_ONCE, PointsHere, WantedNames, can_be_bound
from tests.tls.acme.world import HERE, HOST, SaidDns, result


class PointsTests(TestCase):
    def setUp(self) -> None:
        self.dns = SaidDns()

    def why_not(self, *addresses: str, written: str = "", local: Collection[str] = ()) -> str:
        self.dns.addresses_of["a.example.org"] = addresses
        points = PointsHere(self.dns, HOST, Networks.parse(written), lambda one: one in local)
        result(points.prepare())
        return str(result(points.why_not("a.example.org")))

    def test_the_hosts_own_addresses_are_ours_also_behind_nat(self) -> None:
        self.assertEqual(self.why_not(HERE), "")

    def test_addresses_of_the_machine_are_ours(self) -> None:
        self.assertEqual(self.why_not("2001:db8::1", local=["2001:db8::1"]), "")

    def test_one_address_elsewhere_is_one_too_many(self) -> None:
        why = self.why_not(HERE, "198.51.100.1", "198.51.100.2")
        self.assertIn("a.example.org points to 198.51.100.1 and 1 others, not to this machine", why)

    def test_no_address_is_none(self) -> None:
        self.assertEqual(self.why_not(), "a.example.org has no address in DNS")

    def test_what_is_written_counts_alone(self) -> None:
        self.assertEqual(self.why_not("198.51.100.1", written="198.51.100.0/24"), "")
        self.assertIn(HERE, self.why_not(HERE, written="198.51.100.0/24", local=[HERE]))

    def test_only_what_others_can_reach_is_an_address_of_this_machine(self) -> None:
        for address in ("127.0.0.1", "::1", "0.0.0.0", "::", "224.0.0.1", "fe80::1", "192.0.2.250", "x"):
            self.assertFalse(can_be_bound(address), address)


class NamesTests(TestCase):
    def setUp(self) -> None:
        self.dns = SaidDns()
        self.domains: Collection[str] = ("example.com",)
        self.points = PointsHere(self.dns, HOST, Networks(), lambda address: False)

    async def its_domains(self) -> Collection[str]:
        if not self.domains:
            raise Trouble("4.3.0", "no", "the directory is away")
        return self.domains

    def wanted(
        self,
        *names: str,
        host: str = HOST,
        prefixes: Collection[str] = ("mail",),
        demand: Collection[str] = (),
    ) -> WantedNames:
        return WantedNames(host, names, tuple(prefixes), self.its_domains, tuple(demand), self.points)

    def certificates(self, wanted: WantedNames) -> list[tuple[str, ...]]:
        return [one.names for one in wanted.current]

    def test_before_anybody_was_asked_there_are_the_host_and_the_names(self) -> None:
        wanted = self.wanted("b.example.com", "a.example.com")
        self.assertEqual(self.certificates(wanted), [(HOST,), ("b.example.com",), ("a.example.com",)])

    def test_a_wildcard_goes_with_its_own_domain_in_any_order(self) -> None:
        for names in (("example.com", "*.example.com"), ("*.example.com", "example.com")):
            wanted = self.wanted(*names)
            self.assertEqual(self.certificates(wanted), [(HOST,), ("example.com", "*.example.com")])
        self.assertEqual(self.certificates(self.wanted("*.example.com")), [(HOST,), ("*.example.com",)])
        wide = self.wanted("*.mail.example.org", HOST)
        self.assertEqual(self.certificates(wide), [(HOST, "*.mail.example.org")])

    def test_names_that_a_wildcard_covers_need_no_certificate_of_their_own(self) -> None:
        self.dns.addresses_of["mail.example.com"] = (HERE,)
        wanted = self.wanted("*.example.com")
        result(wanted.look())
        self.assertEqual(self.certificates(wanted), [(HOST,), ("*.example.com",)])

    def test_a_host_without_a_domain_is_told(self) -> None:
        wanted = self.wanted(host="laptop", prefixes=())
        result(wanted.look())
        self.assertEqual(wanted.current, ())
        self.assertIn("hostname in [server]", wanted.not_here["laptop"])

    def test_a_directory_that_is_away_takes_no_names_away(self) -> None:
        self.dns.addresses_of["mail.example.com"] = (HERE,)
        wanted = self.wanted()
        result(wanted.look())
        self.assertEqual(self.certificates(wanted), [(HOST,), ("mail.example.com",)])
        self.domains = ()
        result(wanted.look())
        self.assertEqual(self.certificates(wanted), [(HOST,), ("mail.example.com",)])

    def test_domains_that_are_too_long_or_odd_harm_nobody(self) -> None:
        self.domains = (".".join(["a" * 63] * 4)[:250], "ex ample", "localhost", "")
        wanted = self.wanted()
        result(wanted.look())
        self.assertEqual(self.certificates(wanted), [(HOST,)])

    def test_many_names_are_looked_up_a_few_at_a_time(self) -> None:
        self.domains = tuple(f"example{number}.com" for number in range(100))
        under_way = most = 0
        real = self.dns.addresses

        async def counted(name: str) -> object:
            nonlocal under_way, most
            under_way += 1
            most = max(most, under_way)
            found = await real(name)
            under_way -= 1
            return found

        self.patch(self.dns, "addresses", counted)
        wanted = self.wanted()
        result(wanted.look())
        self.assertEqual(len(wanted.not_here), 100)
        self.assertLessEqual(most, AT_ONCE)

    def test_only_what_is_allowed_may_be_demanded_once(self) -> None:
        wanted = self.wanted("known.example.com", demand=("*.example.com", "exact.example.net"))
        self.assertTrue(wanted.demand("a.example.com"))
        self.assertFalse(wanted.demand("a.example.com"))
        self.assertTrue(wanted.demand("exact.example.net"))
        for name in ("example.com", "a.b.example.com", "b.example.net", "known.example.com", HOST):
            self.assertFalse(wanted.demand(name), name)

    def test_what_was_demanded_and_has_a_certificate_stays_wanted(self) -> None:
        self.dns.addresses_of["a.example.com"] = (HERE,)
        wanted = self.wanted(prefixes=(), demand=("*.example.com",))
        result(wanted.look(["a.example.com", "b.example.com", "a.example.net"]))
        self.assertEqual(self.certificates(wanted), [(HOST,), ("a.example.com",)])
        self.assertEqual(wanted.current[1].why, "demand")
