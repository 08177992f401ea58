"""Connections are counted by address and by network."""

from twisted.trial.unittest import SynchronousTestCase

from mailtwist.services.limits import Connections


class Counting(SynchronousTestCase):
    def test_an_address_gets_its_share_and_no_more(self) -> None:
        held = Connections(per_address=2, per_prefix=100, total=100)
        self.assertEqual([held.enter("192.0.2.1") for _ in range(3)], [True, True, False])
        self.assertTrue(held.enter("192.0.2.2"))

    def test_who_leaves_makes_room(self) -> None:
        held = Connections(per_address=1, per_prefix=100, total=100)
        held.enter("192.0.2.1")
        held.leave("192.0.2.1")
        self.assertTrue(held.enter("192.0.2.1"))
        self.assertEqual(len(held), 1)

    def test_a_refusal_takes_nothing(self) -> None:
        held = Connections(per_address=1, per_prefix=2, total=100)
        held.enter("192.0.2.1")
        for _ in range(5):
            held.enter("192.0.2.1")
        self.assertTrue(held.enter("192.0.2.2"))

    def test_a_network_of_many_addresses_is_one_neighbour(self) -> None:
        held = Connections(per_address=9, per_prefix=3, total=100)
        self.assertEqual([held.enter(f"192.0.2.{n}") for n in range(4)], [True, True, True, False])
        self.assertTrue(held.enter("192.0.3.1"))

    def test_an_ipv6_address_is_its_64(self) -> None:
        held = Connections(per_address=1, per_prefix=2, total=100)
        self.assertTrue(held.enter("2001:db8:1:1::1"))
        self.assertFalse(held.enter("2001:db8:1:1:ffff::9"))
        self.assertTrue(held.enter("2001:db8:1:2::1"))
        self.assertFalse(held.enter("2001:db8:1:3::1"))
        self.assertTrue(held.enter("2001:db8:2::1"))

    def test_all_together_have_a_limit_too(self) -> None:
        held = Connections(per_address=9, per_prefix=9, total=2)
        self.assertEqual([held.enter(a) for a in ("192.0.2.1", "", "198.51.100.1")], [True, True, False])

    def test_nothing_is_remembered_of_who_has_gone(self) -> None:
        held = Connections(per_address=9, per_prefix=9, total=9)
        for a in ("192.0.2.1", "2001:db8::1", ""):
            held.enter(a)
            held.leave(a)
        self.assertEqual((len(held), dict(held._held)), (0, {}))
