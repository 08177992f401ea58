"""What every source of access tokens must do: subclass, say how to make one, get the tests."""

import re
from typing import TYPE_CHECKING
from unittest import SkipTest

from mailtwist.auth.api import AccountUnavailable, LoginRefused, LoginUnavailable
from mailtwist.gateway.api import TokenSource
from mailtwist.kit.spawn import together

if TYPE_CHECKING:
    from unittest import TestCase as _TestCase
else:
    _TestCase = object  # a contract is no test case: trial would run it where it is imported

CONNECTED, STRANGER = "ann", "bob"
NAMES = {CONNECTED: "ann@example.org", STRANGER: "bob@example.org"}


class TokenSourceContract(_TestCase):
    """Mix into a trial `TestCase` that has the methods below; every test gets a new source that has access
    tokens for the account `CONNECTED`, and none for `STRANGER`."""

    async def make_source(self) -> TokenSource:
        raise NotImplementedError

    async def go_away(self) -> None:
        """From now on the source cannot have a new access token from anywhere; for one that asks somebody."""
        raise SkipTest("it asks nobody")

    async def come_back(self) -> None:
        """It can again."""

    async def token(self, source: TokenSource, refused: str = "") -> str:
        return await source.access_token(CONNECTED, NAMES[CONNECTED], refused=refused)

    async def test_a_token_is_one_that_mechanisms_can_carry(self) -> None:
        source = await self.make_source()
        self.assertRegex(await self.token(source), re.compile(r"\A[!-~]{1,16384}\Z"))

    async def test_one_that_was_refused_is_not_given_again(self) -> None:
        source = await self.make_source()
        first = await self.token(source)
        second = await self.token(source, refused=first)
        self.assertNotEqual(first, second)
        self.assertNotEqual(await self.token(source), first)

    async def test_who_is_not_connected_has_trouble_alone(self) -> None:
        source = await self.make_source()
        for _ in range(2):
            with self.assertRaises(AccountUnavailable):
                await source.access_token(STRANGER, NAMES[STRANGER])
        await self.token(source)

    async def test_many_who_come_at_once_all_get_one(self) -> None:
        source = await self.make_source()
        for token in await together(*(self.token(source) for _ in range(20))):
            self.assertTrue(token)

    async def test_when_nothing_can_be_had_it_is_nobodys_password(self) -> None:
        source = await self.make_source()
        first = await self.token(source)
        await self.go_away()
        try:
            with self.assertRaises(LoginUnavailable) as away:
                await self.token(source, refused=first)
            self.assertNotIsInstance(away.exception, LoginRefused)
        finally:
            await self.come_back()
        self.assertTrue(await self.token(source, refused=first))

    async def test_no_secret_shows_itself(self) -> None:
        source = await self.make_source()
        token = await self.token(source)
        self.assertNotIn(token, repr(source))
        self.assertNotIn(token, str(source))
