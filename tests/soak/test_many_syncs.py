"""Many mbsync at once, on several accounts and on one: all succeed, nothing is lost, nothing is doubled."""

import shutil
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random

from twisted.trial.unittest import SynchronousTestCase

from tests.peers import clients
from tests.peers.host import Person, shared_host
from tests.peers.mailboxes import Seen, name_of, named, opened, seen
from tests.peers.programs import needs
from tests.soak.kills import FULL, SEED

AT_ONCE = 100 if FULL else 10
THERE = 10
"""Messages that every account has at the beginning."""

NEW = 4
"""Messages that each program brings."""

LETTERS = {"F": "\\Flagged", "R": "\\Answered", "S": "\\Seen"}


class Side:
    """One program's Maildir.  `kept` are its own messages as they are to be in the end."""

    def __init__(self, person: Person, folder: Path, number: int) -> None:
        self.person = person
        self.folder = folder
        self.inbox = clients.maildir(folder / "mail" / "INBOX")
        self.kept: Seen = {}
        at = f"side-{number}.example"
        for n in range(NEW):
            (self.inbox / "new" / f"{n}.side").write_bytes(named(n, at=at).replace(b"\r\n", b"\n"))
            self.kept[f"round-{n}@{at}"] = frozenset()

    def files(self) -> dict[str, Path]:
        found: dict[str, Path] = {}
        for file in (file for part in ("cur", "new") for file in (self.inbox / part).iterdir()):
            name = name_of(file.read_bytes())
            assert name not in found, f"{name} is there twice"
            found[name] = file
        return found

    def seen(self) -> Seen:
        letters = {name: file.name.partition(":2,")[2] for name, file in self.files().items()}
        return {name: frozenset(LETTERS[x] for x in said if x in LETTERS) for name, said in letters.items()}

    def change(self, dice: Random) -> None:
        """One of its own messages gets a flag, another goes."""
        there = self.files()
        flagged, gone = dice.sample(sorted(self.kept), 2)
        letter = dice.choice(sorted(LETTERS))
        base = there[flagged].name.partition(":2,")[0]
        there[flagged].rename(self.inbox / "cur" / f"{base}:2,{letter}")
        self.kept[flagged] = frozenset({LETTERS[letter]})
        there[gone].unlink()
        del self.kept[gone]


@needs("mbsync")
class ManySyncs(SynchronousTestCase):
    timeout = 3600

    def setUp(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="mailtwist-syncs-"))
        self.addCleanup(shutil.rmtree, self.folder)

    def sync(self, sides: list[Side]) -> None:
        """All of them at once."""
        logins = [(side.person.login(), side.folder) for side in sides]
        with ThreadPoolExecutor(len(sides)) as pool:
            done = [pool.submit(clients.mbsync, *one, patience=900) for one in logins]
        for one in done:
            one.result()

    def tried(self, people: list[Person]) -> None:
        dice = Random(SEED)
        sides = [Side(people[n % len(people)], self.folder / f"{n}", n) for n in range(AT_ONCE)]
        self.sync(sides)
        for side in sides:
            side.change(dice)
        self.sync(sides)  # what one changes here another may have fetched before
        self.sync(sides)
        there = {name_of(message): frozenset[str]() for message in map(named, range(THERE))}
        for person in people:
            own = [side for side in sides if side.person is person]
            wanted = there | {name: flags for side in own for name, flags in side.kept.items()}
            with opened(person.login()) as imap:
                self.assertEqual(seen(imap), wanted)
            for side in own:
                self.assertEqual(side.seen(), wanted)

    def person(self, name: str) -> Person:
        person = shared_host().person(name, fill=list(map(named, range(THERE))))
        with opened(person.login()):
            return person  # the string is remembered now

    def test_on_several_accounts(self) -> None:
        self.tried([self.person(f"syncs-{n}") for n in range(AT_ONCE // 5)])

    def test_on_one_account(self) -> None:
        self.tried([self.person("syncs")])
