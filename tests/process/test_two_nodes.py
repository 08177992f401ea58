"""Two servers with a state folder each that share what decides logins: what one does counts at both."""

import atexit
import json
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from mailtwist.kit.ids import new_id
from mailtwist.testing.server import RunningServer
from tests.peers.programs import needs
from tests.process.knock import LATER, REFUSED, good, imap_login, knock, smtp_login
from tests.process.site import eventually
from tests.process.talk import Gone, Talker
from tests.process.watched import INI, Known, Watched, limits
from tests.state.redis_server import shared_server

HOME, AWAY, BANNED = "127.70.0.1", "127.71.0.1", "127.73.0.1"
SOON = 10.0  # seconds; the manual says one, and this machine may be busy
ALLOWED = 4


@dataclass
class Nodes:
    here: Watched
    there: Watched
    people: Iterator[Known]
    """Each test takes its own."""


@cache
def nodes(kind: str) -> Nodes:
    """As the manual says: both halves are shared, and the keys are brought there before it starts for the
    first time.  They end with the tests."""
    folder = Path(tempfile.mkdtemp(prefix="mailtwist-nodes-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    shared = folder / "shared"
    shared.mkdir(mode=0o700)
    lasting = f"[state:lasting]\ntype = sqlite\npath = {shared / 'durable.sqlite'}"
    volatile = f"type = sqlite_volatile\npath = {shared / 'volatile.sqlite'}"
    if kind == "redis":
        volatile = f"type = redis\nurl = redis://127.0.0.1:{shared_server().port}\nprefix = {new_id()}"
    sections = f"\n{lasting}\n[state:between]\n{volatile}\n"
    people = {f"p{number}": b"the pass word of %d" % number for number in range(6)}
    here = Watched(folder / "here", people, own=str(ALLOWED), more=sections)
    atexit.register(here.end)
    there = _beside(here, folder / "there", sections)
    atexit.register(there.end)
    return Nodes(here, there, iter(here.people.values()))


def _beside(here: Watched, folder: Path, sections: str) -> Watched:
    backup = here.folder / "keys.json"
    here.server.command("keys", "backup", str(backup))
    (folder / "state").mkdir(parents=True)
    for file in (here.folder / "state").glob("*.sqlite*"):  # its people
        shutil.copy(file, folder / "state")
    ini = INI.format(server="", login="", limits=limits(str(ALLOWED))) + sections
    RunningServer(folder, ini).command("keys", "restore", str(backup))
    return Watched(folder, {}, own=str(ALLOWED), more=sections)


class Shared:
    """Mix into a trial `SynchronousTestCase` with `kind`."""

    timeout = 180
    kind = "sqlite"

    def setUp(self) -> None:
        found = nodes(self.kind)
        self.here, self.there = found.here, found.there
        self.ann = next(found.people)
        for node in (self.here, self.there):
            self.addCleanup(node.healthy)

    def says(self, at: Watched, who: Known, secret: bytes, source: str = HOME) -> bytes:
        return knock(at, smtp_login, who.name, secret, source)

    def gets_in(self, at: Watched, who: Known, secret: bytes, source: str = HOME) -> bool:
        return good(smtp_login, self.says(at, who, secret, source))

    def fresh(self, who: Known) -> bytes:
        self.there.advance(30)
        return who.fresh()

    def session(self, at: Watched, who: Known, secret: bytes) -> Talker:
        """Logged in, and idle."""
        talker = Talker(at.server.port("imaps"), tls=True, source=HOME)
        self.addCleanup(talker.close)
        self.assertTrue(good(imap_login, imap_login(talker, who.name.encode(), secret)))
        return talker

    def ends(self, talker: Talker) -> None:
        talker.socket.settimeout(SOON)
        try:
            while True:
                talker.more()
        except (Gone, ConnectionError):
            pass

    def listed(self, at: Watched, *words: str) -> Sequence[dict[str, str]]:
        found: Sequence[dict[str, str]] = json.loads(at.server.command(*words, "--json"))
        return found

    # -- what counts everywhere
    def test_a_device_works_and_ends_everywhere(self) -> None:
        saved = self.fresh(self.ann)
        self.assertTrue(self.gets_in(self.here, self.ann, saved))
        self.assertTrue(self.gets_in(self.there, self.ann, saved))
        sessions = [self.session(at, self.ann, saved) for at in (self.here, self.there)]
        other = next(nodes(self.kind).people)
        bob = self.session(self.there, other, self.fresh(other))
        (device,) = self.listed(self.here, "device", "list", self.ann.name)
        self.here.server.command("device", "revoke", self.ann.name, device["id"])
        for session in sessions:
            self.ends(session)
        for at in (self.here, self.there):
            self.assertEqual(self.says(at, self.ann, saved), REFUSED["smtp"])
        bob.send(b"b NOOP\r\n")
        self.assertTrue(bob.line().startswith(b"b OK "))

    def test_a_code_that_was_used_at_one_is_used_at_the_other(self) -> None:
        secret = self.fresh(self.ann)
        self.assertTrue(self.gets_in(self.here, self.ann, secret))
        code = secret.rpartition(b"@")[2]
        for at, source in ((self.there, HOME), (self.here, AWAY), (self.there, AWAY)):
            self.assertEqual(self.says(at, self.ann, b"other@" + code, source), REFUSED["smtp"])
        asked = [one["what"] for one in [*self.here.asked(), *self.there.asked()]]
        self.assertNotIn(b"other", asked)

    def test_guesses_at_both_are_one_budget_and_a_lift_counts_at_both(self) -> None:
        wrong = self.ann.wrong(4 * ALLOWED)
        said = [
            self.says((self.here, self.there)[n % 2], self.ann, secret, f"127.72.{n}.1")
            for n, secret in enumerate(wrong)
        ]
        self.assertEqual(said, [REFUSED["smtp"]] * ALLOWED + [LATER["smtp"]] * 3 * ALLOWED)
        other = next(nodes(self.kind).people)
        self.assertTrue(self.gets_in(self.there, other, self.fresh(other)))
        self.here.server.command("ban", "lift", self.ann.name)
        secret = self.fresh(self.ann)
        self.assertTrue(eventually(lambda: self.gets_in(self.there, self.ann, secret), SOON))

    def test_a_ban_at_one_keeps_out_at_the_other(self) -> None:
        saved = self.fresh(self.ann)
        self.assertTrue(self.gets_in(self.there, self.ann, saved, BANNED))
        self.here.server.command("ban", "add", "127.73.0.0/24", "--for", "1h", "--reason", "a test")
        for at in (self.here, self.there):
            self.assertTrue(
                eventually(lambda at=at: self.says(at, self.ann, saved, BANNED) == LATER["smtp"], SOON)
            )
        self.there.server.command("ban", "lift", "127.73.0.0/24")
        for at in (self.here, self.there):
            self.assertTrue(eventually(lambda at=at: self.gets_in(at, self.ann, saved, BANNED), SOON))


class SqliteTests(Shared, SynchronousTestCase):
    pass


@needs("redis-server")
class RedisTests(Shared, SynchronousTestCase):
    kind = "redis"
