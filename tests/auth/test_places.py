"""Clients and networks."""

from hypothesis import given
from hypothesis import strategies as some
from twisted.trial.unittest import SynchronousTestCase

from mailtwist.auth.places import client_of, network_of


class PlaceTests(SynchronousTestCase):
    def test_a_client_is_an_address_or_a_64(self) -> None:
        self.assertEqual(client_of("192.0.2.7"), "192.0.2.7/32")
        self.assertEqual(client_of("::ffff:192.0.2.7"), "192.0.2.7/32")
        self.assertEqual(client_of("2001:db8:0:1::5"), client_of("2001:DB8:0:1:ffff::"))
        self.assertNotEqual(client_of("2001:db8:0:1::5"), client_of("2001:db8:0:2::5"))

    def test_a_network_is_a_24_or_a_56(self) -> None:
        self.assertEqual(network_of("192.0.2.7"), "192.0.2.0/24")
        self.assertEqual(network_of("::ffff:192.0.2.200"), "192.0.2.0/24")
        self.assertEqual(network_of("2001:db8:0:1::5"), network_of("2001:db8:0:ff::1"))
        self.assertNotEqual(network_of("2001:db8:0:1::5"), network_of("2001:db8:0:100::1"))

    def test_a_machine_is_one_network_to_itself(self) -> None:
        self.assertEqual(network_of("::1"), network_of("127.0.0.1"))
        self.assertNotEqual(network_of("127.0.1.1"), network_of("127.0.0.1"))

    def test_a_scope_does_not_count(self) -> None:
        self.assertEqual(network_of("fe80::1%eth0"), network_of("fe80::1"))

    @given(some.text(max_size=30))
    def test_what_is_no_address_is_nowhere(self, text: str) -> None:
        if "." not in text and ":" not in text:
            self.assertEqual((client_of(text), network_of(text)), ("", ""))

    def test_an_empty_address_is_nowhere(self) -> None:
        self.assertEqual((client_of(""), network_of("")), ("", ""))
        self.assertEqual((client_of("unix"), network_of("1.2.3")), ("", ""))
