"""No room for one of the databases: nobody gets in for that, nobody is told that his password is wrong."""

import atexit
import contextlib
import os
import shutil
import sqlite3
import subprocess
import tempfile
from functools import cache
from pathlib import Path
from unittest import SkipTest

from twisted.trial.unittest import SynchronousTestCase

from tests.process.knock import DOORS, LATER, REFUSED, WAYS, Way, door, good, knock
from tests.process.watched import DOMAIN, Known, Watched

SIZE = 6 << 20
HOME, AWAY = "127.40.0.1", "127.41.0.1"
MORE = "[state:shared]\ntype = sqlite_volatile\npath = volatile/volatile.sqlite\n"
NAMES = ("ann", "bob", "eve")


@cache
def on_small_disks() -> Watched:
    """Each database is on a file system of its own; or the test skips."""
    if os.geteuid() != 0:
        raise SkipTest("only root mounts a small file system")
    folder = Path(tempfile.mkdtemp(prefix="mailtwist-full-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    for name in ("state", "volatile"):
        place = folder / name
        place.mkdir(mode=0o700)
        mounting = ["mount", "-t", "tmpfs", "-o", f"size={SIZE},mode=0700", "none", str(place)]
        mounted = subprocess.run(mounting, capture_output=True, text=True)
        if mounted.returncode:
            raise SkipTest(f"no small file system can be mounted here: {mounted.stderr.strip()}")
        atexit.register(subprocess.run, ["umount", str(place)], check=True)
    people = {name: b"the pass word of " + name.encode() for name in NAMES}
    site = Watched(folder, people, more=MORE)
    atexit.register(site.end)
    return site


class NoRoom(SynchronousTestCase):
    timeout = 120

    def setUp(self) -> None:
        self.site = on_small_disks()
        self.addCleanup(self.site.healthy)
        self.ann, self.bob, self.eve = (self.site.people[name] for name in NAMES)
        self.saved = self.ann.fresh()
        for way in DOORS:  # whose mailboxes are there from now on
            self.assertIn_(way, self.ann, self.saved)
            self.assertIn_(way, self.bob, self.bob.fresh())

    def tearDown(self) -> None:
        for name in ("state", "volatile"):
            self.filler(name).unlink(missing_ok=True)

    def filler(self, name: str) -> Path:
        return self.site.folder / name / "filler"

    def fill(self, name: str, but: int = 0) -> None:
        """Nothing is left, but for so many octets; nor in the log that the database would use."""
        file = "durable.sqlite" if name == "state" else "volatile.sqlite"
        with contextlib.closing(sqlite3.connect(self.site.folder / name / file, timeout=10)) as db:
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        with self.filler(name).open("wb", buffering=0) as file:
            with contextlib.suppress(OSError):
                while file.write(bytes(4096)):
                    pass
            file.truncate(max(0, file.tell() - but))

    def assertIn_(self, way: Way, who: Known, secret: bytes, source: str = HOME) -> None:
        said = knock(self.site, way, who.name, secret, source)
        self.assertTrue(good(way, said), (way.__name__, said))

    def fares(self, name: str) -> int:
        """Good and bad logins while there is little room; how many good ones were told to come later."""
        later = 0
        for n in range(12):
            self.fill(name, n % 4 * 4096)
            way = DOORS[n % 3]
            kind = door(way)
            self.assertIn_(way, self.ann, self.saved)
            fresh = self.bob.fresh()
            said = knock(self.site, way, self.bob.name, fresh, f"127.42.{n}.1")
            self.assertTrue(good(way, said) or said == LATER[kind], said)
            later += said == LATER[kind]
            if good(way, said):
                again = knock(self.site, way, self.bob.name, fresh, AWAY)
                self.assertIn(again, (REFUSED[kind], LATER[kind]))
            other = knock(self.site, way, self.bob.name, b"x" + fresh, AWAY)
            self.assertIn(other, (REFUSED[kind], LATER[kind]))
            (wrong,) = self.eve.wrong(1)
            said = knock(self.site, way, self.eve.name, wrong + b"%d" % n, AWAY)
            self.assertIn(said, (REFUSED[kind], LATER[kind]))
            self.filler(name).unlink()
        return later

    def recovers(self) -> None:
        """Everybody gets in, by every door, and the server is the one that it was."""
        for way in WAYS:
            self.assertIn_(way, self.ann, self.saved)
            self.assertIn_(way, self.bob, self.bob.fresh())
            self.assertIn_(way, self.eve, self.eve.fresh(), AWAY)

    def test_durable(self) -> None:
        self.assertGreater(self.fares("state"), 0)
        self.recovers()

    def test_volatile(self) -> None:
        self.assertGreater(self.fares("volatile"), 0)
        self.recovers()

    def test_a_code_that_could_not_be_noted_is_good_afterwards_and_only_once(self) -> None:
        self.fill("state")
        fresh = self.bob.fresh()
        said = knock(self.site, DOORS[0], self.bob.name, fresh, HOME)
        self.assertEqual(said, LATER["imap"])
        self.filler("state").unlink()
        self.assertIn_(DOORS[0], self.bob, fresh)
        self.assertEqual(knock(self.site, DOORS[1], self.bob.name, b"x" + fresh, HOME), REFUSED["pop3"])
        self.assertEqual(knock(self.site, DOORS[1], f"nobody@{DOMAIN}", fresh, HOME), REFUSED["pop3"])
