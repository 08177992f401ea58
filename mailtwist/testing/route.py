"""What every route must do: subclass, say how to make one, get the tests."""

from typing import TYPE_CHECKING, get_args
from unittest import SkipTest

from mailtwist.auth.api import LoginUnavailable
from mailtwist.gateway.api import Kind, Route

if TYPE_CHECKING:
    from unittest import TestCase as _TestCase
else:
    _TestCase = object  # a contract is no test case: trial would run it where it is imported

NAME, NEIGHBOUR, STRANGER = "ann@example.org", "bob@example.org", "nobody@nowhere.example"
UPSTREAM = "exchange"
KINDS: tuple[Kind, ...] = get_args(Kind)
HOSTILE = (
    *("", "@", "ann", "@example.org", "ann@", "*", "*@*", "*.example.org", "ann@example.org@nowhere.example"),
    *("ann@example.org\r\nSET x y", "ann@example.org\0", "{name}", "%s%n", "../../etc/passwd", "' OR 1=1 --"),
    *("a" * 512, "@".join("a" * 256), "ann@" + "a." * 200 + "b", "\N{PILE OF POO}@example.net"),
)


class RouteContract(_TestCase):
    """Mix into a trial `TestCase` that has `async def make_route()`: a route that sends `NAME` to `UPSTREAM`
    for whatever is spoken, and `STRANGER` nowhere."""

    async def make_route(self) -> Route:
        raise NotImplementedError

    async def take_away(self, route: Route) -> None:
        """What it stands on cannot be reached from now on, and what it has heard has been forgotten."""
        raise SkipTest("it stands on nothing that could be away")

    async def test_somebody_is_sent_where_he_belongs_whatever_is_spoken(self) -> None:
        route = await self.make_route()
        for kind in KINDS:
            self.assertEqual(await route.upstream(NAME, kind), UPSTREAM)

    async def test_he_is_sent_there_again_and_again(self) -> None:
        route = await self.make_route()
        self.assertEqual({await route.upstream(NAME, "imap") for _ in range(3)}, {UPSTREAM})

    async def test_whose_server_is_not_known_is_sent_nowhere(self) -> None:
        route = await self.make_route()
        for _ in range(2):
            self.assertIsNone(await route.upstream(STRANGER, "imap"))

    async def test_hostile_names_are_somebodys_or_nobodys(self) -> None:
        route = await self.make_route()
        for name in HOSTILE:
            found = await route.upstream(name, "imap")
            self.assertTrue(found is None or isinstance(found, str), name)
        self.assertEqual(await route.upstream(NAME, "imap"), UPSTREAM)

    async def test_a_route_that_is_away_says_so(self) -> None:
        """It never says that somebody has no server: his mail program would be told that he is not here."""
        route = await self.make_route()
        await self.take_away(route)
        with self.assertRaises(LoginUnavailable):
            await route.upstream(NAME, "imap")
