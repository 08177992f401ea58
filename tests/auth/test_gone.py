"""Who hangs up before the answer is in the log all the same, and counted when it was a guess."""

from typing import Any

from twisted.internet.defer import CancelledError, Deferred

from mailtwist.kit.spawn import started
from tests.auth.house import AWAY, HOME, House
from tests.auth.watching import Gates


class GoneTests(House):
    def stopped_at(self, part: Any, method: str) -> None:
        """Whoever comes as far as that waits there."""

        async def wait(*args: object, **kw: object) -> None:
            await Deferred()

        self.patch(part, method, wait)

    def hang_up(self, secret: bytes, address: str = HOME, **more: Any) -> dict[str, Any]:
        """What is told of it."""
        before = len(self.told("login.gone"))
        waiting = self.begin(secret, address, **more)
        self.assertNoResult(waiting)
        waiting.cancel()
        self.failureResultOf(waiting, CancelledError)
        told = self.told("login.gone")
        self.assertEqual(len(told), before + 1)
        return told[-1]

    def test_a_guess_that_was_under_way_is_counted(self) -> None:
        self.stopped_at(self.totp, "verify")
        line = self.hang_up(self.wrong(), AWAY)
        told = [line[key] for key in ("counted", "address", "account", "user", "source", "reason")]
        self.assertEqual(told, [True, AWAY, "a1", "ann@example.org", "untrusted", "gone"])

    def test_the_same_one_again_is_not(self) -> None:
        """For programs that ban addresses; the limits count it."""
        self.stopped_at(self.totp, "verify")
        wrong = self.wrong()
        self.assertEqual([self.hang_up(wrong)["counted"] for _ in range(3)], [True, False, False])

    def test_who_was_not_judged_yet_is_told_and_not_counted(self) -> None:
        for part, method in (
            (self.durable, "was_here"),
            (self.volatile, "lead"),
            (self.volatile, "charge"),
            (self.directory, "find"),
            (self.durable, "device"),
        ):
            real = getattr(part, method)
            self.stopped_at(part, method)
            self.assertIs(self.hang_up(self.wrong())["counted"], False, method)
            setattr(part, method, real)

    def test_a_string_that_is_saved_is_not_counted(self) -> None:
        secret = self.right()
        self.accepted(secret)
        self.stopped_at(self.directory, "accepts")
        line = self.hang_up(secret)
        self.assertEqual((line["counted"], line["source"]), (False, "trusted"))

    def test_who_was_right_is_not_counted(self) -> None:
        self.stopped_at(self.durable, "remember")
        self.assertIs(self.hang_up(self.right())["counted"], False)

    def test_who_waits_for_another_with_the_same_string_is_not(self) -> None:
        self.stopped_at(self.totp, "verify")
        wrong = self.wrong()
        first = self.begin(wrong)
        self.assertIs(self.hang_up(wrong)["counted"], False)
        first.cancel()
        self.failureResultOf(first, CancelledError)
        self.assertIs(self.told("login.gone")[-1]["counted"], True)

    def test_who_goes_while_the_answer_is_held_back_was_refused(self) -> None:
        waiting = self.begin(self.wrong())
        self.clock.advance(1)
        waiting.cancel()
        self.failureResultOf(waiting, CancelledError)
        self.assertEqual(len(self.told("login.refused")), 1)
        self.assertEqual(self.told("login.gone"), [])

    def test_a_name_that_nobody_can_have_is_counted(self) -> None:
        gate: Deferred[None] = Deferred()

        async def keep(*args: object) -> None:
            await gate

        self.patch(self.volatile, "keep", keep)
        self.assertIs(self.hang_up(b"x", user=b"\xff")["counted"], True)
        gate.callback(None)

    def test_it_is_in_the_history_of_its_account(self) -> None:
        self.stopped_at(self.totp, "verify")
        self.hang_up(self.wrong())
        self.clock.advance(2)
        (row,) = self.successResultOf(started(self.durable.history("a1", 0.0)))
        self.assertEqual((row.outcome, row.reason, row.how), ("gone", "gone", ""))
        self.assertIn('"counted": true', row.facts)

    def test_what_was_opened_meanwhile_is_closed_and_nobody_was_here(self) -> None:
        people = Gates()
        people.add("ann@example.org", b"p@ss word", "a1")
        self.build(directory=people)
        self.stopped_at(self.durable, "remember")
        self.hang_up(self.right())
        self.assertEqual([one.closed for one in people.opened], [1])
        self.assertEqual(self.told("login.accepted"), [])
        self.clock.advance(2)
        self.assertFalse(self.successResultOf(started(self.durable.was_here("a1", "192.0.2.0/24", 0.0))))
