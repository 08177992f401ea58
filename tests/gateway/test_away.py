"""Redis or DNS is away while people log in through the gateway: that is for later, never a wrong password."""

import shutil
import tempfile
import time
from functools import partial
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.backends import shared
from tests.gateway import no_names
from tests.gateway.talking import Talking
from tests.gateway.whole import Gateway
from tests.peers import host
from tests.peers.host import Person
from tests.peers.programs import needs
from tests.process.knock import DOORS, LATER, REFUSED, Way, at_once, door, good, knock
from tests.process.site import eventually
from tests.state.redis_server import RedisServer


class Away(SynchronousTestCase):
    timeout = 300
    gateway: Gateway

    def said(self, way: Way, secret: str, who: Person | None = None) -> bytes:
        person = who or self.ann
        return knock(self.gateway, way, person.address, secret.encode())

    @property
    def ann(self) -> Person:
        return self.gateway.person("ann")

    def assertLater(self, *, secrets: tuple[str, ...]) -> None:
        """At every door, whatever the secret."""
        calls = [(way, partial(self.said, way, secret)) for way in DOORS for secret in secrets]
        for (way, _), told in zip(calls, at_once(*(call for _, call in calls)), strict=True):
            self.assertEqual(told, LATER[door(way)])

    def assertIn_(self, secret: str) -> None:
        for way in DOORS:
            self.assertTrue(eventually(lambda way=way: good(way, self.said(way, secret)), 40), way)

    def refused(self) -> None:
        for way in DOORS:
            wrong = f"{self.ann.password}@{self.ann.wrong_code()}"
            self.assertEqual(self.said(way, wrong), REFUSED[door(way)])


@needs("redis-server", "dovecot")
class RedisTests(Away):
    def begun(self, when_away: str = "temporary") -> None:
        folder = Path(tempfile.mkdtemp(prefix="mailtwist-redis-away-"))
        self.addCleanup(shutil.rmtree, folder, ignore_errors=True)
        self.redis = RedisServer(folder).start()
        self.addCleanup(self.redis.kill)
        more = f"\n[state:shared]\ntype = redis\nurl = redis://127.0.0.1:{self.redis.port}\n"
        self.gateway = Gateway(shared.dovecot(), more=f"{more}when_away = {when_away}\n")
        self.addCleanup(self.gateway.end)
        self.saved = self.ann.secret
        self.assertIn_(self.saved)

    def test_killed_and_back(self) -> None:
        self.begun()
        fresh = f"{self.ann.password}@{self.ann.new_code()}"
        wrong = f"{self.ann.password}@{self.ann.wrong_code()}"
        self.redis.kill()
        self.assertLater(secrets=(fresh, wrong))
        self.redis.start()
        self.assertIn_(f"{self.ann.password}@{self.ann.new_code()}")
        self.refused()

    def test_who_is_in_stays_in_and_sends(self) -> None:
        self.begun()
        talking = Talking(self.gateway, "submissions")
        self.addCleanup(talking.close)
        talking.log_in(self.ann.login())
        for harm, to in ((self.redis.stall, b"stalled@sink.test"), (self.redis.kill, b"without@sink.test")):
            harm()
            for command, code in (
                (b"MAIL FROM:<ann@inside.test>", b"250 "),
                (b"RCPT TO:<%b>" % to, b"250 "),
                (b"DATA", b"354 "),
                (b"Subject: x\r\n\r\nx\r\n.", b"250 "),
            ):
                told = talking.ask(command)
                self.assertTrue(told.startswith(code), (command, told))
            self.assertEqual(len(shared.sink().for_(to.decode())), 1)

    def test_a_floor_judges_meanwhile(self) -> None:
        self.begun("local")
        self.redis.kill()
        fresh = f"{self.ann.password}@{self.ann.new_code()}"
        self.assertTrue(good(DOORS[2], self.said(DOORS[2], fresh)))
        self.refused()


@needs("dovecot")
class NamesTests(Away):
    """The server behind is called by a name."""

    def begun(self, away: bool) -> None:
        folder = Path(tempfile.mkdtemp(prefix="mailtwist-names-away-"))
        self.addCleanup(shutil.rmtree, folder, ignore_errors=True)
        self.away = folder / "away"
        if away:
            self.away.touch()
        self.patch(host, "program_with_clock", partial(no_names.program, self.away))
        inside = "pause = 1 s\ncheck_every = 1 s"
        self.gateway = Gateway(shared.dovecot(), security="plain", hosts=no_names.NAME, inside=inside)
        self.addCleanup(self.gateway.end)

    def test_away_from_the_beginning(self) -> None:
        """It starts all the same."""
        self.begun(away=True)
        for way in DOORS:
            fresh = f"{self.ann.password}@{self.ann.new_code()}"
            self.assertEqual(self.said(way, fresh), LATER[door(way)])
        self.away.unlink()
        self.assertIn_(self.ann.secret)
        self.refused()

    def test_away_later(self) -> None:
        """What it was is good enough."""
        self.begun(away=False)
        self.assertIn_(self.ann.secret)
        self.away.touch()
        time.sleep(0.6)
        self.assertIn_(self.ann.secret)
        self.assertIn_(f"{self.ann.password}@{self.ann.new_code()}")
        self.refused()
        self.assertIn("names.stale", self.gateway.server.log)
