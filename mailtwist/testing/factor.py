"""What every second factor must do: subclass, say how to make one, get the tests."""

import hmac
from typing import TYPE_CHECKING
from unittest import SkipTest
from unittest.mock import patch

from mailtwist.auth.api import Person
from mailtwist.auth.factors.api import Asked, Factor, Proof, SupportsLearning

if TYPE_CHECKING:
    from unittest import TestCase as _TestCase
else:
    _TestCase = object  # a contract is no test case: trial would run it where it is imported

ENROLLED, STRANGER, UNKNOWN = "ann", "bob", "?unknown"
NO_CODES = (
    *("", " ", "password", "1234567890123", "12345\n", "-12345", "123 456", "é", "%s", "' OR 1=1 --"),
    *("\N{ARABIC-INDIC DIGIT ONE}" * 6, "\N{FULLWIDTH DIGIT ONE}" * 8, "12345\N{SUPERSCRIPT TWO}"),
    *("\0" * 6, "12345\0", "\ud800" * 6, "9" * 4096, "A" * 11, "ABCD-EFGH-JKL\N{KELVIN SIGN}", "--"),
)


def about(account: str) -> Asked:
    """The question that is about this account alone."""
    return Asked(Person(account, account))


class FactorContract(_TestCase):
    """Mix into a trial `TestCase` that has the three methods below; every test gets a new factor with one
    confirmed token of the account `ENROLLED` (or one set of codes), and none of `STRANGER`."""

    ENROLS = True
    """Who has such a token needs a code from then on.  False for a factor whose codes are for a beginning."""

    async def make_factor(self) -> Factor:
        raise NotImplementedError

    async def code(self) -> str:
        """One that is right now and was not used."""
        raise NotImplementedError

    async def later_code(self) -> str:
        """One that is right after time has passed, or for its next use; time has passed when it returns."""
        raise NotImplementedError

    async def use(self, proof: Proof) -> None:
        """What the decision does with a proof, for a factor that asks the durable state what was used."""

    async def restarted(self) -> Factor:
        """The factor as the next process finds it, for one that keeps something."""
        raise SkipTest("it keeps nothing")

    async def proven(self, factor: Factor, code: str) -> Proof:
        proof = await factor.verify(about(ENROLLED), code)
        assert proof is not None
        return proof

    async def test_who_has_a_token_is_enrolled(self) -> None:
        factor = await self.make_factor()
        self.assertIs(await factor.enrolled(ENROLLED), self.ENROLS)
        for nobody in (STRANGER, UNKNOWN):
            self.assertIs(await factor.enrolled(nobody), False)

    async def test_its_proofs_are_of_its_kind(self) -> None:
        factor = await self.make_factor()
        self.assertRegex(factor.kind, r"\A[a-z][a-z0-9-]*\Z")
        self.assertEqual((await self.proven(factor, await self.code())).kind, factor.kind)

    async def test_its_own_codes_look_like_codes(self) -> None:
        factor = await self.make_factor()
        self.assertIs(factor.looks_like(await self.code()), True)
        for text in NO_CODES:
            self.assertIs(factor.looks_like(text), False, text)

    async def test_a_right_code_says_which_token_and_step(self) -> None:
        proof = await self.proven(await self.make_factor(), await self.code())
        self.assertTrue(proof.token)
        self.assertGreaterEqual(proof.step, 0)

    async def test_verifying_uses_nothing_up(self) -> None:
        factor = await self.make_factor()
        code = await self.code()
        self.assertEqual(await self.proven(factor, code), await factor.verify(about(ENROLLED), code))

    async def test_a_later_code_can_be_used_after_the_first(self) -> None:
        factor = await self.make_factor()
        first = await self.proven(factor, await self.code())
        await self.use(first)
        second = await self.proven(factor, await self.later_code())
        self.assertTrue(second.token != first.token or second.step > first.step)

    async def test_a_used_code_is_never_a_new_one(self) -> None:
        factor = await self.make_factor()
        code = await self.code()
        first = await self.proven(factor, code)
        await self.use(first)
        for _ in range(2):
            self.assertUsed(await factor.verify(about(ENROLLED), code), first)
            if isinstance(factor, SupportsLearning):
                await factor.learned(ENROLLED, first)
        await self.later_code()
        self.assertUsed(await factor.verify(about(ENROLLED), code), first)

    def assertUsed(self, proof: Proof | None, first: Proof) -> None:
        """The decision has none of it: it is wrong, or its step is used."""
        if proof is not None:
            self.assertEqual(proof.token, first.token)
            self.assertLessEqual(proof.step, first.step)

    async def test_what_was_learned_leaves_later_codes_right(self) -> None:
        factor = await self.make_factor()
        if not isinstance(factor, SupportsLearning):
            raise SkipTest("it learns nothing")
        for code in (await self.code(), await self.later_code()):
            proof = await self.proven(factor, code)
            await self.use(proof)
            await factor.learned(ENROLLED, proof)
        await factor.learned(ENROLLED, Proof("no such token", 7, factor.kind, 1))
        await factor.learned(STRANGER, proof)

    async def test_other_codes_are_wrong(self) -> None:
        factor = await self.make_factor()
        code = await self.code()
        changed = code[:-1] + ("2" if code[-1] != "2" else "3")
        for wrong in (changed, code + "2", code[:-1], f" {code}", f"{code}\n", code * 2, *NO_CODES):
            self.assertIsNone(await factor.verify(about(ENROLLED), wrong), wrong)

    async def test_a_code_belongs_to_its_account(self) -> None:
        factor = await self.make_factor()
        for other in (STRANGER, UNKNOWN, ENROLLED.upper()):
            self.assertIsNone(await factor.verify(about(other), await self.code()))

    async def test_as_much_is_compared_for_who_has_no_token(self) -> None:
        """And whether the code is right or not: time tells nothing.  Codes are compared with
        `hmac.compare_digest`, called by that name."""
        factor = await self.make_factor()
        code = await self.code()
        counted = [
            await self.compared(factor, account, text)
            for account in (ENROLLED, STRANGER, UNKNOWN)
            for text in (code, code[::-1])
        ]
        self.assertGreater(counted[0], 0)
        self.assertEqual(len(set(counted)), 1, counted)

    async def compared(self, factor: Factor, account: str, code: str) -> int:
        with patch("hmac.compare_digest", wraps=hmac.compare_digest) as compare:
            await factor.verify(about(account), code)
        return compare.call_count

    async def test_the_next_process_knows_it_too(self) -> None:
        factor = await self.make_factor()
        code = await self.code()
        first = await self.proven(factor, code)
        await self.use(first)
        again = await self.restarted()
        self.assertIs(await again.enrolled(ENROLLED), self.ENROLS)
        self.assertUsed(await again.verify(about(ENROLLED), code), first)
        await self.proven(again, await self.later_code())
