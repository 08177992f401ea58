"""Whatever goes wrong again and again, nobody is asked again and again: processes that die, bugs, clocks."""

from dataclasses import dataclass, replace
from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from mailtwist.kit.dns import DnsAway
from mailtwist.kit.spawn import started
from mailtwist.state.api import StateAway
from mailtwist.testing.certificates import MemoryStore
from mailtwist.testing.clock import ManualClock
from mailtwist.tls.acme.api import Issued, KeyKind, Note
from mailtwist.tls.acme.backoff import LONG, Breaker
from mailtwist.tls.acme.ordering import BEGUN, FREE
from mailtwist.tls.acme.polling import until
from mailtwist.tls.acme.problem import NotIssued
from mailtwist.tls.acme.trying import LONGEST, MOST, Failed, failed
from tests.tls.acme.test_trying import WithAuthorities
from tests.tls.acme.world import DAY, HERE, HOST, HOUR, MINUTE, WithWorld, result

BROKEN = NotIssued("connection", "nobody answers at port 80")


class Forgetful(MemoryStore):
    """Of these names no notes can be written, or no certificates."""

    def __init__(self, clock: ManualClock) -> None:
        super().__init__(clock)
        self.unwritten: set[str] = set()
        self.unkept: set[str] = set()

    async def set_note(self, name: str, key_kind: KeyKind, note: Note) -> None:
        if name in self.unwritten:
            raise StateAway(f"{name}.json: No space left on device")
        await super().set_note(name, key_kind, note)

    async def keep(self, issued: Issued) -> None:
        if issued.name in self.unkept:
            raise StateAway(f"{issued.name}.pem: Input/output error")
        await super().keep(issued)


class DyingTests(WithWorld):
    """systemd starts it again 10 seconds later."""

    def lives(self, store: MemoryStore, times: int) -> None:
        for seed in range(times):
            renewal = self.world(store=store, seed=seed).renewal
            renewal._running = False  # by force: nothing of it goes on, and its leases end with it
            if renewal._timer is not None and renewal._timer.active():
                renewal._timer.cancel()
            store._leases.clear()
            self.clock.advance(10)

    def test_a_process_that_dies_in_each_order_makes_no_storm(self) -> None:
        self.ca.delay = lambda names: Deferred()  # type: ignore[return-value,assignment]
        store = MemoryStore(self.clock)
        self.lives(store, 500)  # an hour and a half
        self.assertGreaterEqual(len(self.ca.tried), FREE + 2)
        self.assertLess(len(self.ca.tried), FREE + 15)

    def test_when_it_lives_again_the_count_is_over(self) -> None:
        store = MemoryStore(self.clock)
        result(store.set_note(HOST, "EC", Note(facts={BEGUN: FREE - 1})))
        world = self.world(store=store)
        self.assertIsNotNone(world.kept())
        self.assertNotIn(BEGUN, result(store.note(HOST, "EC")).facts)

    def test_a_failure_ends_the_count_too(self) -> None:
        self.ca.fails = lambda names: BROKEN
        store = MemoryStore(self.clock)
        for strange in (FREE - 1, -5, "x", None, True):
            result(store.set_note(HOST, "EC", Note(facts={BEGUN: strange})))
            self.world(store=store)
            note = result(store.note(HOST, "EC"))
            self.assertEqual((BEGUN in note.facts, note.failures), (False, 1))


class BugTests(WithWorld):
    def test_a_bug_in_one_order_makes_pauses_and_holds_up_no_other(self) -> None:
        def fails(names: Any) -> NotIssued | None:
            if HOST in names:
                raise KeyError("secret-of-a-solver")
            return None

        self.ca.fails = fails
        others = [f"n{number}.example.org" for number in range(8)]
        world = self.world(names=others)
        for name in others:
            self.assertIsNotNone(world.kept(name), name)
        world.pass_time(3 * DAY, 10 * MINUTE)
        tries = [names for _, names in self.ca.tried if HOST in names]
        self.assertLess(len(tries), 40)
        note = result(world.store.note(HOST, "EC"))
        self.assertEqual(note.failures, len(tries))
        self.assertNotIn("secret", note.error)
        self.assertEqual(len(self.flushLoggedErrors(KeyError)), len(tries))


class DiskTests(WithWorld):
    def test_one_note_that_cannot_be_written_holds_up_no_other_and_orders_nothing(self) -> None:
        store = Forgetful(self.clock)
        store.unwritten.add(HOST)
        world = self.world(store=store, names=["a.example.org", "b.example.org"])
        world.pass_time(DAY, 10 * MINUTE)
        self.assertIsNotNone(world.kept("a.example.org"))
        self.assertIsNotNone(world.kept("b.example.org"))
        self.assertEqual([names for _, names in self.ca.tried if HOST in names], [])
        store.unwritten.clear()
        world.pass_time(11 * MINUTE, MINUTE)
        self.assertIsNotNone(world.kept())

    def test_the_note_of_what_is_there_stops_no_look_at_others(self) -> None:
        store = Forgetful(self.clock)
        world = self.world(store=store, names=["a.example.org"])
        store.unwritten.add(HOST)
        store._notes.pop((HOST, "EC"))
        world.pass_time(70 * DAY, HOUR)
        kept = world.kept("a.example.org")
        assert kept is not None
        self.assertGreater(kept.bundle.not_after - self.clock.now(), 60 * DAY)

    def test_certificates_that_cannot_be_kept_are_not_ordered_again_and_again(self) -> None:
        store = Forgetful(self.clock)
        store.unkept.add(HOST)
        world = self.world(store=store)
        world.pass_time(2 * DAY, 10 * MINUTE)
        self.assertLess(len(self.ca.made), 30)
        self.assertIn("Input/output error", result(store.note(HOST, "EC")).error)


class ClockTests(WithWorld):
    def test_a_note_that_says_far_too_late_is_not_believed(self) -> None:
        world = self.world()
        kept = world.kept()
        assert kept is not None
        note = result(world.store.note(HOST, "EC"))
        result(world.store.set_note(HOST, "EC", replace(note, due=self.clock.now() + 4000 * DAY)))
        world.pass_time(70 * DAY, HOUR)
        self.assertEqual(len(self.ca.made), 2)

    def test_a_clock_that_was_two_weeks_ahead_puts_nothing_off(self) -> None:
        """45-day certificates have no more than that."""
        self.ca.fails = lambda names: NotIssued("rateLimited", "too many", retry_after=LONG)
        self.clock._begin += 14 * DAY
        world = self.world()
        world.pass_time(HOUR)
        self.clock._begin -= 14 * DAY
        self.ca.fails = lambda names: None
        world.pass_time(11 * MINUTE, MINUTE)
        self.assertIsNotNone(world.kept())


class LimitTests(WithAuthorities):
    def test_no_authority_keeps_a_name_away_for_a_month(self) -> None:
        for one in (self.first, self.second):
            self.refuses(one, "rateLimited", LONG)
        now = self.clock.now()
        note = failed(Note(), self.failure(), now, MINUTE)
        self.assertEqual(note.again, now + MOST)
        self.clock.advance(MOST)
        self.failure(note)
        self.assertEqual(len(self.first.tried), 2)

    def test_our_own_limits_last_as_long_as_they_do(self) -> None:
        for one in (self.first, self.second):
            self.refuses(one, "ourLimit", 7 * DAY)
        now = self.clock.now()
        self.assertEqual(failed(Note(), self.failure(), now, MINUTE).again, now + 7 * DAY)

    def test_a_note_keeps_no_novel(self) -> None:
        for one in (self.first, self.second):
            one.fails = lambda names: NotIssued("connection", "x" * 1_000_000)
        found: Failed = self.failure()
        note = failed(Note(), found, self.clock.now(), MINUTE)
        self.assertLess(len(str(note)), 4 * LONGEST)


class UnwantedTests(WithWorld):
    """A certificate that has ended goes when nobody wants it; with it goes a key that DNS may have."""

    OTHER = "imap.example.net"

    def ended(self) -> Any:
        world = self.world(prefixes=["imap"], domains=["example.net"])
        world.dns.addresses_of[self.OTHER] = (HERE,)
        world.pass_time(MINUTE, 10)
        self.assertIsNotNone(world.kept(self.OTHER))
        result(world.renewal.stop())
        self.clock.advance(100 * DAY)
        self.ca.fails = lambda names: BROKEN
        return world.store

    def again(self, store: Any, **how: Any) -> Any:
        return self.world(store=store, prefixes=["imap"], **how)

    def test_none_is_forgotten_before_it_was_looked_which_are_wanted(self) -> None:
        store = self.ended()
        world = self.again(store, domains=["example.net"])
        world.dns.addresses_of[self.OTHER] = (HERE,)
        world.pass_time(3 * HOUR)
        self.assertIsNotNone(world.kept(self.OTHER))

    def test_none_is_forgotten_while_dns_is_away(self) -> None:
        store = self.ended()
        world = self.again(store, domains=["example.net"])
        world.dns.away = True
        world.pass_time(5 * DAY, HOUR)
        self.assertIsNotNone(world.kept(self.OTHER))
        world.dns.away = False
        world.pass_time(3 * HOUR)
        self.assertIsNone(world.kept(self.OTHER))

    def test_none_is_forgotten_while_its_own_address_or_ours_is_unknown(self) -> None:
        for unknown in (HOST, self.OTHER):
            self.setUp()
            store = self.ended()
            world = self.again(store, domains=["example.net"])
            world.dns.addresses_of[self.OTHER] = (HERE,)
            self.forget(world, unknown)
            world.pass_time(3 * HOUR)
            self.assertIsNotNone(world.kept(self.OTHER), unknown)

    def forget(self, world: Any, unknown: str) -> None:
        known = world.dns.addresses

        async def addresses(name: str) -> Any:
            if name == unknown:
                raise DnsAway(name, "A", "away")
            return await known(name)

        world.dns.addresses = addresses

    def test_none_is_forgotten_while_a_directory_is_away(self) -> None:
        store = self.ended()
        world = self.again(store)

        async def domains() -> list[str]:
            raise StateAway("the directory does not answer")

        world.wanted._domains = domains
        world.pass_time(3 * HOUR)
        self.assertIsNotNone(world.kept(self.OTHER))

    def test_one_that_nobody_wants_is_gone(self) -> None:
        store = self.ended()
        world = self.again(store)
        world.pass_time(3 * HOUR)
        self.assertIsNone(world.kept(self.OTHER))


class WaitingTests(SynchronousTestCase):
    def test_an_authority_that_wants_a_month_between_two_questions_is_asked_each_minute(self) -> None:
        clock, asked = ManualClock(), []

        @dataclass
        class Answered:
            wait: float | None = LONG

        async def ask() -> Answered:
            asked.append(clock.seconds())
            return Answered()

        waiting = started(until(clock, 200.0, ask, lambda one: False, "it did nothing"))
        for _ in range(20):
            clock.advance(10)
        self.assertEqual(self.failureResultOf(waiting, NotIssued).value.kind, "slow")
        self.assertEqual(asked, [0.0, 60.0, 120.0, 180.0])

    def test_a_broken_authority_is_left_alone_for_a_day_at_most(self) -> None:
        breaker = Breaker(ManualClock())
        breaker.failed("it is broken", LONG)
        self.assertEqual(breaker.wait, DAY)
