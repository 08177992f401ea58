"""Redis dies while people log in: nobody gets in for that, and nobody hears that his password is wrong."""

import atexit
import shutil
import tempfile
import threading
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.peers.programs import needs
from tests.process.knock import (
    DOORS,
    LATER,
    REFUSED,
    at_once,
    door,
    good,
    imap_login,
    knock,
    smtp_login,
    smtp_plain,
)
from tests.process.site import eventually
from tests.process.watched import Watched
from tests.state.redis_server import RedisServer

NAMES = ("ann", *(f"p{n}" for n in range(6)))
HOME, AWAY = "127.50.0.1", "127.51.0.1"


@cache
def redis_site(when_away: str) -> tuple[Watched, RedisServer]:
    folder = Path(tempfile.mkdtemp(prefix="mailtwist-redis-away-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    (folder / "redis").mkdir()
    redis = RedisServer(folder / "redis").start()
    atexit.register(redis.kill)
    more = f"[state:shared]\ntype = redis\nurl = redis://127.0.0.1:{redis.port}\nwhen_away = {when_away}\n"
    people = {name: b"the pass word of " + name.encode() for name in NAMES}
    site = Watched(folder / "site", people, own="8", more=more)
    atexit.register(site.end)
    return site, redis


@needs("redis-server")
class RedisAway(SynchronousTestCase):
    timeout = 120

    def begun(self, when_away: str) -> None:
        self.site, self.redis = redis_site(when_away)
        self.addCleanup(self.site.healthy)
        self.ann, *self.others = (self.site.people[name] for name in NAMES)
        self.saved = self.ann.fresh()
        self.assertTrue(self.gets_in(self.saved))

    def gets_in(self, secret: bytes, source: str = HOME) -> bool:
        return good(smtp_plain, knock(self.site, smtp_plain, self.ann.name, secret, source))

    def under_load(self, harm: Callable[[], None]) -> list[bool]:
        """Good ones, wrong ones and saved strings at every door while `harm` is done; who had a fresh code
        got in (True), or was told to come later."""
        self.site.advance(30)
        fresh = [one.password + b"@" + one.code() for one in self.others]
        wrong = self.ann.wrong(12)
        ways = [DOORS[n % 3] for n in range(12)]
        several = [(imap_login, smtp_login)[n % 2] for n in range(12)]  # a maildrop has one user at a time
        harming = threading.Timer(0.15, harm)
        harming.start()
        said = at_once(
            *(partial(knock, self.site, ways[n], self.others[n].name, fresh[n], HOME) for n in range(6)),
            *(
                partial(knock, self.site, ways[n], self.ann.name, wrong[n], f"127.52.{n}.1")
                for n in range(12)
            ),
            *(partial(knock, self.site, several[n], self.ann.name, self.saved, HOME) for n in range(12)),
        )
        harming.join()
        for way, one in zip(ways, said[6:18], strict=True):
            self.assertIn(one, (REFUSED[door(way)], LATER[door(way)]))
        for way, one in zip(several, said[18:], strict=True):
            self.assertTrue(good(way, one), one)
        for way, one in zip(ways[:6], said[:6], strict=True):
            self.assertTrue(good(way, one) or one == LATER[door(way)], one)
        for who, secret, way, one in zip(self.others, fresh, ways[:6], said[:6], strict=True):
            again = knock(self.site, way, who.name, b"x" + secret, AWAY)
            self.assertIn(again, (REFUSED[door(way)], LATER[door(way)]))
            if good(way, one):  # what has let somebody in is used, wherever that was noted
                again = knock(self.site, way, who.name, secret, AWAY)
                self.assertIn(again, (REFUSED[door(way)], LATER[door(way)]))
        return [good(way, one) for way, one in zip(ways[:6], said[:6], strict=True)]

    def recovers(self) -> None:
        self.assertTrue(eventually(lambda: self.gets_in(self.ann.fresh()), 20))
        self.assertTrue(self.gets_in(self.saved))

    def test_killed_under_load(self) -> None:
        self.begun("temporary")
        self.under_load(self.redis.kill)
        self.assertEqual(knock(self.site, smtp_plain, self.ann.name, self.ann.fresh(), HOME), LATER["smtp"])
        self.redis.start()
        self.recovers()

    def test_stalled_under_load(self) -> None:
        self.begun("temporary")
        self.under_load(self.redis.stall)
        self.redis.go_on()
        self.recovers()

    def test_killed_under_load_with_a_floor(self) -> None:
        """Codes are judged meanwhile, and guesses are counted here."""
        self.begun("local")
        self.under_load(self.redis.kill)
        self.assertTrue(self.gets_in(self.ann.fresh()))
        elsewhere = [f"127.53.{n}.1" for n in range(12)]
        calls = [
            partial(knock, self.site, smtp_plain, self.others[0].name, secret, source)
            for secret, source in zip(self.others[0].wrong(12), elsewhere, strict=True)
        ]
        self.assertLessEqual(at_once(*calls).count(REFUSED["smtp"]), 8)
        self.redis.start()
        self.recovers()
