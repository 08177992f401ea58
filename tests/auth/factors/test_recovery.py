"""Ten codes on paper."""

from collections.abc import Sequence

from mailtwist.auth.factors.api import SupportsRecovery
from mailtwist.auth.factors.recovery import Recovery, Settings
from mailtwist.kit.spawn import together
from mailtwist.state.records import Use
from mailtwist.testing.factor import ENROLLED, STRANGER, FactorContract, about
from tests.auth.factors.house import FactorCase


class RecoveryTests(FactorCase, FactorContract):
    part, settings = Recovery, Settings
    factor: Recovery

    async def make_factor(self) -> Recovery:
        await self.begin()
        self.codes: Sequence[str] = await self.factor.renew(ENROLLED)
        self.at = 0
        return self.factor

    async def code(self) -> str:
        return self.codes[self.at]

    async def later_code(self) -> str:
        self.at += 1
        return self.codes[self.at]

    async def test_there_are_ten_and_all_are_right(self) -> None:
        factor = await self.make_factor()
        self.assertIsInstance(factor, SupportsRecovery)
        proofs = {(await self.proven(factor, code)).token for code in self.codes}
        self.assertEqual(len(proofs), 10)
        self.assertEqual(await factor.remaining(ENROLLED), 10)

    async def test_they_are_typed_as_people_type(self) -> None:
        factor = await self.make_factor()
        code = self.codes[3]
        expected = await factor.verify(about(ENROLLED), code)
        for typed in (code.lower(), code.replace("-", ""), code.replace("-", "").lower(), code.title()):
            self.assertIs(factor.looks_like(typed), True, typed)
            self.assertEqual(await factor.verify(about(ENROLLED), typed), expected, typed)
        for typed in ("ABCI-EFGH-JKLM", "ABCO-EFGH-JKLM", "ABC0-EFGH-JKLM", "abc1-efgh-jklm"):
            self.assertIs(factor.looks_like(typed), False, typed)
        for typed in (code[:4] + code[5:], code.replace("-", " "), code.replace("-", "\N{HYPHEN}")):
            self.assertIs(factor.looks_like(typed), False, typed)
            self.assertIsNone(await factor.verify(about(ENROLLED), typed), typed)

    async def test_a_used_one_counts_no_more_and_is_known_as_used(self) -> None:
        factor = await self.make_factor()
        proof = await self.succeeded(self.codes[0])
        self.assertEqual(await factor.remaining(ENROLLED), 9)
        again = await self.proven(factor, self.codes[0])
        self.assertEqual(await self.durable.advance(ENROLLED, again.token, again.step, b"him"), Use.REPLAY)
        self.assertEqual(again, proof)

    async def test_who_has_used_them_all_still_needs_a_code(self) -> None:
        factor = await self.make_factor()
        for code in self.codes:
            await self.succeeded(code)
        self.assertEqual(await factor.remaining(ENROLLED), 0)
        self.assertIs(await factor.enrolled(ENROLLED), True)

    async def test_new_ones_are_the_end_of_the_old(self) -> None:
        factor = await self.make_factor()
        old = self.codes
        await self.succeeded(old[0])
        new = await factor.renew(ENROLLED)
        self.assertTrue(set(new).isdisjoint(old))
        for code in old:
            self.assertIsNone(await factor.verify(about(ENROLLED), code))
        self.assertEqual(await factor.remaining(ENROLLED), 10)
        self.assertEqual(await factor.remaining(STRANGER), 0)

    async def test_of_two_who_renew_at_once_one_has_codes_that_are_right(self) -> None:
        recovery = await self.begin()
        both = await together(recovery.renew(ENROLLED), recovery.renew(ENROLLED))
        right = [[await recovery.verify(about(ENROLLED), code) for code in codes] for codes in both]
        self.assertEqual(sorted(sum(proof is not None for proof in proofs) for proofs in right), [0, 10])

    async def test_they_are_nowhere_in_the_state(self) -> None:
        await self.make_factor()
        await self.assembly.stop()
        for file in self.folder.rglob("*"):
            octets = file.read_bytes() if file.is_file() else b""
            for code in self.codes:
                self.assertNotIn(code.encode(), octets)
                self.assertNotIn(code.replace("-", "").encode(), octets)
