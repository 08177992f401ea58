"""State in Redis does what every volatile state does, also with no more rights than the manual says."""

import re
from typing import Any

from twisted.trial.unittest import SynchronousTestCase, TestCase

from mailtwist.state.records import Ban, Bucket
from mailtwist.state.volatile.redis import Prefix, scripts
from mailtwist.testing.interleaving import InterleavingContract
from mailtwist.testing.limits import LimitsContract
from mailtwist.testing.sharing import SharingContract
from mailtwist.testing.volatile import MakesVolatile, VolatileContract
from tests.peers.programs import needs
from tests.state.redis_server import RedisServer, RedisTime, shared_server, without_time
from tests.state.volatile.redis.making import made_for, secret, settings_for
from tests.tree import ROOT

OURS = {"EVAL", "EVALSHA", "PING", "INFO", "SELECT", "SUBSCRIBE"}  # those that are in no script


def acl_line() -> list[str]:
    """The words of the user in the manual."""
    text = (ROOT / "docs" / "operators" / "redis.rst").read_text()
    (line,) = re.findall(r"^    user (mailtwist on (?:.*\\\n)*.*)$", text, re.MULTILINE)
    return line.replace("\\\n", " ").split()


class MakesRedis(MakesVolatile):
    """Each test has a prefix of its own; what it leaves there ends by itself."""

    timeout = 60
    when_away = "temporary"

    async def make_volatile(self) -> Any:
        self.server = self.served()
        self.clock = RedisTime(self.server)
        self.settings = settings_for(self.server, when_away=self.when_away, **self.more())
        self.addCleanup(self.everything_ends)
        return await self.beside(None)

    async def beside(self, state: object) -> Any:
        state = made_for(self.settings, self.clock.script)
        await state.start()
        self.addCleanup(state.stop)
        return state

    def served(self) -> RedisServer:
        return shared_server()

    def more(self) -> dict[str, Any]:
        return {}

    def everything_ends(self) -> None:
        self.assertEqual(without_time(self.server, self.settings.prefix), [])


@needs("redis-server")
class RedisTests(MakesRedis, VolatileContract, TestCase):
    pass


@needs("redis-server")
class RedisLimitsTests(MakesRedis, LimitsContract, TestCase):
    def lasts(self, state: Any, kind: str, name: str) -> float:
        """Seconds for which Redis keeps it."""
        return float(self.server.ask("PTTL", state._key(kind, name))) / 1000

    async def test_what_is_charged_is_kept_for_two_windows(self) -> None:
        state = await self.make_volatile()
        await self.failed(state, Bucket("k", 3, 900), 1)
        await state.blame("blamed", 900, 1, 0)
        for key in ("k", "blamed"):
            self.assertGreater(self.lasts(state, "bucket", key), 2 * 900 - 60)

    async def test_the_list_of_bans_lasts_as_long_as_the_longest(self) -> None:
        state = await self.make_volatile()
        for subject, seconds in (("a", 3600), ("b", 60)):
            await state.ban(Ban(subject, "x", self.clock.now() + seconds))
        self.assertGreater(self.lasts(state, "bans", ""), 3600 - 60)

    async def test_what_failed_elsewhere_counts_in_its_own_window(self) -> None:
        state = await self.make_volatile()
        await self.pass_time(150)
        await state.blame("k", 100, 4, 60)
        self.assertAlmostEqual(await state.spent("k", 100), 2, places=1)
        await state.blame("k", 100, 1, 40)
        self.assertAlmostEqual(await state.spent("k", 100), 3, places=1)
        await state.blame("k", 100, 9, 160)
        self.assertAlmostEqual(await state.spent("k", 100), 3, places=1)


@needs("redis-server")
class RedisSharingTests(MakesRedis, SharingContract, TestCase):
    pass


@needs("redis-server")
class RedisInterleavingTests(MakesRedis, InterleavingContract, TestCase):
    pass


class MakesRedisWithFloor(MakesRedis):
    when_away = "local"


@needs("redis-server")
class FloorTests(MakesRedisWithFloor, VolatileContract, TestCase):
    pass


@needs("redis-server")
class FloorLimitsTests(MakesRedisWithFloor, LimitsContract, TestCase):
    pass


@needs("redis-server")
class FloorSharingTests(MakesRedisWithFloor, SharingContract, TestCase):
    pass


@needs("redis-server")
class FloorInterleavingTests(MakesRedisWithFloor, InterleavingContract, TestCase):
    pass


class MakesRedisWithFewRights(MakesRedis):
    """As the user of the manual, to the letter."""

    def served(self) -> RedisServer:
        words = [word.replace("{mailtwist}", "{mailtwist-acl}") for word in acl_line()]
        words = [">secret" if word.startswith(">") else word for word in words]
        server = shared_server()
        server.ask("ACL", "SETUSER", "mailtwist-acl", "reset", *words[1:])
        server.ask("DEL", *(server.ask("KEYS", "{mailtwist-acl}:*") or ["none"]))
        return server

    def more(self) -> dict[str, Any]:
        self.clock = RedisTime(self.server, "mailtwist-acl")
        return {"user": "mailtwist-acl", "password": secret("secret"), "prefix": Prefix("mailtwist-acl")}


@needs("redis-server")
class RightsTests(MakesRedisWithFewRights, VolatileContract, TestCase):
    pass


@needs("redis-server")
class RightsLimitsTests(MakesRedisWithFewRights, LimitsContract, TestCase):
    pass


@needs("redis-server")
class RightsSharingTests(MakesRedisWithFewRights, SharingContract, TestCase):
    pass


class ManualTests(SynchronousTestCase):
    def test_the_manual_gives_the_rights_that_are_needed_and_no_other(self) -> None:
        bodies = [value for name, value in vars(scripts).items() if name.isupper() and isinstance(value, str)]
        used = {name for body in bodies for name in re.findall(r"redis\.call\('([A-Z]+)'", body)}
        given = {word[1:].upper() for word in acl_line() if word.startswith("+")}
        self.assertEqual(given, used | OURS)
        self.assertLess({"~{mailtwist}:*", "&{mailtwist}:*", "-@all", "resetkeys"}, set(acl_line()))
