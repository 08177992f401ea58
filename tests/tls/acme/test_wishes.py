"""Names that strangers ask any process for reach the one that orders."""

from collections.abc import Sequence

from twisted.trial.unittest import TestCase

from mailtwist.state.api import StateAway
from mailtwist.testing.certificates import MemoryStore
from mailtwist.testing.clock import ManualClock
from mailtwist.tls.acme.wishes import EVERY, MOST_KNOWN, ONCE_IN, SOON, Leaves, Takes


class Counting(MemoryStore):
    """It counts how often something is left; `away`: nothing can be."""

    def __init__(self, clock: ManualClock) -> None:
        super().__init__(clock)
        self.wished: list[list[str]] = []
        self.away = False

    async def wish(self, names: Sequence[str]) -> None:
        if self.away:
            raise StateAway("the disk is full")
        self.wished.append(list(names))
        await super().wish(names)


class WishTests(TestCase):
    def setUp(self) -> None:
        self.clock = ManualClock()
        self.store = Counting(self.clock)
        self.leaves = Leaves(self.store, self.clock, lambda name: name.endswith(".example.com"))
        self.addCleanup(self.leaves.stop)
        self.heard: list[str] = []

    def takes(self) -> Takes:
        takes = Takes(self.store, self.heard.append)
        self.addCleanup(takes.stop)
        return takes

    def test_what_may_be_asked_for_reaches_the_process_that_orders(self) -> None:
        self.takes()
        for name in ("a.example.com", "example.net", "b.example.com", "a.example.com"):
            self.leaves.asked(name)
        self.assertEqual(self.store.wished, [])  # nothing in the handshake
        self.clock.advance(SOON)
        self.assertEqual(self.heard, ["a.example.com", "b.example.com"])
        self.assertEqual(len(self.store.wished), 1)

    def test_what_was_left_before_the_process_that_orders_began_is_taken(self) -> None:
        self.leaves.asked("a.example.com")
        self.clock.advance(SOON)
        self.takes()
        self.assertEqual(self.heard, ["a.example.com"])

    def test_a_name_is_left_once_an_hour(self) -> None:
        self.takes()
        for _ in range(int(2 * ONCE_IN / 60)):
            self.leaves.asked("a.example.com")
            self.clock.advance(60)
        self.assertEqual(self.heard, ["a.example.com"] * 2)

    def test_many_strangers_make_few_files_and_are_not_remembered_for_ever(self) -> None:
        self.takes()
        for number in range(3 * MOST_KNOWN):
            self.leaves.asked(f"n{number}.example.com")
            self.clock.advance(0.1)
        self.assertLessEqual(len(self.store.wished), 3 * MOST_KNOWN * 0.1 / EVERY + 1)
        self.assertLessEqual(len(self.leaves._left), MOST_KNOWN)

    def test_of_a_flood_only_so_much_is_left_and_later_there_is_room_again(self) -> None:
        self.takes()
        for number in range(5000):
            self.leaves.asked(f"n{number}.example.com")
        self.clock.advance(SOON)
        self.assertEqual(len(self.heard), 200)
        self.leaves.asked("late.example.com")
        self.clock.advance(EVERY)
        self.assertIn("late.example.com", self.heard)

    def test_what_could_not_be_left_may_be_asked_for_again(self) -> None:
        self.takes()
        self.store.away = True
        self.leaves.asked("a.example.com")
        self.clock.advance(SOON)
        self.store.away = False
        self.leaves.asked("a.example.com")
        self.clock.advance(EVERY)
        self.assertEqual(self.heard, ["a.example.com"])

    def test_after_the_end_nothing_is_left_or_taken(self) -> None:
        self.leaves.asked("a.example.com")
        self.leaves.stop()
        self.clock.advance(EVERY)
        self.assertEqual(self.store.wished, [])
        Takes(self.store, self.heard.append).stop()
        other = Leaves(self.store, self.clock, lambda name: True)
        other.asked("b.example.com")
        self.clock.advance(SOON)
        self.assertEqual((self.store.wished, self.heard), ([["b.example.com"]], []))
