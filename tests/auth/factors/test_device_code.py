"""A code that one mail program begins with."""

from mailtwist.auth.factors.api import SupportsDeviceCodes
from mailtwist.auth.factors.device_code import DeviceCodes, Settings, TooManyCodes
from mailtwist.auth.written import MOST
from mailtwist.config.values import Duration
from mailtwist.testing.factor import ENROLLED, STRANGER, FactorContract, about
from tests.auth.factors.house import FactorCase


class DeviceCodeTests(FactorCase, FactorContract):
    part, settings = DeviceCodes, Settings
    factor: DeviceCodes
    ENROLS = False

    async def make_factor(self) -> DeviceCodes:
        await self.begin()
        self.issued = await self.factor.issue(ENROLLED)
        return self.factor

    async def code(self) -> str:
        return self.issued.code

    async def later_code(self) -> str:
        return (await self.factor.issue(ENROLLED)).code

    async def ids(self) -> list[str]:
        return [one.id for one in await self.factor.issued(ENROLLED)]

    async def test_it_is_told_once(self) -> None:
        factor = await self.make_factor()
        self.assertIsInstance(factor, SupportsDeviceCodes)
        (listed,) = await factor.issued(ENROLLED)
        self.assertEqual((listed.id, listed.expires), (self.issued.id, self.clock.now() + 600))
        self.assertEqual(listed.code, "")
        self.assertNotIn(self.issued.code, repr(self.issued))
        self.assertEqual(list(await factor.issued(STRANGER)), [])

    async def test_after_ten_minutes_it_is_nothing(self) -> None:
        factor = await self.make_factor()
        self.clock.advance(599)
        self.assertIsNotNone(await factor.verify(about(ENROLLED), self.issued.code))
        self.clock.advance(1)
        self.assertIsNone(await factor.verify(about(ENROLLED), self.issued.code))
        self.assertEqual(await self.ids(), [])
        self.assertEqual(list(await self.durable.all_tokens(ENROLLED)), [])

    async def test_it_lives_as_long_as_was_said(self) -> None:
        await self.begin(Settings(valid=Duration(120)))
        short, long = await self.factor.issue(ENROLLED), await self.factor.issue(ENROLLED, 3600)
        self.clock.advance(120)
        self.assertEqual(await self.ids(), [long.id])
        self.assertIsNone(await self.factor.verify(about(ENROLLED), short.code))
        self.clock.advance(3480)
        self.assertIsNone(await self.factor.verify(about(ENROLLED), long.code))

    async def test_a_used_one_is_listed_no_more(self) -> None:
        await self.make_factor()
        await self.succeeded(self.issued.code)
        self.assertEqual(await self.ids(), [])

    async def test_a_revoked_one_is_nothing(self) -> None:
        factor = await self.make_factor()
        self.assertIs(await factor.revoke(STRANGER, self.issued.id), False)
        self.assertIs(await factor.revoke(ENROLLED, self.issued.id), True)
        self.assertIs(await factor.revoke(ENROLLED, self.issued.id), False)
        self.assertIsNone(await factor.verify(about(ENROLLED), self.issued.code))

    async def test_they_are_bounded(self) -> None:
        await self.make_factor()
        for _ in range(MOST - 1):
            await self.factor.issue(ENROLLED)
        with self.assertRaises(TooManyCodes):
            await self.factor.issue(ENROLLED)
        self.clock.advance(600)
        await self.factor.issue(ENROLLED)

    async def test_it_does_not_make_anybody_need_a_code(self) -> None:
        await self.make_factor()
        self.assertIs(await self.durable.enrolled(ENROLLED), False)
