"""A guess is charged first, and in the end failed or forgiven: one of the two, whatever happens."""

from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.trial.unittest import SynchronousTestCase

from mailtwist.auth.api import LoginRefused, LoginUnavailable, TooManyAttempts
from mailtwist.auth.guess import Guess
from mailtwist.kit.spawn import started


class Admitted:
    def __init__(self) -> None:
        self.ended: list[str] = []

    async def failed(self) -> None:
        self.ended.append("failed")

    async def forgiven(self) -> None:
        self.ended.append("forgiven")


class GuessTests(SynchronousTestCase):
    def ended(self, step: str, error: Exception | None) -> list[str]:
        """What becomes of a guess that came as far as `step` when there was this `error`."""
        admission = Admitted()

        async def admitted() -> Any:
            return admission

        guess = Guess(admitted)

        async def work() -> None:
            async with guess:
                if step:
                    getattr(guess, step)()
                if error is not None:
                    raise error

        waiting = started(work())
        if error is None:
            self.successResultOf(waiting)
        else:
            self.assertIs(self.failureResultOf(waiting).value, error)
        self.assertEqual(guess.counted, admission.ended == ["failed"])
        return admission.ended

    def test_what_nobody_looked_at_is_forgiven(self) -> None:
        for error in (CancelledError(), LoginUnavailable("away"), KeyError("a bug"), LoginRefused("x"), None):
            self.assertEqual(self.ended("", error), ["forgiven"])

    def test_what_was_judged_and_refused_has_failed(self) -> None:
        self.assertEqual(self.ended("judged", LoginRefused("wrong-code")), ["failed"])

    def test_who_goes_away_while_he_is_judged_has_had_his_guess(self) -> None:
        self.assertEqual(self.ended("judged", CancelledError()), ["failed"])

    def test_a_fault_of_the_program_gives_no_guess_for_nothing(self) -> None:
        self.assertEqual(self.ended("judged", KeyError("a bug")), ["failed"])

    def test_trouble_is_nobodys_fault(self) -> None:
        for error in (LoginUnavailable("away"), TooManyAttempts("banned")):
            self.assertEqual(self.ended("judged", error), ["forgiven"])

    def test_what_is_known_to_be_wrong_has_failed_whatever_comes_then(self) -> None:
        for error in (CancelledError(), LoginUnavailable("disk"), KeyError("a bug"), LoginRefused("x")):
            self.assertEqual(self.ended("wrong", error), ["failed"])

    def test_what_is_known_to_be_right_is_forgiven_whatever_comes_then(self) -> None:
        for error in (CancelledError(), LoginUnavailable("disk"), KeyError("a bug"), None):
            self.assertEqual(self.ended("right", error), ["forgiven"])

    def test_who_is_not_admitted_is_charged_nothing(self) -> None:
        async def denied() -> Any:
            raise TooManyAttempts("too-many-attempts")

        async def work() -> None:
            async with Guess(denied):
                self.fail("not reached")

        self.failureResultOf(started(work()), TooManyAttempts)

    def test_who_goes_away_in_the_line_was_never_here(self) -> None:
        line: Deferred[Any] = Deferred()

        async def admitted() -> Any:
            return await line

        async def work() -> None:
            async with Guess(admitted):
                self.fail("not reached")

        waiting = started(work())
        waiting.cancel()
        self.failureResultOf(waiting, CancelledError)

    def test_what_is_noted_about_a_wrong_guess_is_noted_at_its_end(self) -> None:
        noted: list[str] = []

        async def note() -> None:
            noted.append("wrong")

        async def work(admission: Admitted | None) -> None:
            async def admitted() -> Any:
                return admission

            async with Guess(admitted if admission else None) as guess:
                guess.wrong(note())
                self.assertEqual(noted, [])

        for admission in (Admitted(), None):
            self.successResultOf(started(work(admission)))
            self.assertEqual(noted.pop(), "wrong")

    def test_one_that_is_free_counts_nowhere(self) -> None:
        async def work() -> bool:
            async with Guess(None) as guess:
                guess.wrong()
                return guess.counted

        self.assertIs(self.successResultOf(started(work())), False)
