"""From where clients come without a server name: counted, told once a day, bounded."""

from twisted.trial.unittest import SynchronousTestCase

from mailtwist.testing.clock import ManualClock
from mailtwist.tls.nameless import DAY, MOST_NETWORKS, MOST_TOLD, Nameless, network_of
from tests.hearing import heard


class Networks(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = ManualClock()
        self.nameless = Nameless(self.clock)
        self.events = heard(self)

    def missing(self, address: str) -> None:
        self.nameless.came("missing", address, None, "smtp", "are shown the default certificate")

    def told(self) -> list[str]:
        found = [one["network"] for one in self.events if one["event_id"] == "tls.clients_without_name"]
        self.events.clear()
        return found

    def test_addresses_are_of_networks(self) -> None:
        for address, network in (
            ("203.205.1.77", "203.205.1.0/24"),
            ("::ffff:203.205.1.77", "203.205.1.0/24"),
            ("2001:db8:1:2::3", "2001:db8:1::/48"),
            ("fe80::1%eth0", "fe80::/48"),
            ("", ""),
            ("/run/x", ""),
        ):
            self.assertEqual(network_of(address), network)

    def test_what_is_known_of_a_network(self) -> None:
        self.missing("203.205.1.77")
        self.clock.advance(60)
        self.missing("203.205.1.78")
        self.nameless.came("unknown", "203.205.1.79", b"x\xff.example", "smtp", "are refused")
        self.missing("192.0.2.1")
        last, first = self.nameless.networks
        self.assertEqual((last.name, first.name), ("192.0.2.0/24", "203.205.1.0/24"))
        self.assertEqual((first.missing, first.unknown, first.last - first.first), (2, 1, 60))
        self.assertEqual(first.example, "x\ufffd.example")

    def test_the_log_hears_of_a_network_once_a_day(self) -> None:
        for _ in range(3):
            self.missing("203.205.1.77")
        self.assertEqual(self.told(), ["203.205.1.0/24"])
        self.clock.advance(DAY - 1)
        self.missing("203.205.1.77")
        self.assertEqual(self.told(), [])
        self.clock.advance(1)
        self.missing("203.205.1.77")
        self.assertEqual(self.told(), ["203.205.1.0/24"])

    def test_of_names_that_are_not_here_it_hears_nothing(self) -> None:
        self.nameless.came("unknown", "203.205.1.79", b"x.example", "smtp", "are refused")
        self.assertEqual(self.told(), [])

    def test_a_flood_from_everywhere_fills_neither_memory_nor_log(self) -> None:
        for number in range(MOST_NETWORKS + 300):
            self.missing(f"10.{number >> 8}.{number & 255}.1")
        self.assertEqual(len(self.nameless.networks), MOST_NETWORKS)
        self.assertEqual(self.nameless.networks[-1].name, "10.1.44.0/24")
        self.assertEqual(len(self.told()), MOST_TOLD)
        self.missing("10.0.0.1")  # forgotten, and told already today
        self.assertEqual(self.told(), [])
        self.clock.advance(DAY)
        self.missing("10.0.0.1")
        self.assertEqual(self.told(), ["10.0.0.0/24"])
