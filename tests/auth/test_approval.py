"""A password alone, and its owner is asked on his phone: only then, seldom, and nobody else sees it."""

from typing import Any

from twisted.internet.defer import Deferred

from mailtwist.auth.api import Accepted, LoginRefused, TooManyAttempts
from mailtwist.auth.decision import Decision
from mailtwist.config.limits import DAY
from mailtwist.config.values import Duration
from mailtwist.kit.spawn import started
from tests.auth.elsewhere import Phone
from tests.auth.house import AWAY, HOME, NAME, PASSWORD
from tests.auth.watching import Gates, Watching

PATIENCE = 30.0


class ApprovalCase(Watching):
    """Everybody has a phone; `NAME` has no codes unless he enrolls."""

    domains: tuple[str, ...] = ()

    def build(self, **how: Any) -> None:
        super().build(**{"enrolled": False, **how})

    def begun(self) -> Decision:
        self.phone = Phone(self.clock, self.domains)
        factors: Any = self.assembly.parts("factor")
        factors["phone"] = self.phone
        return super().begun()

    def asked(self) -> int:
        return len(self.phone.asked)

    def approved(self, secret: bytes = PASSWORD, address: str = HOME, **more: Any) -> Accepted:
        """It was asked, and the answer was yes."""
        before = self.asked()
        waiting = self.begin(secret, address, **more)
        self.assertNoResult(waiting)
        self.assertEqual(self.asked(), before + 1)
        self.phone.answer("yes")
        return self.successResultOf(waiting)

    def left_at(self, waiting: Deferred[Any]) -> tuple[float, str, str]:
        """When a refusal comes, and what is heard and noted of it."""
        begun = self.clock.seconds()
        while not waiting.called:
            self.clock.advance(1 / 64)
            self.assertLess(self.clock.seconds() - begun, 100)
        error: Any = self.failureResultOf(waiting).value
        return self.clock.seconds() - begun, error.public, error.reason

    def denied(self, secret: bytes = PASSWORD, address: str = HOME, **more: Any) -> str:
        took, public, reason = self.left_at(self.begin(secret, address, **more))
        self.assertEqual((took, public), (PATIENCE, "Authentication failed"))
        return reason


class ApprovalTests(ApprovalCase):
    def test_yes_lets_in_at_once(self) -> None:
        waiting = self.begin(PASSWORD, client="Phone")
        self.clock.advance(7)
        self.assertNoResult(waiting)
        self.phone.answer("yes")
        accepted = self.successResultOf(waiting)
        self.assertEqual((accepted.password, accepted.account), (PASSWORD, "a1"))
        (told,) = self.told("login.accepted")
        self.assertEqual((told["how"], told["factor"]), ("approved", "phone"))

    def test_the_phone_is_told_of_the_login_and_of_no_secret(self) -> None:
        self.approved(client="Phone", protocol="pop3")
        (asked,) = self.phone.asked
        self.assertEqual((asked.account, asked.known, asked.address), ("a1", True, HOME))
        self.assertEqual((asked.protocol, asked.client), ("pop3", "Phone"))
        self.assertTrue(asked.login)
        self.assertEqual(asked.seconds, PATIENCE - 0.5)
        (told,) = self.told("approval.asking")
        self.assertEqual((told["account"], told["address"], told["seconds"]), ("a1", HOME, PATIENCE - 0.5))
        self.assertNotIn(PASSWORD.decode(), repr(asked))

    def test_nobody_is_asked_before_the_directory_has_taken_the_password(self) -> None:
        self.assertEqual(self.denied(b"wrong"), "wrong-password")
        self.assertEqual(self.denied(PASSWORD, user="nobody@example.org"), "unknown")
        self.directory.add("off@example.org", PASSWORD, "a9", enabled=False)
        self.assertEqual(self.denied(PASSWORD, user="off@example.org"), "disabled")
        self.assertEqual(self.phone.asked, [])

    def test_no_and_nothing_are_refused(self) -> None:
        waiting = self.begin(PASSWORD)
        self.clock.advance(3)
        self.phone.answer("no")
        self.assertNoResult(waiting)
        took, public, reason = self.left_at(waiting)
        self.assertEqual((took, public, reason), (PATIENCE - 3, "Authentication failed", "not-approved"))
        self.clock.advance(3600)
        self.assertEqual(self.denied(), "not-approved")

    def test_all_refusals_are_alike_in_words_and_time(self) -> None:
        """Whoever tries a password learns nothing from the answer: not that it is right, nor that somebody
        has a phone, or exists."""
        self.directory.add("off@example.org", PASSWORD, "a9", enabled=False)
        self.directory.add("bob@example.org", PASSWORD, "a2")
        self.phone.people = lambda account: account != "a2"
        tries = {
            "not-approved": self.begin(PASSWORD),
            "asked-already": self.begin(PASSWORD, AWAY),
            "wrong-password": self.begin(b"wrong"),
            "unknown": self.begin(PASSWORD, user="nobody@example.org"),
            "disabled": self.begin(PASSWORD, user="off@example.org"),
            "no-code": self.begin(PASSWORD, user="bob@example.org"),
        }
        self.clock.advance(PATIENCE - 1 / 64)
        self.assertEqual([reason for reason, waiting in tries.items() if waiting.called], [])
        self.clock.advance(1 / 64)
        for reason, waiting in tries.items():
            self.assertEqual(self.failureResultOf(waiting, LoginRefused).value.reason, reason)
        self.assertEqual(self.denied(b"wrong"), "refused-before")
        self.assertEqual(self.denied(), "refused-before")
        self.assertEqual(self.asked(), 1)

    def test_a_door_with_less_patience_has_its_answer_in_its_time(self) -> None:
        for patience in (8.0, 20.0):
            for secret in (PASSWORD, b"wrong"):
                self.build()
                waiting = self.begin(secret, patience=patience)
                self.assertEqual(self.left_at(waiting)[0], patience)
            self.build()
            self.phone.longest = 5.0
            self.assertEqual(self.left_at(self.begin(b"wrong", patience=patience))[0], 5.0)

    def test_a_slow_directory_leaves_less_for_the_person(self) -> None:
        self.build(directory=(directory := Gates()))
        directory.add(NAME, PASSWORD, "a1")
        directory.gates = []
        waiting = self.begin(PASSWORD)
        self.clock.advance(10)
        directory.gates[0].callback(None)
        self.assertEqual(self.phone.asked[0].seconds, PATIENCE - 10.5)
        self.assertEqual(self.left_at(waiting)[0], PATIENCE - 10)

    def test_what_the_directory_opened_ends_with_a_refusal(self) -> None:
        self.build(directory=(directory := Gates()))
        directory.add(NAME, PASSWORD, "a1")
        waiting = self.begin(PASSWORD)
        (opened,) = directory.opened
        self.assertEqual(opened.closed, 0)
        self.left_at(waiting)
        self.assertEqual(opened.closed, 1)
        self.clock.advance(DAY)
        waiting = self.begin(PASSWORD)
        waiting.cancel()
        self.failureResultOf(waiting)
        self.assertEqual([one.closed for one in directory.opened], [1, 1])
        self.assertEqual(self.phone.waiting, [])

    def test_who_has_codes_too_gets_in_by_either(self) -> None:
        self.build(enrolled=True)
        self.accepted(self.right())
        self.assertEqual(self.asked(), 0)
        self.approved()
        self.assertEqual(self.refused(self.wrong()), "wrong-code")
        self.assertEqual(self.refused(b"wrong@" + self.code(1).encode()), "wrong-password")

    def test_nobody_is_asked_where_no_code_is_needed(self) -> None:
        self.build(factor="optional")
        self.phone.people = lambda account: False
        self.accepted(PASSWORD)
        self.assertEqual(self.asked(), 0)

    def test_waiting_takes_no_place_in_any_line(self) -> None:
        """More than all lines together would hold wait for their phones, and another one gets in."""
        networks = [f"198.51.{number // 9}.7" for number in range(60)]
        for number, address in enumerate(networks):
            self.directory.add(f"u{number}@example.org", b"%d" % number, f"u{number}")
        held = [
            self.begin(b"%d" % number, address, user=f"u{number}@example.org")
            for number, address in enumerate(networks)
        ]
        self.assertEqual(self.asked(), 60)
        self.phone.says = "yes"
        self.accepted(PASSWORD)
        self.accepted(PASSWORD, networks[0])
        self.clock.advance(PATIENCE)
        for waiting in held:
            self.failureResultOf(waiting, LoginRefused)

    def test_an_office_that_says_yes_uses_up_nothing(self) -> None:
        self.phone.says = "yes"
        for number in range(150):
            self.directory.add(f"u{number}@example.org", PASSWORD, f"u{number}")
            self.accepted(PASSWORD, user=f"u{number}@example.org")

    def test_while_somebody_is_asked_budgets_tell_nothing(self) -> None:
        """The sixth guess from an address has its answer at once and the seventh is denied, whether or not
        one before was right and waits for its owner."""
        for secret in (PASSWORD, b"wrong"):
            self.build()
            for number in range(5):
                self.begin(b"guess %d" % number).addErrback(lambda failure: None)
            self.begin(secret).addErrback(lambda failure: None)
            self.assertEqual(self.asked(), secret == PASSWORD)
            denied = self.begin(b"guess 7")
            self.clock.advance(2)
            self.assertEqual(self.failureResultOf(denied, TooManyAttempts).value.bucket, "account_address")


class DomainTests(ApprovalCase):
    domains = ("example.org",)

    def test_others_are_not_asked_and_hear_it_soon(self) -> None:
        self.directory.add("cat@example.com", PASSWORD, "a3")
        self.assertEqual(self.refused(PASSWORD, user="cat@example.com"), "no-code")
        self.assertEqual(self.refused(PASSWORD, user="nobody@example.com"), "unknown")
        self.approved()


class BombingTests(ApprovalCase):
    def test_a_program_that_comes_each_minute_is_no_prompt_each_minute(self) -> None:
        for _ in range(12 * 60):
            waiting = self.begin(PASSWORD)
            self.clock.advance(60)
            self.failureResultOf(waiting, LoginRefused)
        self.assertLessEqual(self.asked(), 8)

    def test_its_pauses_grow(self) -> None:
        asked = []
        for minute in range(180):
            waiting = self.begin(PASSWORD)
            if self.asked() > len(asked):
                asked.append(minute)
            self.clock.advance(60)
            self.failureResultOf(waiting, LoginRefused)
        gaps = [then - first for first, then in zip(asked, asked[1:], strict=False)]
        self.assertEqual(gaps, [6, 11, 21, 41, 81])

    def test_one_prompt_at_a_time_for_all_clients(self) -> None:
        first = self.begin(PASSWORD)
        others = [self.begin(PASSWORD, f"203.0.{number}.113") for number in range(3)]
        others.append(self.begin(PASSWORD, "2001:db8::1"))
        self.assertEqual(self.asked(), 1)
        self.phone.answer("yes")
        self.successResultOf(first)
        self.clock.advance(PATIENCE)
        reasons = [self.failureResultOf(waiting, LoginRefused).value.reason for waiting in others]
        self.assertEqual(reasons, ["asked-already"] * 4)
        self.assertEqual(self.asked(), 1)

    def test_connections_of_one_client_wait_for_one_prompt(self) -> None:
        waiting = [self.begin(PASSWORD) for _ in range(5)]
        self.assertEqual(self.asked(), 1)
        self.phone.answer("yes")
        accepted = [self.successResultOf(one) for one in waiting]
        self.assertEqual(len({one.device for one in accepted}), 1)
        self.assertTrue(accepted[0].device)

    def test_they_hear_of_a_no_together(self) -> None:
        waiting = [self.begin(PASSWORD) for _ in range(3)]
        self.phone.answer("no")
        self.clock.advance(PATIENCE)
        for one in waiting:
            self.assertEqual(self.failureResultOf(one, LoginRefused).value.reason, "not-approved")
        self.assertEqual(self.asked(), 1)

    def test_a_thief_who_moves_asks_five_times_and_the_owner_gets_in_with_a_code(self) -> None:
        self.build(enrolled=True)
        reasons = []
        for number in range(9):
            waiting = self.begin(PASSWORD, f"203.{number}.113.1")
            self.clock.advance(PATIENCE)
            reasons.append(self.failureResultOf(waiting, LoginRefused).value.reason)
        self.assertEqual(reasons, ["not-approved"] * 5 + ["asked-enough"] * 4)
        self.assertEqual({told["reason"] for told in self.told("approval.not_asked")}, {"asked-enough"})
        self.assertEqual(self.asked(), 5)
        self.assertTrue(self.accepted(self.right(), AWAY).device)
        spool = self.durable.notices(self.clock.now() + 9, self.clock.now() + 10, 100)
        kinds = [notice.kind for notice in self.successResultOf(started(spool))]
        self.assertEqual(kinds.count("approval-enough"), 1)

    def test_no_more_than_twenty_in_a_day(self) -> None:
        for number in range(60):
            waiting = self.begin(PASSWORD, f"203.{number}.113.1")
            self.clock.advance(900)
            self.failureResultOf(waiting, LoginRefused)
        self.assertEqual(self.asked(), 20)
        self.clock.advance(2 * DAY)
        self.approved()

    def test_a_yes_costs_nothing(self) -> None:
        self.build(approved=Duration(0))
        for _ in range(30):
            self.approved()
        self.assertEqual(self.ended(), [["forgiven"]] * 30)

    def test_who_hangs_up_has_asked(self) -> None:
        for _ in range(3):
            waiting = self.begin(PASSWORD)
            waiting.cancel()
            self.failureResultOf(waiting)
            self.clock.advance(1)
        self.assertEqual(self.asked(), 1)
        self.assertEqual(self.phone.ended, 1)

    def test_passwords_that_lead_to_prompts_have_a_budget_of_their_own(self) -> None:
        self.build(enrolled=True)
        for number in range(20):
            waiting = self.begin(b"guess %d" % number, f"203.{number}.113.1")
            self.clock.advance(PATIENCE)
            self.failureResultOf(waiting, LoginRefused)
        limited = self.begin(b"another guess", "203.99.113.1")
        self.clock.advance(2)
        self.assertEqual(self.failureResultOf(limited, TooManyAttempts).value.bucket, "approval")
        self.assertTrue(self.accepted(self.right(), "203.98.113.1"))

    def test_nobody_sees_from_a_budget_who_has_a_phone_or_exists(self) -> None:
        self.directory.add("bob@example.org", PASSWORD, "a2")
        self.phone.people = lambda account: account == "a1"
        for user in (NAME, "bob@example.org", "nobody@example.org"):
            for number in range(20):
                waiting = self.begin(b"guess %d" % number, f"203.{number}.113.1", user=user)
                self.clock.advance(600)
                self.failureResultOf(waiting, LoginRefused)
            waiting = self.begin(b"guess", "203.99.113.1", user=user)
            self.clock.advance(2)
            self.assertEqual(self.failureResultOf(waiting, TooManyAttempts).value.bucket, "approval")

    def test_a_password_to_which_nobody_said_yes_is_counted_like_a_wrong_one(self) -> None:
        """Or budgets would tell that it was right."""
        for secret in (PASSWORD, b"wrong"):
            self.build()
            for _ in range(5):
                self.denied(secret)
                self.clock.advance(1000)
            self.assertEqual(self.ended(), [["failed"]])
