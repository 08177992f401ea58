"""What each directory that judges access tokens must do: subclass, say how tokens are made, get the tests."""

from typing import TYPE_CHECKING

from mailtwist.auth.api import Bearer, LoginUnavailable, SupportsBearer
from mailtwist.kit.spawn import together
from mailtwist.testing.directory import NAME, STRANGER

if TYPE_CHECKING:
    from unittest import TestCase as _TestCase
else:
    _TestCase = object  # a contract is no test case: trial would run it where it is imported

HOSTILE_TOKENS = (
    *(b"", b".", b"..", b"...", b"a.b.c", b"e30.e30.", b"e30.e30.e30", b"=", b"\0", b"\xff" * 100, b" "),
    *(b"." * 9216, b"A" * 9216, b"eyJhbGciOiJub25lIn0.e30.", b"'; DROP TABLE tokens; --", b"%00", b"\r\n"),
)


class BearerContract(_TestCase):
    """Mix into a trial `TestCase` that says how a directory is made, and the tokens that it takes."""

    async def make_directory(self) -> SupportsBearer:
        raise NotImplementedError

    async def token(self, name: str = NAME) -> bytes:
        """One that is good, of somebody with this login name."""
        raise NotImplementedError

    async def another_one(self) -> bytes:
        """One that looks as good, and was made by somebody else."""
        raise NotImplementedError

    async def take_away(self) -> None:
        """Whatever is needed to judge a token cannot be reached from now on."""
        raise NotImplementedError

    async def test_a_good_token_says_whose_it_is(self) -> None:
        directory = await self.make_directory()
        bearer = await self.judged(directory, NAME, await self.token())
        self.assertEqual(bearer.person.name, NAME)
        self.assertGreater(bearer.expires, 0)

    async def test_it_is_good_again_and_without_a_name(self) -> None:
        directory = await self.make_directory()
        token = await self.token()
        first = await self.judged(directory, NAME, token)
        self.assertEqual(await self.judged(directory, NAME, token), first)
        self.assertEqual(await self.judged(directory, "", token), first)

    async def test_the_name_that_came_with_it_makes_nobody_somebody_else(self) -> None:
        directory = await self.make_directory()
        bearer = await self.judged(directory, STRANGER, await self.token())
        self.assertEqual(bearer.person.name, NAME)

    async def test_two_people_are_told_apart(self) -> None:
        directory = await self.make_directory()
        names = NAME, "zoe@example.org"
        tokens = [await self.token(name) for name in names]
        found = await together(*(self.judged(directory, "", token) for token in tokens * 3))
        self.assertEqual([one.person.name for one in found], [*names] * 3)

    async def test_another_ones_token_is_not_good(self) -> None:
        directory = await self.make_directory()
        self.assertIsNone(await directory.bearer(NAME, await self.another_one()))

    async def test_a_good_one_that_was_changed_is_not(self) -> None:
        directory = await self.make_directory()
        token = await self.token()
        half = len(token) // 2
        for changed in (
            token[:-6],
            token[half:],
            token[:half] + b"A" + token[half:],
            token + b"x",
            token * 2,
        ):
            self.assertIsNone(await directory.bearer(NAME, changed), changed)

    async def test_no_octets_are_one(self) -> None:
        directory = await self.make_directory()
        for token in HOSTILE_TOKENS:
            self.assertIsNone(await directory.bearer(NAME, token), token[:40])

    async def test_whoever_is_away_never_says_no(self) -> None:
        """A mail program would ask its owner to log in again."""
        token = await self.token()
        directory = await self.make_directory()
        await self.take_away()
        with self.assertRaises(LoginUnavailable):
            await directory.bearer(NAME, token)

    async def judged(self, directory: SupportsBearer, name: str, token: bytes) -> Bearer:
        found = await directory.bearer(name, token)
        assert found is not None, "a token that is good was not"
        return found
