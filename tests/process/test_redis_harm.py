"""Redis comes and goes while people log in: saved strings work all the time, and no code works twice."""

import atexit
import shutil
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.peers.programs import needs
from tests.process.knock import DOORS, LATER, REFUSED, at_once, door, good, imap_login, knock, smtp_login
from tests.process.site import eventually
from tests.process.watched import Watched
from tests.state.redis_server import RedisServer

NAMES = ("ann", *(f"p{n}" for n in range(4)))
HOME, AWAY = "127.60.0.1", "127.61.0.1"
ROUNDS = 4  # at least


def redis(name: str, *lines: str, sentinel: bool = False) -> RedisServer:
    folder = Path(tempfile.mkdtemp(prefix=f"mailtwist-redis-{name}-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    server = RedisServer(folder, *lines, sentinel=sentinel).start()
    atexit.register(server.kill)
    return server


def site(name: str, *lines: str) -> Watched:
    folder = Path(tempfile.mkdtemp(prefix=f"mailtwist-redis-{name}-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    more = "\n".join(["[state:shared]", "type = redis", "timeout = 0.5 s", *lines, ""])
    made = Watched(folder, {one: b"the pass word of " + one.encode() for one in NAMES}, more=more)
    atexit.register(made.end)
    return made


@cache
def with_one(when_away: str) -> tuple[Watched, RedisServer]:
    server = redis(when_away)
    return site(when_away, f"url = redis://127.0.0.1:{server.port}", f"when_away = {when_away}"), server


class Harmed(SynchronousTestCase):
    timeout = 300

    def begin(self, made: Watched) -> None:
        self.site = made
        self.ann, *self.others = (made.people[name] for name in NAMES)
        self.addCleanup(made.healthy)
        self.saved = self.ann.fresh()
        self.assertTrue(eventually(lambda: self.gets_in(self.saved), 20))
        self.spent: list[bytes] = []
        self.said: Counter[str] = Counter()
        self.log = len(made.server.lines)

    def gets_in(self, secret: bytes) -> bool:
        return good(smtp_login, knock(self.site, smtp_login, self.ann.name, secret, HOME))

    def while_people_log_in(self, harm: Callable[[], None]) -> None:
        harming = threading.Thread(target=harm)
        harming.start()
        rounds = 0
        while harming.is_alive() or rounds < ROUNDS:
            self.round(rounds)
            rounds += 1
        harming.join()

    def round(self, number: int) -> None:
        """Everybody with a fresh code, a saved string twice, and guesses, all at once."""
        self.site.advance(30)
        fresh = [one.password + b"@" + one.code() for one in self.others]
        wrong = self.ann.wrong(1000)[number * 3 : number * 3 + 3]
        ways = [DOORS[(number + n) % 3] for n in range(len(fresh))]
        said = at_once(
            *(
                partial(knock, self.site, way, who.name, secret, HOME)
                for way, who, secret in zip(ways, self.others, fresh, strict=True)
            ),
            *(
                partial(knock, self.site, way, self.ann.name, self.saved, HOME)
                for way in (imap_login, smtp_login)
            ),
            *(
                partial(knock, self.site, DOORS[n], self.ann.name, secret, f"127.62.{number % 250}.{n + 1}")
                for n, secret in enumerate(wrong)
            ),
        )
        self.saved_ones_got_in(said[len(fresh) : -3])
        for way, one in zip(DOORS, said[-3:], strict=True):
            self.assertIn(one, (REFUSED[door(way)], LATER[door(way)]))
        for way, who, secret, one in zip(ways, self.others, fresh, said, strict=False):
            self.assertTrue(good(way, one) or one == LATER[door(way)], one)
            self.said["in" if good(way, one) else "later"] += 1
            if good(way, one):
                self.spent.append(b"again %d " % len(self.spent) + secret)
                again = knock(self.site, way, who.name, self.spent[-1], HOME)
                self.assertIn(again, (REFUSED[door(way)], LATER[door(way)]))

    def saved_ones_got_in(self, said: list[bytes]) -> None:
        for way, one in zip((imap_login, smtp_login), said, strict=True):
            self.assertTrue(good(way, one), one)

    def recovers(self, *, away: int) -> None:
        """By itself; it was told `away` times at most that Redis is away."""
        self.assertTrue(eventually(lambda: self.gets_in(self.ann.fresh()), 20))
        self.said.clear()
        self.round(300)
        self.assertEqual(self.said, {"in": len(self.others)})
        log = self.site.server.lines[self.log :]
        told = [line for line in log if "state.redis_away" in line]
        self.assertLessEqual(len(told), away, "".join(told))
        asked = {one["what"] for one in self.site.asked() if one["who"] == "directory"}
        twice = [one for one in self.spent if one.rpartition(b"@")[0] in asked]
        self.assertEqual(twice, [], "a code was good for two strings")


@needs("redis-server")
class OneRedis(Harmed):
    def harmed(
        self, when_away: str, harm: Callable[[RedisServer], None], away: int, later: int = 10**6
    ) -> None:
        made, self.redis = with_one(when_away)
        self.begin(made)
        self.while_people_log_in(partial(harm, self.redis))
        self.assertLessEqual(self.said["later"], later)
        self.recovers(away=away)

    def restarts(self, server: RedisServer) -> None:
        for pause in (0.0, 0.5, 1.5):
            time.sleep(0.4)
            server.kill()
            time.sleep(pause)
            server.start()

    def stalls(self, server: RedisServer) -> None:
        for pause in (0.2, 2.0):
            time.sleep(0.4)
            server.stall()
            time.sleep(pause)
            server.go_on()

    def drops(self, server: RedisServer) -> None:
        end = time.monotonic() + 2
        while time.monotonic() < end:
            server.ask("CLIENT", "KILL", "TYPE", "normal")
            time.sleep(0.03)

    def test_restarted_under_load(self) -> None:
        self.harmed("temporary", self.restarts, away=6)

    def test_restarted_under_load_with_a_floor(self) -> None:
        self.harmed("local", self.restarts, away=6, later=0)

    def test_stalled_and_awake_again(self) -> None:
        self.harmed("temporary", self.stalls, away=4)

    def test_stalled_and_awake_again_with_a_floor(self) -> None:
        self.harmed("local", self.stalls, away=4, later=0)

    def test_connections_are_dropped_in_the_middle(self) -> None:
        self.harmed("temporary", self.drops, away=6)

    def test_connections_are_dropped_in_the_middle_with_a_floor(self) -> None:
        self.harmed("local", self.drops, away=6, later=0)


@needs("redis-server")
class Failover(Harmed):
    def test_another_master(self) -> None:
        first = redis("first")
        second = redis("second", f"replicaof 127.0.0.1 {first.port}")
        sentinel = redis(
            "sentinel",
            f"sentinel monitor mymaster 127.0.0.1 {first.port} 1",
            "sentinel down-after-milliseconds mymaster 500",
            "sentinel failover-timeout mymaster 3000",
            sentinel=True,
        )
        self.assertTrue(eventually(lambda: b"slaves=1" in sentinel.ask("INFO", "sentinel")))
        self.begin(site("sentinel", "url = redis://mymaster", f"sentinels = 127.0.0.1:{sentinel.port}"))

        def harm() -> None:
            time.sleep(0.5)
            first.kill()
            eventually(lambda: b"role:master" in second.ask("INFO", "replication"))
            time.sleep(0.5)

        self.while_people_log_in(harm)
        self.recovers(away=6)
