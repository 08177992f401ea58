"""Of connections that come at once with the same string one is judged, and the others hear how it went."""

from collections.abc import Awaitable
from pathlib import Path

from twisted.internet.defer import CancelledError, Deferred
from twisted.trial.unittest import SynchronousTestCase

from mailtwist.auth.flight import LEASE, Flight, Word
from mailtwist.kit.spawn import started
from mailtwist.state.api import StateAway
from mailtwist.testing.assembly import OnePart
from mailtwist.testing.clock import ManualClock
from tests.auth.house import memory

PASSED = Word(device="d1", mark=7)


class FlightTests(SynchronousTestCase):
    def setUp(self) -> None:
        folder = Path(self.mktemp())
        folder.mkdir()
        self.clock = ManualClock()
        self.volatile = memory(OnePart(folder, clock=self.clock))
        self.flight = Flight(self.volatile, self.clock)
        self.judged: list[str] = []

    def come(self, client: str, verdict: Awaitable[Word | None], name: str = "") -> Deferred[Word | None]:
        async def lead() -> Word | None:
            self.judged.append(name or client)
            return await verdict

        return started(self.flight.alone(b"string", client, lead))

    def test_others_of_the_same_client_hear_the_word(self) -> None:
        verdict: Deferred[Word | None] = Deferred()
        leader = self.come("home", verdict)
        others = [self.come("home", verdict) for _ in range(4)]
        verdict.callback(PASSED)
        self.assertIsNone(self.successResultOf(leader))
        for other in others:
            word = self.successResultOf(other)
            assert word is not None
            self.assertEqual((word.device, word.mark, word.client), ("d1", 7, "home"))
        self.assertEqual(self.judged, ["home"])

    def test_refusals_and_trouble_are_heard_too(self) -> None:
        for said in (Word(refused="wrong-code"), Word(away="state-away")):
            verdict: Deferred[Word | None] = Deferred()
            self.come("home", verdict)
            other = self.come("home", verdict)
            verdict.callback(said)
            word = self.successResultOf(other)
            assert word is not None
            self.assertEqual((word.refused, word.away), (said.refused, said.away))

    def test_another_client_is_judged_himself(self) -> None:
        first: Deferred[Word | None] = Deferred()
        second: Deferred[Word | None] = Deferred()
        self.come("home", first)
        away = self.come("away", second)
        self.assertEqual(self.judged, ["home"])
        first.callback(PASSED)
        self.assertEqual(self.judged, ["home", "away"])
        second.callback(Word(refused="used-code"))
        self.assertIsNone(self.successResultOf(away))

    def test_without_an_address_everybody_is_judged_himself(self) -> None:
        first: Deferred[Word | None] = Deferred()
        self.come("", first)
        other = self.come("", Deferred(), "other")
        first.callback(PASSED)
        self.assertNoResult(other)
        self.assertEqual(self.judged, ["", "other"])

    def test_when_the_leader_goes_another_leads(self) -> None:
        leader = self.come("home", Deferred())
        verdict: Deferred[Word | None] = Deferred()
        second, third = self.come("home", verdict, "second"), self.come("home", verdict, "third")
        leader.cancel()
        self.failureResultOf(leader, CancelledError)
        self.assertEqual(len(self.judged), 2)
        verdict.callback(PASSED)
        self.assertCountEqual([self.successResultOf(one) is None for one in (second, third)], [True, False])
        self.assertEqual(len(self.judged), 2)

    def test_a_leader_with_nothing_to_say_leaves_the_others_to_themselves(self) -> None:
        first: Deferred[Word | None] = Deferred()
        self.come("home", first)
        second: Deferred[Word | None] = Deferred()
        self.come("home", second, "second")
        first.callback(None)
        self.assertEqual(self.judged, ["home", "second"])

    def test_a_fault_of_one_is_not_that_of_all(self) -> None:
        first: Deferred[Word | None] = Deferred()
        leader = self.come("home", first)
        self.come("home", Deferred(), "second")
        first.errback(KeyError("a bug"))
        self.failureResultOf(leader, KeyError)
        self.assertEqual(self.judged, ["home", "second"])

    def test_however_long_it_takes_nobody_else_begins(self) -> None:
        verdict: Deferred[Word | None] = Deferred()
        leader = self.come("home", verdict)
        other = self.come("home", verdict)
        for _ in range(100):
            self.clock.advance(LEASE / 3)
        self.assertEqual(self.judged, ["home"])
        verdict.callback(PASSED)
        self.successResultOf(leader)
        self.assertIsNotNone(self.successResultOf(other))
        self.assertEqual(self.clock.reactor.getDelayedCalls(), [])

    def test_a_leader_that_is_heard_of_no_more_is_followed_by_another(self) -> None:
        async def dead(*args: object) -> bool:
            raise StateAway("the process is gone")

        leader = self.come("home", Deferred())
        self.patch(self.volatile, "renew", dead)
        self.come("home", Deferred(), "second")
        for _ in range(3):
            self.clock.advance(LEASE / 3)
        self.assertEqual(self.judged, ["home", "second"])
        leader.cancel()
        self.failureResultOf(leader, CancelledError)

    def test_a_word_that_cannot_be_said_spoils_nothing(self) -> None:
        async def away(*args: object) -> None:
            raise StateAway("redis")

        self.patch(self.volatile, "settle", away)
        verdict: Deferred[Word | None] = Deferred()
        leader = self.come("home", verdict)
        verdict.callback(PASSED)
        self.assertIsNone(self.successResultOf(leader))

    def test_a_word_is_what_it_was(self) -> None:
        for word in (PASSED, Word(refused="x"), Word(away="y", client="z"), Word()):
            self.assertEqual(Word.from_octets(word.octets()), word)
