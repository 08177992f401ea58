"""Several RADIUS servers: one that is away keeps nobody waiting twice."""

from collections.abc import Sequence
from typing import Any

from twisted.internet.defer import Deferred

from mailtwist.auth.factors.radius.packets import Code
from mailtwist.auth.factors.radius.server import REST, Silent
from mailtwist.auth.factors.radius.servers import NAMES, Place, Places, Servers
from mailtwist.kit.resolver import Unresolved
from tests.auth.factors.radius.peer import Peer
from tests.auth.factors.radius.test_server import FACTS, Result, ServerCase


class Names:
    """Addresses by hand; `slow` names never have any."""

    def __init__(self) -> None:
        self.known: dict[str, Sequence[str]] = {"radius.example.org": ("127.0.0.1",)}

    async def addresses(self, name: str) -> tuple[str, ...]:
        if name == "slow.example.org":
            await Deferred()
        if name[0].isdigit():
            return (name,)
        if name not in self.known:
            raise Unresolved(name, "no such name", known=True)
        return tuple(self.known[name])


class ServersTests(ServerCase):
    def setUp(self) -> None:
        super().setUp()
        self.other = Peer()
        self.other.right.add(("ann", "271828"))
        self.other.listen()
        self.addCleanup(self.other.close)
        self.names = Names()

    def servers(self, *places: str) -> Servers:
        both = [f"127.0.0.1:{peer.port}" for peer in (self.peer, self.other)]
        made = Servers(
            Places.parse(", ".join(places or both)),
            lambda address, port: self.made(port),
            self.names,
            self.clock,
        )
        self.addCleanup(made.stop)
        return made

    def asking(self, servers: Servers, seconds: float = 10.0) -> Result:
        return Result(servers.ask(FACTS, "271828", 3.0, seconds))

    async def answer(self, servers: Servers) -> Any:
        result = self.asking(servers)
        await self.until(lambda: result.value)
        return result.value

    async def test_the_first_one_is_asked(self) -> None:
        servers = self.servers()
        for _ in range(3):
            self.assertEqual((await self.answer(servers)).code, Code.ACCEPT)
        self.assertEqual((self.peer.different, self.other.different), (3, 0))

    async def test_a_no_is_no_everywhere(self) -> None:
        self.peer.right.clear()
        self.assertEqual((await self.answer(self.servers())).code, Code.REJECT)
        self.assertEqual(self.other.different, 0)

    async def test_one_that_is_gone_is_left_at_once_and_for_a_while(self) -> None:
        await self.peer.close()
        servers = self.servers()
        for _ in range(3):
            self.assertEqual((await self.answer(servers)).code, Code.ACCEPT)
        self.peer.listen()
        self.assertEqual((await self.answer(servers)).code, Code.ACCEPT)
        self.assertEqual(self.peer.different, 0)
        self.clock.advance(REST)
        await self.answer(servers)
        self.assertEqual((self.peer.different, self.other.different), (1, 4))

    async def test_one_that_is_silent_costs_one_login_a_little_time(self) -> None:
        self.peer.says, self.peer.lives = self.peer.silence, False
        servers = self.servers()
        first = self.asking(servers)
        await self.pass_by(5)
        self.assertEqual(first.value.code, Code.ACCEPT)
        before = self.clock.seconds()
        await self.answer(servers)
        self.assertEqual(self.clock.seconds(), before)

    async def test_all_that_rest_are_asked_when_there_is_no_other(self) -> None:
        await self.peer.close()
        await self.other.close()
        servers = self.servers()
        self.assertIsInstance(await self.answer(servers), Silent)
        self.peer.listen()
        self.assertEqual((await self.answer(servers)).code, Code.ACCEPT)

    async def test_all_gone_is_trouble_that_names_each(self) -> None:
        await self.peer.close()
        await self.other.close()
        error = await self.answer(self.servers())
        self.assertIs(error.lives, False)
        for peer in (self.peer, self.other):
            self.assertIn(f"127.0.0.1:{peer.port}", error.why)

    async def test_one_question_without_an_answer_is_trouble_of_one_account(self) -> None:
        self.peer.says = self.peer.silence
        result = self.asking(self.servers())
        await self.pass_by(10.2)
        self.assertIs(result.value.lives, True)
        self.assertEqual(self.other.different, 0)

    async def test_it_takes_no_longer_than_it_may(self) -> None:
        for peer in (self.peer, self.other):
            peer.says, peer.lives = peer.silence, False
        result = self.asking(self.servers(), 2.0)
        await self.pass_by(1.8)
        self.assertIsNone(result.value)
        await self.pass_by(0.4)
        self.assertIs(result.value.lives, False)

    async def test_names_have_their_addresses_each_time(self) -> None:
        servers = self.servers(f"radius.example.org:{self.peer.port}")
        self.assertEqual((await self.answer(servers)).code, Code.ACCEPT)
        del self.names.known["radius.example.org"]
        error = await self.answer(servers)
        self.assertIn("no such name", error.why)

    async def test_a_name_that_dns_says_nothing_about_keeps_nobody_from_the_others(self) -> None:
        servers = self.servers("slow.example.org", f"127.0.0.1:{self.peer.port}")
        result = self.asking(servers)
        await self.pass_by(NAMES + 0.2)
        await self.until(lambda: result.value)
        self.assertEqual(result.value.code, Code.ACCEPT)

    async def test_who_tries_them_hears_of_each(self) -> None:
        await self.other.close()
        tried = Result(self.servers().tried(3.0))
        await self.until(lambda: tried.value)
        self.assertEqual(len(tried.value), 1)
        self.assertIn(f"127.0.0.1:{self.other.port}: Connection refused", tried.value[0])
        self.assertEqual(self.peer.asked[0].name, "mailtwist-check")

    async def test_one_killed_under_load_loses_nobody(self) -> None:
        servers = self.servers()
        results = []
        for number in range(200):
            results.append(self.asking(servers))
            if number == 60:
                await self.peer.close()
            if number % 10 == 0:
                await self.pass_by(0.1)
        await self.pass_by(6)
        self.assertEqual({result.value.code for result in results}, {Code.ACCEPT})
        self.assertGreater(self.peer.different, 0)
        self.assertGreater(self.other.different, 0)


class PlaceTests(ServerCase):
    def test_places_as_operators_write_them(self) -> None:
        for text, place in {
            "192.0.2.1": Place("192.0.2.1", 1812),
            "192.0.2.1:18120": Place("192.0.2.1", 18120),
            "[2001:DB8::1]": Place("2001:db8::1", 1812),
            "[2001:db8::1]:1645": Place("2001:db8::1", 1645),
            "Radius.Example.ORG:1645": Place("radius.example.org", 1645),
        }.items():
            self.assertEqual(Place.parse(text), place)
            self.assertEqual(Place.parse(str(place)), place)

    def test_what_is_no_place_is_told(self) -> None:
        for text in ("", "a b", "192.0.2.1:0", "192.0.2.1:65536", "[radius]:1", "2001:db8::1", "-x", "1.2.3"):
            self.assertRaises(ValueError, Place.parse, text)
        self.assertRaises(ValueError, Places.parse, "192.0.2.1, 192.0.2.1:1812")
