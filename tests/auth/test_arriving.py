"""Strings that nobody knows: charged first, judged once, and exactly one thing becomes of each guess."""

from typing import Any

from twisted.internet.defer import CancelledError, Deferred

from mailtwist.auth.api import LoginUnavailable, Source, TooManyAttempts
from mailtwist.auth.arriving import the_arriving
from mailtwist.auth.decision import the_decision
from mailtwist.auth.factors.api import Proof
from mailtwist.auth.judging import the_judge
from mailtwist.auth.policy import the_policy
from mailtwist.config.limits import LimitsSettings
from mailtwist.config.part import installed
from mailtwist.config.rate import Rate
from mailtwist.kit.spawn import started
from mailtwist.state.api import StateAway
from mailtwist.state.records import DEVICE_CODE
from mailtwist.testing.directory import MemoryDirectory
from tests.auth.house import AWAY, HOME, HOME_TOO, NAME, PASSWORD
from tests.auth.watching import Gates, Watching

FAILED, FORGIVEN = [["failed"]], [["forgiven"]]


class ChargedTests(Watching):
    def away(self, part: Any, method: str, error: Exception) -> None:
        async def fail(*args: object, **kw: object) -> None:
            raise error

        self.patch(part, method, fail)

    def test_who_is_right_pays_nothing(self) -> None:
        self.accepted(self.right())
        self.assertEqual(self.ended(), FORGIVEN)

    def test_whoever_is_wrong_pays(self) -> None:
        for secret in (self.wrong(), b"guess@" + self.code().encode(), PASSWORD, b"@123456"):
            self.refused(secret, AWAY)
            self.assertEqual(self.ended(), FAILED, secret)
        used = self.right(1)
        self.accepted(used)
        self.ended()
        self.refused(b"x" + used, AWAY)
        self.assertEqual(self.ended(), FAILED)

    def test_a_name_that_nobody_has_is_charged_like_others(self) -> None:
        self.refused(self.right(), user="nobody@example.org")
        (charged,) = self.charged
        self.assertEqual((charged.attempt.known, charged.attempt.login), (False, "nobody@example.org"))
        self.assertTrue(charged.attempt.account.startswith("?"))
        self.assertEqual(self.ended(), FAILED)

    def test_what_can_be_nobodys_name_is_charged_to_its_address_alone(self) -> None:
        for user, secret in ((b"\xff", b"x"), (b"ann\0", b"x"), (NAME.encode(), b"x\r\n")):
            self.refused(secret, user=user)
            (charged,) = self.charged
            self.assertEqual((charged.attempt.account, charged.attempt.address), ("", HOME))
            self.assertEqual(self.ended(), FAILED)

    def test_the_attempt_says_what_it_is(self) -> None:
        self.refused(self.wrong(), AWAY)
        attempt = self.charged[0].attempt
        self.assertEqual((attempt.account, attempt.known, attempt.address), ("a1", True, AWAY))
        self.assertEqual((attempt.kind, attempt.password, attempt.login), ("totp", PASSWORD, NAME))

    def test_a_place_is_known_where_the_account_got_in(self) -> None:
        self.refused(self.wrong(), HOME_TOO)
        self.accepted(self.right())
        self.refused(b"x" + self.wrong(), HOME_TOO)
        self.refused(b"y" + self.wrong(), AWAY)
        self.refused(b"z" + self.wrong(), "")
        sources = [one.attempt.source for one in self.charged]
        untrusted = Source.UNTRUSTED
        self.assertEqual(sources, [untrusted, untrusted, Source.KNOWN, untrusted, untrusted])

    def test_it_is_known_without_a_device_too(self) -> None:
        self.build(remember=0.0)
        self.accepted(self.right())
        self.clock.advance(5)  # the history is written
        self.refused(self.wrong(), HOME_TOO)
        self.assertEqual(self.charged[-1].attempt.source, Source.KNOWN)
        self.clock.advance(31 * 86400)
        self.refused(b"x" + self.wrong(), HOME_TOO)
        self.assertEqual(self.charged[-1].attempt.source, Source.UNTRUSTED)

    def test_a_device_that_ended_makes_no_place_known(self) -> None:
        device = self.accepted(self.right()).device
        self.clock.advance(29 * 86400)
        self.refused(self.wrong(), HOME_TOO)
        self.successResultOf(started(self.durable.revoke("a1", device, self.clock.now())))
        self.clock.advance(2 * 86400)  # it is in no history either
        self.refused(b"x" + self.wrong(), HOME_TOO)
        self.assertEqual([one.attempt.source for one in self.charged[1:]], [Source.KNOWN, Source.UNTRUSTED])

    def test_trouble_is_nobodys_fault(self) -> None:
        for part, method in (
            (self.totp, "verify"),
            (self.volatile, "use_once"),
            (self.durable, "last_step"),
            (self.durable, "advance"),
            (self.directory, "accepts"),
            (self.durable, "remember"),
        ):
            real = getattr(part, method)
            self.away(part, method, StateAway("disk"))
            self.unavailable(self.right())
            self.assertEqual(self.ended(), FORGIVEN, method)
            self.patch(part, method, real)
            self.clock.advance(120)

    def test_a_guess_that_was_wrong_is_paid_for_though_its_mark_cannot_be_made(self) -> None:
        self.away(self.volatile, "refuse", StateAway("redis"))
        self.unavailable(self.wrong())
        self.assertEqual(self.ended(), FAILED)

    def test_a_fault_of_the_program_gives_no_guess_for_nothing(self) -> None:
        self.away(self.totp, "verify", KeyError("a bug"))
        self.unavailable(self.wrong())
        self.assertEqual(self.ended(), FAILED)
        self.flushLoggedErrors(KeyError)

    def test_who_goes_away_while_he_is_judged_pays(self) -> None:
        gate: Deferred[Proof | None] = Deferred()

        async def slow(account: str, code: str) -> Proof | None:
            return await gate

        self.patch(self.totp, "verify", slow)
        waiting = self.begin(self.wrong())
        waiting.cancel()
        self.failureResultOf(waiting, CancelledError)
        self.assertEqual(self.ended(), FAILED)

    def test_who_goes_away_before_pays_nothing(self) -> None:
        gate: Deferred[Any] = Deferred()

        async def slow(*args: object) -> Any:
            return await gate

        self.patch(self.durable, "was_here", slow)
        waiting = self.begin(self.wrong())
        waiting.cancel()
        self.failureResultOf(waiting, CancelledError)
        self.assertEqual(self.ended(), [])

    def test_limited_the_fifth_case_of_the_article(self) -> None:
        self.build(once=(LimitsSettings(account_address=Rate(3, 900.0)),))
        for n in range(3):
            self.refused(b"%d" % n + self.wrong(), AWAY)
        asked = len(self.totp.asked)
        waiting = self.begin(self.right(), AWAY)
        self.assertNoResult(waiting)
        self.clock.advance(2)
        error = self.failureResultOf(waiting, TooManyAttempts).value
        self.assertEqual((error.status, error.bucket), ("4.7.0", "account_address"))
        self.assertGreater(error.retry, 0)
        self.assertEqual((len(self.totp.asked), self.directory.asked), (asked, []))
        self.accepted(self.right(), HOME)
        self.clock.advance(1800)
        self.accepted(self.right(), AWAY)

    def test_its_owner_is_told_of_a_lock_once(self) -> None:
        self.build(once=(LimitsSettings(account=Rate(3, 3600.0)),))
        for n in range(8):
            waiting = self.begin(b"%d" % n + self.wrong(), f"203.0.113.{n}")
            waiting.addErrback(lambda failure: None)
        self.clock.advance(2)
        notices = self.successResultOf(started(self.durable.notices(self.clock.now(), 0.0, 100)))
        self.assertEqual([notice.kind for notice in notices], ["locked"])

    def test_its_owner_is_told_that_a_recovery_code_was_used_and_how_many_are_left(self) -> None:
        part = installed("mailtwist.factor")["recovery"].load()
        recovery = part.build(part.settings(), self.assembly)
        self.factors["recovery"] = recovery
        self.begin_anew()
        codes = self.successResultOf(started(recovery.renew("a1")))
        secret = PASSWORD + b"@" + codes[0].encode()
        self.accepted(secret, AWAY)
        self.assertEqual(self.refused(b"x" + secret, HOME), "used-code")
        notices = self.successResultOf(started(self.durable.notices(self.clock.now(), 0.0, 100)))
        (used,) = [notice for notice in notices if notice.kind == "recovery-used"]
        self.assertEqual((used.facts["left"], used.facts["name"]), (str(len(codes) - 1), NAME))
        (device,) = self.successResultOf(started(self.durable.devices("a1")))
        self.assertEqual((device.kind, device.context), (DEVICE_CODE, "open"))
        self.accepted(secret, HOME)

    def begin_anew(self) -> None:
        """With the factors that there are now; the process is the same."""
        for one in (the_decision, the_arriving, the_judge, the_policy):
            self.assembly._one.pop(one, None)
        self.decision = self.assembly.one(the_decision)


class TogetherTests(Watching):
    """Several connections of one client with one string."""

    def setUp(self) -> None:
        super().setUp()
        self.people = Gates()
        self.people.add(NAME, PASSWORD, "a1")
        self.build(directory=self.people)

    def test_one_is_judged_and_each_has_a_session_of_its_own(self) -> None:
        self.people.gates = []
        secret = self.right()
        waiting = [self.begin(secret) for _ in range(5)]
        self.assertEqual((len(self.totp.asked), len(self.people.gates)), (1, 1))
        self.people.gates[0].callback(None)
        self.assertEqual(len(self.people.gates), 5)
        for gate in self.people.left():
            gate.callback(None)
        accepted = [self.successResultOf(one) for one in waiting]
        self.assertEqual(len({id(one.opened) for one in accepted}), 5)
        self.assertEqual(len({one.device for one in accepted}), 1)
        self.assertEqual(len(self.people.asked), 5)
        self.assertEqual(self.ended(), FORGIVEN)

    def test_somebody_next_door_finds_that_it_has_become_a_device(self) -> None:
        """It is his own machine at another address: he is judged by himself, and no code is needed."""
        self.people.gates = []
        secret = self.right()
        first, second = self.begin(secret, HOME), self.begin(secret, HOME_TOO)
        self.people.gates[0].callback(None)
        self.people.gates[1].callback(None)
        devices = [self.successResultOf(one).device for one in (first, second)]
        self.assertEqual(devices[0], devices[1])
        self.assertEqual(len(self.totp.asked), 1)

    def test_who_follows_is_as_old_as_who_was_judged(self) -> None:
        """What ended while that one was judged ends the session of this one, too."""
        self.people.gates = []
        secret = self.right()
        first = self.begin(secret)
        ending = self.durable.end_sessions("a1", "another device", "revoked", self.clock.now())
        self.successResultOf(started(ending))
        second = self.begin(secret)
        while gate := next(self.people.left(), None):
            gate.callback(None)
        marks = [self.successResultOf(one).mark for one in (first, second)]
        self.assertEqual(marks[0], marks[1])

    def test_a_wrong_password_is_asked_about_once(self) -> None:
        self.people.gates = []
        wrong = b"guess@" + self.code().encode()
        waiting = [self.begin(wrong) for _ in range(5)]
        self.people.gates[0].callback(None)
        self.clock.advance(2)
        for one in waiting:
            self.failureResultOf(one)
        self.assertEqual((len(self.people.asked), len(self.totp.asked)), (1, 1))
        self.assertEqual(self.ended(), FAILED)

    def test_the_directory_may_refuse_one_who_follows(self) -> None:
        self.people.gates = []
        secret = self.right()
        waiting = [self.begin(secret) for _ in range(3)]
        self.people.gates[0].callback(None)
        self.people.gates[1].callback(None)
        self.people.add(NAME, b"changed", "a1")
        self.people.gates[2].callback(None)
        self.clock.advance(2)
        self.successResultOf(waiting[0])
        self.successResultOf(waiting[1])
        self.failureResultOf(waiting[2])
        self.assertEqual(self.ended(), FORGIVEN)

    def test_a_directory_that_does_not_answer_is_asked_once(self) -> None:
        gate: Deferred[Any] = Deferred()
        asked: list[bytes] = []

        async def silent(person: object, password: bytes, request: object) -> Any:
            asked.append(password)
            return await gate

        self.patch(self.people, "open", silent)
        secret = self.right()
        waiting = [self.begin(secret) for _ in range(4)]
        gate.errback(LoginUnavailable("no answer"))
        self.clock.advance(2)
        for one in waiting:
            self.failureResultOf(one, LoginUnavailable)
        self.assertEqual(asked, [PASSWORD])
        self.assertEqual(self.ended(), FORGIVEN)

    def test_when_the_first_goes_another_is_judged(self) -> None:
        self.people.gates = []
        secret = self.right()
        first, second = self.begin(secret), self.begin(secret)
        first.cancel()
        self.failureResultOf(first, CancelledError)
        self.people.gates[1].callback(None)
        self.successResultOf(second)
        self.assertEqual(self.ended(), [["failed"], ["forgiven"]])

    def test_who_follows_is_never_charged(self) -> None:
        wrong = self.wrong()
        gate: Deferred[Proof | None] = Deferred()

        async def slow(account: str, code: str) -> Proof | None:
            return await gate

        self.patch(self.totp, "verify", slow)
        waiting = [self.begin(wrong) for _ in range(5)]
        gate.callback(None)
        self.clock.advance(2)
        for one in waiting:
            self.failureResultOf(one)
        self.assertEqual(self.ended(), FAILED)
        self.assertEqual(len(self.told("login.not_counted")), 4)


class ClosingTests(Watching):
    """What a login opened is closed when the login comes to nothing after all."""

    def setUp(self) -> None:
        super().setUp()
        self.people = Gates()
        self.people.add(NAME, PASSWORD, "a1")
        self.build(directory=self.people)

    def test_it_is_closed_when_the_client_has_left_and_the_directory_goes_on(self) -> None:
        """Some upstreams finish what they have begun."""
        gate: Deferred[None] = Deferred()
        real = self.people.open

        async def stubborn(*args: Any) -> Any:
            try:
                await Deferred()
            except CancelledError:
                await gate
            return await real(*args)

        self.patch(self.people, "open", stubborn)
        waiting = self.begin(self.right())
        waiting.cancel()
        self.failureResultOf(waiting, CancelledError)
        gate.callback(None)
        self.assertEqual([one.closed for one in self.people.opened], [1])
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_it_is_closed_when_the_device_cannot_be_remembered(self) -> None:
        async def full(*args: object) -> Any:
            raise StateAway("disk full")

        self.patch(self.durable, "remember", full)
        self.unavailable(self.right())
        self.assertEqual([one.closed for one in self.people.opened], [1])

    def test_it_is_closed_when_the_client_has_gone(self) -> None:
        gate: Deferred[Any] = Deferred()

        async def slow(*args: object) -> Any:
            return await gate

        self.patch(self.durable, "remember", slow)
        waiting = self.begin(self.right())
        waiting.cancel()
        self.failureResultOf(waiting, CancelledError)
        self.assertEqual([one.closed for one in self.people.opened], [1])
        self.assertEqual(self.ended(), FORGIVEN)

    def test_it_stays_open_for_who_got_in(self) -> None:
        accepted = self.accepted(self.right())
        self.assertEqual((accepted.opened.closed, len(self.people.opened)), (0, 1))

    def test_what_has_no_end_is_left_alone(self) -> None:
        class Words(MemoryDirectory):
            async def open(self, *args: object) -> str:
                return "an avatar id"

        words = Words()
        words.add(NAME, PASSWORD, "a1")
        self.build(directory=words)

        async def full(*args: object) -> Any:
            raise StateAway("disk full")

        self.patch(self.durable, "remember", full)
        self.unavailable(self.right())
        self.assertEqual(self.flushLoggedErrors(), [])
