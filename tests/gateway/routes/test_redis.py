"""The route in Redis: what others wrote there counts, for a while; and what is said when it is away."""

from pathlib import Path
from typing import Any

from twisted.internet import reactor
from twisted.internet.task import deferLater
from twisted.logger import globalLogPublisher
from twisted.trial.unittest import TestCase

from mailtwist.auth.api import LoginUnavailable
from mailtwist.config.values import Duration
from mailtwist.gateway.routes import redis
from mailtwist.gateway.routes.redis import Keys, RedisRoute, Settings, build, check
from mailtwist.kit.clock import SystemClock
from mailtwist.kit.ids import new_id
from mailtwist.kit.spawn import started
from mailtwist.state.redis.place import Url
from mailtwist.testing.assembly import OnePart
from mailtwist.testing.route import NAME, NEIGHBOUR, STRANGER, UPSTREAM, RouteContract
from tests.peers.programs import needs
from tests.state.redis_server import RedisServer, shared_server


class Shifted(SystemClock):
    """The machine's, and what a test adds."""

    ahead = 0.0

    def seconds(self) -> float:
        return super().seconds() + self.ahead


class Route(TestCase):
    def setUp(self) -> None:
        self.server = shared_server()
        self.prefix = new_id()
        self.clock = Shifted()
        self.told: list[Any] = []
        globalLogPublisher.addObserver(self.told.append)
        self.addCleanup(globalLogPublisher.removeObserver, self.told.append)

    def own_server(self) -> RedisServer:
        folder = Path(self.mktemp())
        folder.mkdir()
        self.server = RedisServer(folder).start()
        self.addCleanup(self.server.kill)
        return self.server

    def settings(self, **more: Any) -> Settings:
        keys = Keys.parse(f"{self.prefix}:{{name}}, {self.prefix}:{{domain}}")
        url = Url.parse(f"redis://127.0.0.1:{self.server.port}")
        return Settings(**{"url": url, "keys": keys, "timeout": Duration(1), **more})

    def assembly(self) -> OnePart:
        return OnePart(Path(self.mktemp()), clock=self.clock, name="main")

    async def begun(self, **more: Any) -> RedisRoute:
        route = build(self.settings(**more), self.assembly())
        await route.start()
        self.addCleanup(lambda: started(route.stop()))
        return route

    def put(self, whose: str, value: str | bytes) -> None:
        self.server.ask("SET", f"{self.prefix}:{whose}", value, "EX", 600)

    def events(self, name: str) -> list[Any]:
        return [event for event in self.told if event.get("event_id") == name]


@needs("redis-server")
class RedisContract(RouteContract, Route):
    async def make_route(self) -> RedisRoute:
        self.own_server()
        self.put(NAME, UPSTREAM)
        return await self.begun()

    async def take_away(self, route: Any) -> None:
        self.server.kill()
        self.clock.ahead += 3600


@needs("redis-server")
class RedisRouteTests(Route):
    async def test_the_first_key_that_is_there_counts(self) -> None:
        self.put(NAME, "own")
        self.put("example.org", "domains")
        route = await self.begun(default="default")
        found = [await route.upstream(name, "imap") for name in (NAME, NEIGHBOUR, STRANGER, "ann")]
        self.assertEqual(found, ["own", "domains", "default", "default"])

    async def test_keys_may_tell_what_is_spoken(self) -> None:
        self.put("smtp/ann", "relay")
        route = await self.begun(keys=Keys.parse(f"{self.prefix}:{{kind}}/{{local}}"))
        self.assertEqual([await route.upstream(NAME, kind) for kind in ("smtp", "imap")], ["relay", None])

    async def test_an_answer_is_used_for_a_while_and_then_asked_again(self) -> None:
        self.put(NAME, "old")
        route = await self.begun(remember=Duration(10))
        self.assertEqual(await route.upstream(NAME, "imap"), "old")
        self.assertIsNone(await route.upstream(STRANGER, "imap"))
        self.put(NAME, "new")
        self.put(STRANGER, "new")
        self.assertEqual(await route.upstream(NAME, "imap"), "old")
        self.assertIsNone(await route.upstream(STRANGER, "imap"))
        self.clock.ahead += 10
        self.assertEqual(await route.upstream(NAME, "imap"), "new")
        self.assertEqual(await route.upstream(STRANGER, "imap"), "new")

    async def test_nothing_is_remembered_where_that_is_said(self) -> None:
        route = await self.begun(remember=Duration(0))
        for value in ("one", "two"):
            self.put(NAME, value)
            self.assertEqual(await route.upstream(NAME, "imap"), value)

    async def test_answers_that_are_remembered_are_bounded(self) -> None:
        self.patch(redis, "REMEMBERED", 3)
        route = await self.begun()
        for number in range(6):
            await route.upstream(f"{number}@example.org", "imap")
        self.assertEqual(len(route._known), 3)

    async def test_a_name_is_never_a_template(self) -> None:
        self.put("example.org", "domains")
        route = await self.begun(keys=Keys.parse(f"{self.prefix}:{{name}}"))
        self.assertIsNone(await route.upstream("{domain}@example.org", "imap"))
        self.assertEqual(Keys.parse("{name}").of("{domain}@x", "imap"), [b"{domain}@x"])

    async def test_a_value_that_can_be_no_name_is_trouble_and_not_nobody(self) -> None:
        route = await self.begun()
        for value in (b"", b" ", b"\xff\x00", b"x" * 300):
            self.put(NAME, value)
            with self.assertRaises(LoginUnavailable):
                await route.upstream(NAME, "imap")

    async def test_a_key_that_is_no_string_is_none(self) -> None:
        self.server.ask("RPUSH", f"{self.prefix}:{NAME}", "x")
        self.addCleanup(self.server.ask, "DEL", f"{self.prefix}:{NAME}")
        self.put("example.org", "domains")
        self.assertEqual(await (await self.begun()).upstream(NAME, "imap"), "domains")

    async def test_a_user_of_redis_that_may_read_these_keys_is_enough(self) -> None:
        self.own_server()
        self.server.ask(
            "ACL", "SETUSER", "default", "-@all", "resetkeys", "+mget", "+ping", "+set", f"~{self.prefix}:*"
        )
        self.put(NAME, UPSTREAM)
        self.assertEqual(await (await self.begun()).upstream(NAME, "imap"), UPSTREAM)
        other = await self.begun(keys=Keys.parse("other:{name}"))
        for _ in range(2):
            with self.assertRaises(LoginUnavailable):
                await other.upstream(NAME, "imap")
        self.assertEqual(len(self.events("route.redis_said_no")), 1)


@needs("redis-server")
class Away(Route):
    async def test_who_is_remembered_gets_in_the_others_hear_of_trouble(self) -> None:
        self.own_server()
        self.put(NAME, UPSTREAM)
        route = await self.begun()
        await route.upstream(NAME, "imap")
        self.server.kill()
        self.assertEqual(await route.upstream(NAME, "imap"), UPSTREAM)
        with self.assertRaises(LoginUnavailable):
            await route.upstream(NEIGHBOUR, "imap")

    async def test_it_comes_back_by_itself(self) -> None:
        self.own_server().kill()
        route = await self.begun()
        with self.assertRaises(LoginUnavailable):
            await route.upstream(NAME, "imap")
        self.server.start()
        self.put(NAME, UPSTREAM)
        while not route.connection.is_here:
            await deferLater(reactor, 0.02)
        self.assertEqual(await route.upstream(NAME, "imap"), UPSTREAM)
        self.assertEqual(len(self.events("route.redis_away")), 1)
        self.assertEqual(len(self.events("route.redis_back")), 1)

    async def test_one_that_does_not_answer_is_away_in_time(self) -> None:
        self.own_server()
        route = await self.begun(timeout=Duration(0.2))
        self.server.stall()
        self.addCleanup(self.server.go_on)
        with self.assertRaises(LoginUnavailable):
            await route.upstream(NAME, "imap")

    async def test_all_go_to_the_default_where_that_is_said(self) -> None:
        self.own_server().kill()
        route = await self.begun(when_away="default", default="old")
        self.assertEqual(await route.upstream(NAME, "imap"), "old")

    async def test_check_tells_that_it_is_away(self) -> None:
        self.assertEqual(await check(self.settings(), self.assembly()), [])
        self.own_server().kill()
        ((setting, words),) = await check(self.settings(), self.assembly())
        self.assertEqual(setting, "url")
        self.assertIn("Redis cannot be used: 127.0.0.1", words)


class Written(TestCase):
    def test_places_that_there_are_not(self) -> None:
        with self.assertRaisesRegex(ValueError, 'there is no "{user}"; write "{name}"'):
            Keys.parse("route:{user}")

    def test_a_default_when_away_has_to_be_there(self) -> None:
        settings = Settings(url=Url.parse("redis://127.0.0.1"), when_away="default")
        with self.assertRaisesRegex(ValueError, "needs a default"):
            build(settings, OnePart(Path(self.mktemp())))
