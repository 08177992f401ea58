"""What is left of a yes on the phone: a password that works there for a while; and who cannot be asked."""

from typing import Any

from mailtwist.auth.api import AccountUnavailable, LoginUnavailable, TooManyAttempts
from mailtwist.config.values import Duration
from mailtwist.kit.spawn import started
from tests.auth.house import AWAY, HOME, HOME_TOO, NAME, PASSWORD
from tests.auth.test_approval import PATIENCE, ApprovalCase


class RememberedTests(ApprovalCase):
    def devices(self) -> list[Any]:
        return list(self.successResultOf(started(self.durable.devices("a1"))))

    def test_the_password_works_on_there_and_only_there(self) -> None:
        first = self.approved()
        self.clock.advance(3600)
        self.assertEqual(self.accepted(PASSWORD, HOME_TOO).device, first.device)
        self.assertEqual(self.asked(), 1)
        (device,) = self.devices()
        self.assertEqual((device.kind, device.context), ("approval", "strict"))
        self.assertEqual(self.denied(PASSWORD, AWAY), "not-approved")
        self.assertEqual(self.asked(), 2)

    def test_a_yes_elsewhere_adds_a_network(self) -> None:
        first = self.approved()
        self.clock.advance(3600)
        self.assertEqual(self.approved(PASSWORD, AWAY).device, first.device)
        for address in (HOME, AWAY):
            self.assertEqual(self.accepted(PASSWORD, address).device, first.device)
        self.assertEqual(len(self.devices()), 1)

    def test_it_is_for_half_a_day(self) -> None:
        self.approved()
        self.clock.advance(12 * 3600 - 1)
        self.accepted(PASSWORD)
        self.clock.advance(1)
        self.approved()
        self.accepted(PASSWORD)

    def test_how_long_is_a_setting_and_0_asks_each_time(self) -> None:
        self.build(approved=Duration(60))
        self.approved()
        self.clock.advance(59)
        self.accepted(PASSWORD)
        self.clock.advance(1)
        self.approved()
        self.build(approved=Duration(0))
        self.assertEqual(self.approved().device, "")
        self.approved()

    def test_what_is_shortened_is_so_for_what_is_remembered(self) -> None:
        self.approved()
        self.assembly.login = type(self.assembly.login)(approved=Duration(60))
        self.restart()
        self.clock.advance(61)
        self.approved()
        self.accepted(PASSWORD)

    def test_a_revoked_one_is_asked_about_again(self) -> None:
        first = self.approved()
        revoked = self.durable.revoke("a1", first.device, self.clock.now())
        self.assertTrue(self.successResultOf(started(revoked)))
        self.clock.advance(1)
        again = self.approved()
        self.assertNotEqual(again.device, first.device)
        self.assertEqual(self.accepted(PASSWORD).device, again.device)

    def test_it_is_nothing_once_nobody_can_be_asked(self) -> None:
        self.approved()
        self.phone.people = lambda account: False
        self.assertEqual(self.denied(), "no-code")
        self.assertEqual(self.denied(PASSWORD, AWAY), "no-code")

    def test_nor_when_codes_alone_are_left(self) -> None:
        """No plain password is a device."""
        self.build(enrolled=True)
        self.approved()
        self.domains = ("example.com",)
        self.restart()
        self.assertEqual(self.refused(PASSWORD), "no-code")

    def test_it_survives_a_restart(self) -> None:
        self.approved()
        self.restart()
        self.accepted(PASSWORD)
        self.assertEqual(self.asked(), 0)

    def test_a_changed_password_is_an_old_one(self) -> None:
        self.approved()
        self.directory.add(NAME, b"another", "a1")
        self.assertEqual(self.denied(PASSWORD), "old-password")
        self.approved(b"another")

    def test_other_strings_learn_no_network_from_it(self) -> None:
        self.build(enrolled=True)
        string = self.right()
        self.accepted(string)
        self.approved(PASSWORD, AWAY)
        self.assertEqual(self.refused(string, AWAY), "other-network")

    def test_one_that_is_guessed_at_home_is_honoured_where_it_was_last(self) -> None:
        self.approved()
        for number in range(100):
            self.begin(b"guess %d" % number, HOME_TOO).addErrback(lambda failure: None)
        waiting = self.begin(PASSWORD, "192.0.2.9")
        self.clock.advance(PATIENCE)
        self.failureResultOf(waiting, TooManyAttempts)
        self.accepted(PASSWORD, HOME)


class AwayTests(ApprovalCase):
    def away(self, secret: bytes = PASSWORD, **more: Any) -> tuple[float, str]:
        took, public, reason = self.left_at(self.begin(secret, **more))
        self.assertEqual(public, "Temporary authentication failure")
        return took, reason

    def test_who_cannot_be_asked_has_temporary_trouble(self) -> None:
        self.phone.state = "away"
        self.assertEqual(self.away(), (PATIENCE, "away"))
        self.assertEqual(len(self.told("factor.away")), 1)

    def test_from_then_on_right_and_wrong_passwords_hear_the_same(self) -> None:
        self.phone.state = "away"
        first = self.begin(PASSWORD)
        asked = self.asked()
        waiting = [self.begin(secret, AWAY) for secret in (PASSWORD, b"wrong")]
        self.clock.advance(PATIENCE)
        self.failureResultOf(first, LoginUnavailable)
        for one in waiting:
            self.assertEqual(self.failureResultOf(one, LoginUnavailable).value.reason, "factor-away")
        self.assertEqual((self.asked(), len(self.told("factor.away"))), (asked, 1))

    def test_nobody_sees_then_who_has_a_phone_or_exists(self) -> None:
        self.phone.people = lambda account: account == "a1"
        self.phone.state = "away"
        first = self.begin(PASSWORD)
        self.directory.add("bob@example.org", PASSWORD, "a2")
        users = (NAME, "bob@example.org", "nobody@example.org")
        waiting = [self.begin(PASSWORD, AWAY, user=user) for user in users]
        self.clock.advance(PATIENCE)
        self.failureResultOf(first, LoginUnavailable)
        for one in waiting:
            self.assertEqual(self.failureResultOf(one, LoginUnavailable).value.reason, "factor-away")

    def test_it_is_tried_again_after_a_pause(self) -> None:
        self.phone.state = "away"
        self.away()
        self.phone.state = "answers"
        self.approved()
        self.assertEqual(len(self.told("factor.back")), 1)

    def test_no_prompt_is_counted_that_was_none(self) -> None:
        self.phone.state = "away"
        for _ in range(8):
            self.away()
            self.clock.advance(60)
        self.phone.state = "answers"
        self.approved()
        self.assertEqual([one for one in self.ended() if one != ["forgiven"]], [])

    def test_one_person_alone_is_no_trouble_of_others(self) -> None:
        async def full(asked: Any) -> None:
            raise AccountUnavailable("full")

        answered, self.phone.answered = self.phone.answered, full  # type: ignore[method-assign]
        self.away()
        self.assertEqual(self.told("factor.away"), [])
        self.phone.answered = answered  # type: ignore[method-assign]
        self.approved()
