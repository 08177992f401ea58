"""Strings that were wrong before: what is not judged again, and what is not counted again."""

from mailtwist.auth.refusals import AGAIN_WITHIN, ASKED_AGAIN_AFTER, Standing, the_refusals
from mailtwist.kit.spawn import started
from tests.auth.house import AWAY, HOME, NAME, PASSWORD, House

NOTHING = Standing()


class StandingTests(House):
    def setUp(self) -> None:
        super().setUp()
        self.refusals = self.assembly.one(the_refusals)

    def standing(self, form: str, secret: bytes = b"x") -> Standing:
        return self.successResultOf(started(self.refusals.standing("a1", secret, form)))  # type: ignore[arg-type]

    def wrong_code(self) -> None:
        self.successResultOf(started(self.refusals.wrong_code("a1", b"x")))

    def wrong_password(self, form: str) -> None:
        self.successResultOf(started(self.refusals.wrong_password("a1", b"x", form)))  # type: ignore[arg-type]

    def test_a_wrong_code_is_judged_again_for_a_moment(self) -> None:
        self.wrong_code()
        self.assertEqual(self.standing("coded"), Standing(False, False, True))
        self.clock.advance(AGAIN_WITHIN)
        self.assertFalse(self.standing("coded").stands)
        self.clock.advance(1)
        self.assertEqual(self.standing("coded"), Standing(True, True, True))

    def test_and_then_not_for_thirty_days_from_the_first_time_on(self) -> None:
        self.wrong_code()
        self.clock.advance(60)
        self.wrong_code()
        self.clock.advance(31)
        self.assertTrue(self.standing("coded").stands)
        self.clock.advance(30 * 86400 - 92)
        self.assertTrue(self.standing("coded").stands)
        self.clock.advance(2)
        self.assertEqual(self.standing("coded"), NOTHING)

    def test_a_code_that_was_spent_on_a_wrong_password_will_not_be_right_again(self) -> None:
        self.wrong_password("coded")
        self.assertTrue(self.standing("coded").stands)
        self.clock.advance(29 * 86400)
        self.assertTrue(self.standing("coded").stands)

    def test_a_wrong_password_is_asked_about_again_and_not_counted(self) -> None:
        self.wrong_password("plain")
        self.assertEqual(self.standing("plain"), Standing(True, True, True))
        self.clock.advance(ASKED_AGAIN_AFTER + 1)
        self.assertEqual(self.standing("plain"), Standing(False, True, True))
        self.clock.advance(30 * 86400)
        self.assertEqual(self.standing("plain"), NOTHING)

    def test_it_is_asked_about_at_once_when_the_account_has_changed(self) -> None:
        self.wrong_password("plain")
        self.clock.advance(1)
        now = self.clock.now()
        self.successResultOf(started(self.durable.end_sessions("other", "", "password", now)))
        self.assertTrue(self.standing("plain").stands)
        self.successResultOf(started(self.durable.end_sessions("a1", "", "password", now)))
        self.assertEqual(self.standing("plain"), Standing(False, True, True))

    def test_what_happened_before_changes_nothing(self) -> None:
        self.successResultOf(started(self.durable.end_sessions("a1", "", "password", self.clock.now())))
        self.clock.advance(1)
        self.wrong_password("plain")
        self.assertTrue(self.standing("plain").stands)

    def test_no_code_where_one_is_needed_is_counted_once(self) -> None:
        self.wrong_password("codeless")
        self.assertEqual(self.standing("codeless"), Standing(False, True, True))

    def test_what_stands_against_one_form_does_not_stand_against_another(self) -> None:
        self.wrong_code()
        self.wrong_password("codeless")
        self.clock.advance(1000)
        self.assertEqual(self.standing("plain"), NOTHING)

    def test_what_is_right_is_forgiven(self) -> None:
        for form in ("plain", "codeless", "coded"):
            self.wrong_code()
            self.wrong_password(form)
            self.successResultOf(started(self.refusals.forgive("a1", b"x", form)))  # type: ignore[arg-type]
            self.assertEqual(self.standing(form), NOTHING)

    def test_accounts_and_secrets_are_apart(self) -> None:
        self.wrong_password("plain")
        self.assertEqual(self.standing("plain", b"y"), NOTHING)
        standing = self.refusals.standing("a2", b"x", "plain")
        self.assertEqual(self.successResultOf(started(standing)), NOTHING)


class DecidedTests(House):
    """The same, as it comes out at the door."""

    def not_counted(self) -> int:
        return len(self.told("login.not_counted"))

    def test_the_same_wrong_password_is_asked_about_every_five_minutes_and_counted_once(self) -> None:
        self.build(enrolled=False, factor="optional")
        self.assertEqual(self.refused(b"guess"), "wrong-password")
        self.assertEqual(self.refused(b"guess"), "refused-before")
        self.assertEqual(len(self.directory.asked), 1)
        for asked in (2, 3, 4, 5, 6, 7):
            self.clock.advance(301)
            self.assertEqual(self.refused(b"guess"), "wrong-password")
            self.assertEqual(len(self.directory.asked), asked)
        self.assertEqual(self.not_counted(), 7)
        counted = [line["counted"] for line in self.told("login.refused")]
        self.assertEqual(counted, [True] + 7 * [False])

    def test_a_password_that_was_changed_to_what_was_wrong_gets_in_at_once(self) -> None:
        self.build(enrolled=False, factor="optional")
        self.refused(b"new")
        self.directory.add(NAME, b"new", "a1")
        self.assertEqual(self.refused(b"new"), "refused-before")
        self.successResultOf(started(self.durable.end_sessions("a1", "", "password", self.clock.now())))
        self.accepted(b"new")

    def test_a_wrong_password_spends_the_code_and_the_string(self) -> None:
        wrong = b"guess@" + self.code().encode()
        self.assertEqual(self.refused(wrong), "wrong-password")
        for seconds in (0, 25, 100, 1000, 86400):
            self.clock.advance(seconds)
            self.assertEqual(self.refused(wrong), "refused-before")
        self.assertEqual((len(self.directory.asked), len(self.totp.asked)), (1, 1))

    def test_a_phone_with_an_old_string_uses_up_nothing(self) -> None:
        old = self.wrong()
        self.refused(old)
        self.clock.advance(91)
        for _ in range(500):
            self.clock.advance(60)
            self.assertEqual(self.refused(old), "refused-before")
        self.accepted(self.right())
        self.assertEqual(len(self.totp.asked), 2)
        self.assertIn("not counted: same wrong secret", self.told("login.not_counted")[0]["log_format"])

    def test_a_fixed_list_of_strings_meets_no_new_codes(self) -> None:
        """Those that the limits let through are judged in the first minute and a half, and never again."""
        strings = [b"%b@%06d" % (PASSWORD, n) for n in range(5)]
        for _ in range(200):
            for string in strings:
                waiting = self.begin(string, AWAY)
                waiting.addErrback(lambda failure: None)
            self.clock.advance(300)
        self.assertEqual(len(self.totp.asked), 5)

    def test_no_code_is_counted_once_and_told_each_time(self) -> None:
        for _ in range(30):
            self.assertEqual(self.refused(PASSWORD, AWAY), "no-code")
        self.assertEqual(self.not_counted(), 29)
        self.assertEqual(self.refused(b"@123456"), "no-password")
        self.assertEqual(self.refused(b"@123456"), "refused-before")

    def test_a_success_clears_what_stood_against_its_string(self) -> None:
        self.build(remember=0.0)
        early = self.right(2)
        self.assertEqual(self.refused(early), "wrong-code")
        self.clock.advance(30)
        self.accepted(early)
        refusals = self.assembly.one(the_refusals)
        standing = refusals.standing("a1", early, "coded")
        self.assertEqual(self.successResultOf(started(standing)), NOTHING)

    def test_a_replay_leaves_no_mark(self) -> None:
        self.build(remember=0.0)
        secret = self.right()
        self.accepted(secret)
        self.assertEqual(self.refused(secret, AWAY), "used-code")
        standing = self.assembly.one(the_refusals).standing("a1", secret, "coded")
        self.assertEqual(self.successResultOf(started(standing)), NOTHING)
        self.accepted(secret, HOME)
