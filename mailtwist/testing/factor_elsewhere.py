"""What a second factor must do that is judged by a service elsewhere: subclass, say how, get the tests."""

import re
from typing import Any
from unittest import SkipTest

from twisted.python.failure import Failure

from mailtwist.auth.api import Person
from mailtwist.auth.factors.api import NO_STEP, Factor, Proof, SupportsApproval, SupportsBoth
from mailtwist.kit.steps import steps_heard
from mailtwist.testing.elsewhere import GRACE, NOBODY, OTHER, PERSON, Elsewhere

NO_CODES = ("", " ", "password", "1234567890123", "12345\n", "-12345", "123 456", "é", "\0" * 6, "9" * 4096)
SECONDS = 0.5
"""For which the door lets it wait where the service is silent."""


class RemoteFactorContract(Elsewhere):
    """A factor whose codes a service elsewhere judges."""

    async def make_factor(self) -> Factor:
        raise NotImplementedError

    async def code(self, person: Person = PERSON) -> str:
        """One that the service takes for him now."""
        raise NotImplementedError

    async def wrong_code(self) -> str:
        """One that it does not take, in the same form."""
        code = await self.code()
        return code[:-1] + ("2" if code[-1] != "2" else "3")

    async def proof(self, factor: Factor, code: str, person: Person = PERSON) -> Proof | None:
        result = await self.result(factor.verify(self.asked(person), code))
        if isinstance(result, Failure):
            result.raiseException()
        assert result is None or isinstance(result, Proof)
        return result

    async def test_its_own_codes_look_like_codes_and_nothing_else_does(self) -> None:
        factor = await self.make_factor()
        self.assertRegex(factor.kind, r"\A[a-z][a-z0-9-]*\Z")
        self.assertIs(factor.looks_like(await self.code()), True)
        for text in NO_CODES:
            self.assertIs(factor.looks_like(text), False, text)

    async def test_a_right_code_is_a_proof_that_tells_it_to_nobody(self) -> None:
        factor = await self.make_factor()
        code = await self.code()
        proof = await self.proof(factor, code)
        assert proof is not None
        self.assertEqual((proof.kind, proof.step, proof.password), (factor.kind, NO_STEP, False))
        self.assertNotIn(code, proof.token)
        self.assertRegex(proof.token, re.compile(r"\A[!-~]{8,200}\Z"))

    async def test_proofs_of_different_people_and_codes_differ(self) -> None:
        factor = await self.make_factor()
        first = await self.proof(factor, await self.code())
        other = await self.proof(factor, await self.code(OTHER), OTHER)
        assert first is not None
        assert other is not None
        self.assertNotEqual(first.token, other.token)

    async def test_a_wrong_code_is_none(self) -> None:
        factor = await self.make_factor()
        self.assertIsNone(await self.proof(factor, await self.wrong_code()))
        self.assertIsNone(await self.proof(factor, await self.wrong_code(), OTHER))

    async def test_it_is_asked_as_often_about_nobody(self) -> None:
        factor = await self.make_factor()
        counted = []
        for person in (PERSON, NOBODY):
            before = self.questions()
            self.assertIsNone(await self.proof(factor, await self.wrong_code(), person))
            counted.append(self.questions() - before)
        self.assertGreater(counted[0], 0)
        self.assertEqual(counted[0], counted[1])

    async def test_who_is_enrolled_is_the_same_for_names_that_nobody_has(self) -> None:
        factor = await self.make_factor()
        self.assertIs(await factor.enrolled(PERSON.account), await factor.enrolled(NOBODY.account))

    async def test_a_service_that_is_away_is_nobodys_wrong_code(self) -> None:
        factor = await self.make_factor()
        right, wrong = await self.code(), await self.wrong_code()
        await self.kill()
        for code in (right, wrong):
            await self.assertAway(factor.verify(self.asked(), code))

    async def test_garbage_is_nobodys_wrong_code(self) -> None:
        factor = await self.make_factor()
        right = await self.code()
        await self.confuse()
        await self.assertAway(factor.verify(self.asked(), right))

    async def test_it_waits_no_longer_than_the_door(self) -> None:
        factor = await self.make_factor()
        right = await self.code()
        await self.silence()
        await self.assertAway(factor.verify(self.asked(seconds=SECONDS), right))

    async def test_it_is_used_again_once_it_answers(self) -> None:
        factor = await self.make_factor()
        await self.kill()
        await self.assertAway(factor.verify(self.asked(), "123456"))
        await self.revive()
        self.assertIsNotNone(await self.proof(factor, await self.code()))

    async def test_who_leaves_ends_it(self) -> None:
        factor = await self.make_factor()
        right = await self.code()
        await self.silence()
        await self.assertEnds(factor.verify(self.asked(), right))

    async def test_nothing_secret_is_told(self) -> None:
        factor = await self.make_factor()
        right, wrong = await self.code(), await self.wrong_code()
        text = await self.heard(factor.verify(self.asked(), wrong))
        text += await self.heard(factor.verify(self.asked(), right))
        await self.kill()
        text += await self.heard(factor.verify(self.asked(), right))
        self.assertTellsNone(text, right, wrong)

    async def test_what_was_done_is_told_step_by_step(self) -> None:
        factor = await self.make_factor()
        steps: list[str] = []
        with steps_heard(steps.append):
            await self.proof(factor, await self.code())
        self.assertGreater(len(steps), 0)


class ApprovalContract(Elsewhere):
    """A factor by which a person is asked elsewhere."""

    async def make_factor(self) -> SupportsApproval:
        raise NotImplementedError

    async def says(self, answer: str) -> None:
        """What `PERSON` does about prompts that reach him from now on: "yes" or "no", at once, or
        "nothing"."""
        raise NotImplementedError

    async def answer(self, factor: SupportsApproval, seconds: float = GRACE) -> Any:
        return await self.result(factor.approved(self.asked(seconds=seconds)), 2 * GRACE)

    async def test_it_says_how_long_it_waits_and_what_it_is(self) -> None:
        factor = await self.make_factor()
        self.assertIsInstance(factor, SupportsApproval)
        self.assertRegex(factor.kind, r"\A[a-z][a-z0-9-]*\Z")
        self.assertTrue(1 <= factor.longest <= 300)

    async def test_yes_is_a_proof(self) -> None:
        factor = await self.make_factor()
        await self.says("yes")
        proof = await self.answer(factor)
        self.assertIsInstance(proof, Proof)
        self.assertEqual((proof.kind, proof.step, proof.password), (factor.kind, NO_STEP, False))

    async def test_no_is_none_and_so_is_nothing(self) -> None:
        factor = await self.make_factor()
        await self.says("no")
        self.assertIsNone(await self.answer(factor))
        await self.says("nothing")
        self.assertIsNone(await self.answer(factor, SECONDS))

    async def test_a_yes_is_for_one_question(self) -> None:
        factor = await self.make_factor()
        await self.says("yes")
        first = await self.answer(factor)
        await self.says("nothing")
        self.assertIsNotNone(first)
        self.assertIsNone(await self.answer(factor, SECONDS))

    async def test_who_cannot_be_asked_has_said_nothing(self) -> None:
        factor = await self.make_factor()
        await self.kill()
        await self.assertAway(factor.approved(self.asked()))

    async def test_garbage_is_no_answer(self) -> None:
        factor = await self.make_factor()
        await self.confuse()
        await self.assertAway(factor.approved(self.asked()))

    async def test_it_works_again_once_it_answers(self) -> None:
        factor = await self.make_factor()
        await self.kill()
        await self.assertAway(factor.approved(self.asked()))
        await self.revive()
        await self.says("yes")
        self.assertIsInstance(await self.answer(factor), Proof)

    async def test_who_leaves_ends_it(self) -> None:
        factor = await self.make_factor()
        await self.says("nothing")
        await self.assertEnds(factor.approved(self.asked()))

    async def test_nothing_secret_is_told(self) -> None:
        factor = await self.make_factor()
        await self.says("yes")
        text = await self.heard(factor.approved(self.asked()))
        await self.kill()
        text += await self.heard(factor.approved(self.asked()))
        self.assertTellsNone(text)


class BothContract(Elsewhere):
    """A factor whose service takes password and code in one."""

    PASSWORD = b"p@ss word"

    async def make_factor(self) -> SupportsBoth:
        raise NotImplementedError

    async def code(self, person: Person = PERSON) -> str:
        """One that the service takes for him now, behind `PASSWORD`."""
        raise NotImplementedError

    async def change_password(self) -> float:
        """`PERSON` has another one from now on; when that was, in seconds since 1970."""
        raise SkipTest("it cannot tell when a password was changed")

    async def disable(self) -> None:
        """`PERSON` may not log in from now on."""
        raise SkipTest("it has nobody who may not log in")

    async def proof(self, factor: SupportsBoth, password: bytes, code: str, person: Person = PERSON) -> Any:
        result = await self.result(factor.verify_both(self.asked(person), password, code))
        if isinstance(result, Failure):
            result.raiseException()
        return result

    async def test_both_right_is_a_proof_of_both(self) -> None:
        factor = await self.make_factor()
        code = await self.code()
        proof = await self.proof(factor, self.PASSWORD, code)
        self.assertIsInstance(proof, Proof)
        self.assertIs(proof.password, True)
        self.assertNotIn(code, proof.token)
        self.assertNotIn(self.PASSWORD.decode(), proof.token)

    async def test_one_wrong_is_none(self) -> None:
        factor = await self.make_factor()
        code = await self.code()
        wrong = code[:-1] + ("2" if code[-1] != "2" else "3")
        self.assertIsNone(await self.proof(factor, self.PASSWORD, wrong))
        self.assertIsNone(await self.proof(factor, b"another", await self.code()))
        self.assertIsNone(await self.proof(factor, self.PASSWORD + b"1", await self.code()))
        self.assertIsNone(await self.proof(factor, self.PASSWORD, await self.code(), OTHER))

    async def test_it_is_asked_as_often_about_nobody(self) -> None:
        factor = await self.make_factor()
        counted = []
        for person in (PERSON, NOBODY):
            before = self.questions()
            self.assertIsNone(await self.proof(factor, b"another", "123456", person))
            counted.append(self.questions() - before)
        self.assertEqual(counted[0], counted[1])

    async def test_an_empty_password_goes_nowhere(self) -> None:
        factor = await self.make_factor()
        before = self.questions()
        self.assertIsNone(await self.proof(factor, b"", await self.code()))
        self.assertEqual(self.questions(), before)

    async def test_away_is_nobodys_wrong_password(self) -> None:
        factor = await self.make_factor()
        code = await self.code()
        await self.kill()
        await self.assertAway(factor.verify_both(self.asked(), self.PASSWORD, code))
        await self.assertAway(factor.still_right(self.asked(), 0.0))

    async def test_it_waits_no_longer_than_the_door(self) -> None:
        factor = await self.make_factor()
        code = await self.code()
        await self.silence()
        await self.assertAway(factor.verify_both(self.asked(seconds=SECONDS), self.PASSWORD, code))
        await self.assertAway(factor.still_right(self.asked(seconds=SECONDS), 0.0))

    async def test_who_leaves_ends_it(self) -> None:
        factor = await self.make_factor()
        code = await self.code()
        await self.silence()
        await self.assertEnds(factor.verify_both(self.asked(), self.PASSWORD, code))

    async def test_a_password_that_was_changed_since_is_not_right_still(self) -> None:
        factor = await self.make_factor()
        changed = await self.change_password()
        self.assertIs(await factor.still_right(self.asked(), changed - 10), False)
        self.assertIs(await factor.still_right(self.asked(), changed + 10), True)

    async def test_who_may_not_log_in_is_not_right_still(self) -> None:
        factor = await self.make_factor()
        await self.disable()
        self.assertIs(await factor.still_right(self.asked(), 4_000_000_000.0), False)

    async def test_nobody_is_not_right_still(self) -> None:
        factor = await self.make_factor()
        self.assertIs(await factor.still_right(self.asked(NOBODY), 4_000_000_000.0), False)

    async def test_nothing_secret_is_told(self) -> None:
        factor = await self.make_factor()
        code = await self.code()
        text = await self.heard(factor.verify_both(self.asked(), self.PASSWORD, code))
        text += await self.heard(factor.verify_both(self.asked(), b"another secret", code))
        await self.kill()
        text += await self.heard(factor.verify_both(self.asked(), self.PASSWORD, code))
        self.assertTellsNone(text, code, self.PASSWORD.decode(), "another secret")
