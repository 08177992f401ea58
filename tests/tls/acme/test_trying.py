"""Several authorities in order: who is asked after whom, who is left alone, and for how long."""

from typing import Any

from twisted.trial.unittest import TestCase

from mailtwist.kit.trouble import Trouble
from mailtwist.state.api import StateUnusable
from mailtwist.testing.clock import ManualClock
from mailtwist.tls.acme.api import Issued, Note
from mailtwist.tls.acme.backoff import AT_LAST, LATER, LONG, PAUSES, Breaker, pause
from mailtwist.tls.acme.problem import NotIssued
from mailtwist.tls.acme.trying import LIMITED, ORDERS, Failed, Trying, failed, worked
from tests.tls.acme.world import DAY, HOUR, MINUTE, Simulated, a_key, result

NAMES = ("mail.example.org",)


def refusal(kind: str, retry_after: float | None = None) -> NotIssued:
    return NotIssued(kind, f"because of {kind}", retry_after=retry_after)


class WithAuthorities(TestCase):
    def setUp(self) -> None:
        self.clock = ManualClock()
        self.first, self.second = Simulated("first", self.clock), Simulated("second", self.clock)
        self.trying = Trying((self.first, self.second), (), self.clock)

    def refuses(self, authority: Simulated, kind: str, retry_after: float | None = None) -> None:
        authority.fails = lambda names: refusal(kind, retry_after)

    def issued(self, note: Note = Note()) -> Issued:
        made = result(self.trying.issued(NAMES, a_key(), None, note))
        assert isinstance(made, Issued)
        return made

    def failure(self, note: Note = Note()) -> Failed:
        error: Failed = self.assertRaises(Failed, self.issued, note)
        return error


class OrderTests(WithAuthorities):
    def test_the_first_issues_while_it_can(self) -> None:
        for _ in range(3):
            self.assertEqual(self.issued().authority, self.first.directory)
        self.assertEqual(self.second.tried, [])

    def test_one_that_is_broken_or_limits_is_followed_by_the_next_at_once(self) -> None:
        kinds = ("serverInternal", "unreachable", "nonsense", "slow", "rateLimited", "ourLimit", "terms")
        for kind in (*kinds, "externalAccountRequired", "wrongCertificate", "accountDoesNotExist"):
            self.setUp()
            self.refuses(self.first, kind)
            self.assertEqual(self.issued().authority, self.second.directory, kind)

    def test_one_that_caa_forbids_is_followed_by_one_that_it_allows(self) -> None:
        self.refuses(self.first, "forbidden")
        self.assertEqual(self.issued().authority, self.second.directory)
        self.refuses(self.second, "forbidden")
        self.assertEqual(self.failure().kind, "forbidden")

    def test_a_name_that_is_not_to_be_is_offered_to_nobody_else(self) -> None:
        for kind in ("caa", "rejectedIdentifier"):
            self.refuses(self.first, kind)
            for failures in range(20):
                error = self.failure(Note(failures=failures, facts={"kind": kind}))
                self.assertEqual(error.kind, kind)
        self.assertEqual(self.second.tried, [])

    def test_a_name_that_is_not_proven_goes_to_the_next_after_three_tries(self) -> None:
        for kind in ("connection", "dns", "unauthorized", "unproven"):
            self.setUp()
            self.refuses(self.first, kind)
            for failures in (0, 1, 2):
                facts = {"kind": kind} if failures else {}
                self.failure(Note(failures=failures, facts=facts))
            self.assertEqual(self.second.tried, [])
            made = self.issued(Note(failures=3, facts={"kind": kind}))
            self.assertEqual(made.authority, self.second.directory)

    def test_the_next_renewal_begins_with_the_first(self) -> None:
        note = Note(failures=3, facts={"kind": "connection"})
        self.assertEqual(self.issued(note).authority, self.second.directory)
        made = self.issued(worked(note, self.issued(note)))
        self.assertEqual(made.authority, self.first.directory)

    def test_what_is_no_answer_of_an_authority_is_a_failure_too(self) -> None:
        def unreadable(names: object) -> Any:
            raise Trouble("4.3.5", "no", "its roots cannot be read")

        self.first.fails = unreadable
        self.assertEqual(self.issued().authority, self.second.directory)
        self.refuses(self.second, "unreachable")
        self.assertEqual(self.failure().errors["first"], "its roots cannot be read")

    def test_a_damaged_account_leads_to_the_next(self) -> None:
        async def damaged(*_: object) -> Issued:
            raise StateUnusable("accounts/1.json is damaged")

        self.patch(self.first, "issued", damaged)
        self.assertEqual(self.issued().authority, self.second.directory)

    def test_nobody_to_ask_is_told(self) -> None:
        self.trying = Trying((), (), self.clock)
        self.assertIn("no authority", self.failure().words)

    def test_results_are_counted(self) -> None:
        issued, broken = ORDERS.value("second", "issued"), ORDERS.value("first", "slow")
        self.refuses(self.first, "slow")
        self.issued()
        self.assertEqual(ORDERS.value("second", "issued"), issued + 1)
        self.assertEqual(ORDERS.value("first", "slow"), broken + 1)


class BreakerTests(WithAuthorities):
    def test_an_authority_that_breaks_three_times_is_left_alone_and_comes_back(self) -> None:
        self.refuses(self.first, "unreachable")
        for _ in range(10):
            self.issued()
        self.assertEqual(len(self.first.tried), 3)
        self.clock.advance(5 * MINUTE)
        self.first.fails = lambda names: None
        self.assertEqual(self.issued().authority, self.first.directory)

    def test_each_time_it_is_left_alone_for_longer_and_never_longer_than_six_hours(self) -> None:
        breaker = Breaker(self.clock)
        waits = []
        for _ in range(60):
            breaker.failed("it is broken")
            if breaker.wait:
                waits.append(breaker.wait)
                self.clock.advance(breaker.wait)
        self.assertEqual(waits[:2], [5 * MINUTE, 5 * MINUTE])
        self.assertEqual(sorted(waits), waits)
        self.assertEqual(waits[-1], 6 * HOUR)

    def test_retry_after_of_a_broken_authority_counts(self) -> None:
        self.refuses(self.first, "serverInternal", 2 * HOUR)
        self.issued()
        self.clock.advance(2 * HOUR - 1)
        self.issued()
        self.assertEqual(len(self.first.tried), 1)
        self.clock.advance(1)
        self.issued()
        self.assertEqual(len(self.first.tried), 2)

    def test_when_all_are_left_alone_that_is_told(self) -> None:
        for one in (self.first, self.second):
            self.refuses(one, "unreachable", HOUR)
        self.failure()
        error = self.failure()
        self.assertEqual(error.kind, "resting")
        self.assertIn("because of unreachable", error.errors["first"])

    def test_proofs_that_fail_break_no_authority(self) -> None:
        self.refuses(self.first, "connection")
        for _ in range(10):
            self.failure()
        self.assertEqual(len(self.first.tried), 10)


class LimitTests(WithAuthorities):
    def test_retry_after_of_a_limit_counts_for_its_name_alone(self) -> None:
        for one in (self.first, self.second):
            self.refuses(one, "rateLimited", 30 * HOUR)
        now = self.clock.now()
        note = failed(Note(), self.failure(), now, MINUTE)
        self.assertEqual(note.again, now + 30 * HOUR)
        self.clock.advance(29 * HOUR)
        self.assertEqual(self.failure(note).kind, "resting")
        self.assertEqual(len(self.first.tried), 1)
        self.first.fails = lambda names: None
        self.assertEqual(self.issued().authority, self.first.directory)
        self.clock.advance(HOUR)
        self.assertEqual(self.issued(note).authority, self.first.directory)

    def test_while_one_is_limited_the_other_is_tried_at_its_pauses(self) -> None:
        self.refuses(self.first, "rateLimited", 30 * HOUR)
        self.refuses(self.second, "unreachable")
        now = self.clock.now()
        note = failed(Note(), self.failure(), now, MINUTE)
        self.assertEqual(note.again, now + MINUTE)

    def test_a_limit_that_says_nothing_is_an_hour(self) -> None:
        self.trying = Trying((self.first,), (), self.clock)
        self.refuses(self.first, "rateLimited")
        now = self.clock.now()
        self.assertEqual(failed(Note(), self.failure(), now, MINUTE).again, now + LIMITED)

    def test_a_damaged_note_limits_nobody(self) -> None:
        for facts in ({"waits": 3}, {"waits": {"first": "x"}}, {"waits": {"first": 1e300}}, {"kind": []}):
            self.assertEqual(self.issued(Note(facts=facts)).authority, self.first.directory)


class PauseTests(TestCase):
    def test_pauses_are_those_of_thirty_days_and_then_a_day(self) -> None:
        self.assertEqual(
            [round(one / MINUTE) for one in PAUSES],
            [1, 2, 2, 5, 10, 10, 10, 20, 20, 20, 20, *[30] * 6, 60, 60, 60, 120, 120, 180, 180],
        )
        self.assertEqual(pause(1, 0, lambda: 0.0), MINUTE)
        self.assertEqual(pause(0, 0, lambda: 0.0), MINUTE)
        self.assertEqual(pause(len(PAUSES) + 1, DAY, lambda: 0.0), LATER)
        self.assertEqual(pause(10**9, LONG, lambda: 0.0), AT_LAST)

    def test_up_to_a_tenth_is_chance(self) -> None:
        self.assertAlmostEqual(pause(1, 0, lambda: 1.0), MINUTE * 1.1)
