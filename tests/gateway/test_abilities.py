"""What servers behind can do is known, for all of a pool; a change is told once."""

from typing import Any

from twisted.logger import globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from mailtwist.gateway.abilities import LARGEST, MOST_KNOWN, Abilities
from mailtwist.protocols.dialogue import Offer


class AbilitiesTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.events: list[dict[str, Any]] = []
        globalLogPublisher.addObserver(self.events.append)
        self.addCleanup(globalLogPublisher.removeObserver, self.events.append)
        self.abilities = Abilities("exchange")

    def learn(self, host: str, *lines: str, late: bool = False) -> Offer:
        return self.abilities.learned("submission", host, Offer(lines), late=late)

    def test_nothing_is_known_before(self) -> None:
        self.assertEqual(self.abilities.offered("imap", late=True), ())

    def test_what_all_do(self) -> None:
        self.learn("a", "AUTH PLAIN LOGIN", "SIZE 2000", "8BITMIME", "CHUNKING")
        self.learn("b", "8bitmime", "size 1000", "AUTH LOGIN NTLM")
        self.assertEqual(
            self.abilities.offered("submission", late=False), ("AUTH LOGIN", "SIZE 1000", "8BITMIME")
        )
        self.assertEqual(self.abilities.offered("submission", late=True), ())

    def test_a_mechanism_that_none_share_is_none(self) -> None:
        self.learn("a", "AUTH PLAIN")
        self.learn("b", "AUTH LOGIN")
        self.assertEqual(self.abilities.offered("submission", late=False), ())

    def test_no_limit_is_no_small_one(self) -> None:
        self.learn("a", "SIZE 0")
        self.learn("b", "SIZE")
        self.assertEqual(self.abilities.offered("submission", late=False), ("SIZE",))

    def test_sessions_share_what_is_the_same(self) -> None:
        self.assertIs(self.learn("a", "X", "Y"), self.learn("a", "X", "Y"))

    def test_a_change_is_told_once(self) -> None:
        self.learn("a", "X", "Y")
        self.assertEqual(self.told(), [])
        for _ in range(3):
            self.learn("a", "X", "Z")
            self.learn("a", "X", "Y")
        self.assertEqual(self.told(), [("Z", "Y")])
        self.assertEqual(self.abilities.offered("submission", late=False), ("X", "Y"))

    def test_a_server_that_says_something_else_each_time_is_not_told_for_ever(self) -> None:
        for number in range(100):
            self.learn("a", f"X{number}")
        self.assertEqual(len(self.told()), MOST_KNOWN - 1)
        self.assertEqual(self.abilities.offered("submission", late=False), ("X99",))

    def test_a_list_without_end_is_cut(self) -> None:
        line = "X" * 1000
        self.assertEqual(len(self.learn("a", *[line] * 100)), LARGEST // len(line))
        self.assertEqual(self.learn("a", "Y", "X" * LARGEST, "Z"), ("Y",))
        whole = ("X" * (LARGEST - 1), "Y")
        self.assertEqual(self.learn("a", *whole), whole)

    def told(self) -> list[tuple[str, str]]:
        return [
            (event["more"], event["less"])
            for event in self.events
            if event.get("event_id") == "upstream.offers"
        ]
