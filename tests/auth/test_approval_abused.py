"""Who wants to shut people out, to lock them, or to see something, by logins that lead to prompts."""

from typing import Any

from mailtwist.auth.api import AccountUnavailable, LoginRefused, LoginUnavailable
from mailtwist.config.limits import LimitsSettings
from mailtwist.config.values import Duration
from mailtwist.kit.spawn import started
from tests.auth.house import AWAY, HOME, NAME, PASSWORD
from tests.auth.test_approval import PATIENCE, ApprovalCase
from tests.auth.watching import Gates


class SeenTests(ApprovalCase):
    def test_an_approved_password_that_is_an_old_one_is_refused_as_late_as_a_wrong_one(self) -> None:
        self.approved()
        self.directory.add(NAME, b"another", "a1")
        self.assertEqual(self.denied(PASSWORD), "old-password")

    def test_nobody_sees_who_needs_a_code_where_some_need_none(self) -> None:
        """`bob` has codes; `ann` and who does not exist would get in without."""
        self.build(factor="optional")
        self.directory.add("bob@example.org", PASSWORD, "a2")
        self.successResultOf(started(self.durable.set_enrolled("a2", True)))
        self.phone.people = lambda account: False
        for user in (NAME, "bob@example.org", "nobody@example.org"):
            self.denied(b"wrong", user=user)
        self.accepted(PASSWORD)

    def test_a_password_is_hot_as_soon_whether_or_not_it_was_right_once(self) -> None:
        """Tried for nine who do not exist and for one who does, it may not tell at once by what it costs then
        that somebody is asked about it."""
        for exists in (True, False):
            self.build()
            for number in range(9):
                guess = self.begin(PASSWORD, f"203.{number}.113.1", user=f"nobody{number}@example.org")
                guess.addErrback(lambda failure: None)
            user = NAME if exists else "nobody@example.org"
            self.begin(PASSWORD, AWAY, user=user).addErrback(lambda failure: None)
            self.assertEqual(self.asked(), exists)
            self.assertEqual(len(self.told("limits.hot")), 1)
            self.events.clear()
            self.clock.advance(PATIENCE)

    def test_nor_does_an_alarm_tell_it(self) -> None:
        for secret, says in ((PASSWORD, "nothing"), (b"wrong", "nothing"), (PASSWORD, "yes")):
            self.build()
            self.phone.says = says
            for number in range(60):
                guess = self.begin(b"guess", f"203.{number}.113.1", user=f"nobody{number}@example.org")
                guess.addErrback(lambda failure: None)
            self.begin(secret).addErrback(lambda failure: None)
            self.clock.advance(5)
            self.begin(b"guess", "203.99.113.1", user="nobody@example.org").addErrback(lambda failure: None)
            self.assertEqual(len(self.told("limits.alarm")), says == "nothing", (secret, says))
            self.events.clear()
            self.clock.advance(PATIENCE)

    def test_what_is_asked_about_is_no_dearer_elsewhere_than_what_is_wrong(self) -> None:
        """A wrong password was counted, and is free; so is a right one while its owner is asked."""
        for secret in (PASSWORD, b"wrong"):
            self.build()
            self.begin(secret, HOME).addErrback(lambda failure: None)
            for guess in (secret, *(b"guess %d" % number for number in range(6))):
                waiting = self.begin(guess, AWAY)
                self.clock.advance(2)
                self.assertNoResult(waiting)
                waiting.addErrback(lambda failure: None)
            self.clock.advance(PATIENCE)

    def test_after_a_yes_there_is_no_mark_of_it(self) -> None:
        self.phone.state = "away"
        waiting = self.begin(PASSWORD)
        self.clock.advance(PATIENCE)
        self.failureResultOf(waiting, LoginUnavailable)
        self.phone.state = "answers"
        self.approved()
        self.ended()
        self.approved(PASSWORD, AWAY)
        self.assertEqual(self.ended(), [["forgiven"]])

    def test_a_directory_that_is_slow_to_say_no_does_not_tell_it_by_others(self) -> None:
        self.build(directory=(directory := Gates()))
        directory.add(NAME, PASSWORD, "a1")
        directory.gates = []
        waiting = self.begin(b"wrong")
        self.clock.advance(4)
        directory.gates[0].callback(None)
        self.clock.advance(PATIENCE - 4)
        self.failureResultOf(waiting, LoginRefused)
        self.assertEqual(self.refused(b"whatever", user=b"\xff"), "bad-name")


class BoundedTests(ApprovalCase):
    def test_a_wrong_password_is_wrong_in_all_networks(self) -> None:
        """Or a directory that counts locks the account, although it was one guess."""
        for number in range(10):
            waiting = self.begin(b"wrong", f"203.{number}.113.1")
            self.clock.advance(1)
            waiting.cancel()
            self.failureResultOf(waiting)
        self.assertEqual(len(self.directory.asked), 1)
        self.clock.advance(301)
        self.denied(b"wrong")
        self.assertEqual(len(self.directory.asked), 2)

    def test_a_right_one_is_asked_about_in_each(self) -> None:
        self.denied(PASSWORD)
        self.approved(PASSWORD, AWAY)

    def test_a_prompt_of_which_nobody_knows_whether_he_saw_it_is_not_sent_without_end(self) -> None:
        """A RADIUS server, say, that does not answer while people look at their phones."""
        asked = []

        async def lost(asking: Any) -> None:
            asked.append(asking)
            raise AccountUnavailable("silent")

        self.phone.answered = lost  # type: ignore[method-assign]
        for number in range(12):
            waiting = self.begin(PASSWORD, f"203.{number}.113.1")
            self.clock.advance(PATIENCE)
            self.failureResultOf(waiting, LoginUnavailable)
        self.assertEqual(len(asked), LimitsSettings().prompts.number)
        self.clock.advance(1200)
        self.phone.answered = type(self.phone).answered.__get__(self.phone)  # type: ignore[method-assign]
        self.approved()

    def test_what_an_approval_takes_the_place_of_is_told(self) -> None:
        self.build(enrolled=True, devices=1)
        string = self.right()
        gone = self.accepted(string).device
        self.approved(PASSWORD)
        (told,) = self.told("device.evicted")
        self.assertEqual(told["device"], gone)


class ShutOutTests(ApprovalCase):
    """`eve` is somebody about whom the service has nothing but an error."""

    def build(self, **how: Any) -> None:
        super().build(**{"approved": Duration(0), **how})
        self.directory.add("eve@example.org", PASSWORD, "eve")
        answered = self.phone.answered

        async def about_eve(asked: Any) -> None:
            if asked.account == "eve":
                raise LoginUnavailable("an error")
            await answered(asked)

        self.phone.answered = about_eve  # type: ignore[method-assign]
        self.phone.says = "yes"

    def eve_comes(self) -> None:
        waiting = self.begin(PASSWORD, AWAY, user="eve@example.org")
        self.clock.advance(PATIENCE)
        self.failureResultOf(waiting, LoginUnavailable)

    def test_one_person_who_cannot_be_asked_keeps_others_out_once(self) -> None:
        for _ in range(10):
            self.eve_comes()
            self.accepted(PASSWORD, HOME)
        self.assertEqual(len(self.told("factor.away")), 1)

    def test_and_not_longer_by_coming_more_often(self) -> None:
        waiting = [self.begin(PASSWORD, AWAY, user="eve@example.org")]
        for _ in range(60):
            self.clock.advance(0.25)
            waiting.append(self.begin(PASSWORD, AWAY, user="eve@example.org"))
        self.accepted(PASSWORD, HOME)
        for one in waiting:
            one.addErrback(lambda failure: failure.trap(LoginRefused, LoginUnavailable))
        self.clock.advance(2 * PATIENCE)

    def test_who_comes_while_another_one_tries_is_asked_too(self) -> None:
        """His password was right, and he is not told that it was wrong because somebody else was first."""
        directory = Gates()
        self.build(directory=directory)
        for name, account in ((NAME, "a1"), ("bob@example.org", "a2"), ("eve@example.org", "eve")):
            directory.add(name, PASSWORD, account)
        self.eve_comes()
        self.phone.says = "nothing"
        directory.gates = []
        users = (NAME, "bob@example.org")
        waiting = [self.begin(PASSWORD, address, user=user) for address, user in zip((HOME, AWAY), users)]
        for gate in directory.gates:
            gate.callback(None)
        self.assertEqual([one.account for one in self.phone.asked], ["a1", "a2"])
        for one in list(self.phone.waiting):
            one.callback("yes")
        for login in waiting:
            self.successResultOf(login)

    def test_but_when_nobody_can_be_asked_all_hear_it(self) -> None:
        self.eve_comes()
        self.accepted(PASSWORD, HOME)
        self.phone.state = "away"
        for _ in range(3):
            waiting = self.begin(PASSWORD, HOME)
            self.clock.advance(PATIENCE)
            self.failureResultOf(waiting, LoginUnavailable)
        self.assertEqual(len(self.told("factor.away")), 2)
