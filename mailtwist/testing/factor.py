"""What every second factor must do: subclass, say how to make one, get the tests."""

from typing import TYPE_CHECKING

from mailtwist.auth.api import Factor

if TYPE_CHECKING:
    from unittest import TestCase as _TestCase
else:
    _TestCase = object  # a contract is no test case: trial would run it where it is imported

ENROLLED, STRANGER = "ann", "bob"
NO_CODES = ("", " ", "password", "1234567890123", "12345\n", "-12345", "\N{ARABIC-INDIC DIGIT ONE}" * 6, "é")


class FactorContract(_TestCase):
    """Mix into a trial `TestCase` that has the three methods below; every test gets a new factor with one
    confirmed token of the account `ENROLLED`, and none of `STRANGER`."""

    async def make_factor(self) -> Factor:
        raise NotImplementedError

    async def code(self) -> str:
        """One that is right now and was not used."""
        raise NotImplementedError

    async def later_code(self) -> str:
        """One that is right after time has passed, or for its next use; time has passed when it returns."""
        raise NotImplementedError

    async def test_who_has_a_token_is_enrolled(self) -> None:
        factor = await self.make_factor()
        self.assertIs(await factor.enrolled(ENROLLED), True)
        self.assertIs(await factor.enrolled(STRANGER), False)

    async def test_its_own_codes_look_like_codes(self) -> None:
        factor = await self.make_factor()
        self.assertIs(factor.looks_like(await self.code()), True)
        for text in NO_CODES:
            self.assertIs(factor.looks_like(text), False, text)

    async def test_a_right_code_says_which_token_and_step(self) -> None:
        factor = await self.make_factor()
        proof = await factor.verify(ENROLLED, await self.code())
        assert proof is not None
        self.assertTrue(proof.token)
        self.assertGreaterEqual(proof.step, 0)

    async def test_verifying_uses_nothing_up(self) -> None:
        factor = await self.make_factor()
        code = await self.code()
        self.assertEqual(await factor.verify(ENROLLED, code), await factor.verify(ENROLLED, code))

    async def test_a_later_code_has_a_higher_step(self) -> None:
        factor = await self.make_factor()
        first = await factor.verify(ENROLLED, await self.code())
        second = await factor.verify(ENROLLED, await self.later_code())
        assert first is not None and second is not None
        self.assertEqual(first.token, second.token)
        self.assertGreater(second.step, first.step)

    async def test_other_codes_are_wrong(self) -> None:
        factor = await self.make_factor()
        code = await self.code()
        changed = code[:-1] + ("0" if code[-1] != "0" else "1")
        for wrong in (changed, code + "0", code[:-1], *NO_CODES):
            self.assertIsNone(await factor.verify(ENROLLED, wrong), wrong)

    async def test_a_code_belongs_to_its_account(self) -> None:
        factor = await self.make_factor()
        self.assertIsNone(await factor.verify(STRANGER, await self.code()))
        self.assertIsNone(await factor.verify("?unknown", await self.code()))
