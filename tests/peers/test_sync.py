"""Programs keep two sides in step for ten rounds, each longer than a code's life, on one saved string."""

import imaplib
import ssl
from collections.abc import Callable
from pathlib import Path
from random import Random

from twisted.trial.unittest import SynchronousTestCase

from tests.peers import clients
from tests.peers.host import shared_host
from tests.peers.mailboxes import name_of, named
from tests.peers.programs import needs

Side = dict[str, frozenset[str]]
LETTERS = {"S": "\\Seen", "R": "\\Answered", "F": "\\Flagged"}


def files(folder: Path) -> list[Path]:
    return sorted(file for part in ("cur", "new") for file in (folder / part).iterdir())


def near_side(folder: Path) -> Side:
    found = {}
    for file in files(folder):
        letters = file.name.partition(":2,")[2]
        found[name_of(file.read_bytes())] = frozenset(LETTERS[x] for x in letters if x in LETTERS)
    return found


def change_near(folder: Path, dice: Random) -> None:
    """One message flagged, another deleted, as a program that reads Maildirs does."""
    file = dice.choice(files(folder))
    base, _, letters = file.name.partition(":2,")
    file.rename(folder / "cur" / f"{base}:2,{''.join(sorted(set(letters) | {'F'}))}")
    dice.choice(files(folder)).unlink()


class Far:
    """The mailbox on the server, by another program that has it open."""

    def __init__(self, login: clients.Login, test: SynchronousTestCase) -> None:
        tls = ssl.create_default_context(cafile=str(login.certificate))
        self._imap = imaplib.IMAP4_SSL("localhost", login.ports["imaps"], ssl_context=tls)
        test.addCleanup(self._imap.shutdown)
        self._imap.login(login.user, login.secret)
        self._made = 0

    def change(self, dice: Random) -> None:
        """Four new messages, three flags, one message gone."""
        imap = self._imap
        for _ in range(4):
            imap.append("INBOX", "", None, named(self._made))
            self._made += 1
        imap.select("INBOX")
        _, answer = imap.uid("SEARCH", "ALL")
        uids = [uid.decode() for uid in answer[0].split()]
        for uid in dice.sample(uids, 3):
            imap.uid("STORE", uid, "+FLAGS", dice.choice(list(LETTERS.values())))
        imap.uid("STORE", dice.choice(uids), "+FLAGS", "\\Deleted")
        imap.expunge()

    def side(self) -> Side:
        self._imap.select("INBOX")
        _, answer = self._imap.fetch("1:*", "(FLAGS BODY.PEEK[HEADER.FIELDS (MESSAGE-ID)])")
        found = {}
        for item in answer:
            if isinstance(item, tuple):
                flags = {flag.decode() for flag in imaplib.ParseFlags(item[0])}
                found[name_of(item[1])] = frozenset(flags & set(LETTERS.values()))
        return found


class Rounds(SynchronousTestCase):
    """What the tests of one program share."""

    timeout = 600

    def rounds(self, count: int, name: str, sync: Callable[[clients.Login, Path], Path]) -> None:
        host = shared_host()
        login = host.person(name).login()
        folder = Path(self.mktemp()).resolve()
        near = folder / "mail" / "INBOX"
        dice = Random(31)
        far = Far(login, self)
        for _ in range(count):
            far.change(dice)
            if near.exists():
                change_near(near, dice)
            sync(login, folder)
            self.assertEqual(near_side(near), far.side())
            host.advance(32)
        self.assertGreater(len(far.side()), count)


@needs("offlineimap")
class OfflineimapTests(Rounds):
    def test_ten_rounds_both_ways_with_one_saved_code(self) -> None:
        self.rounds(10, "offline-sync", clients.offlineimap)


@needs("mbsync")
class MbsyncTests(Rounds):
    def test_ten_rounds_both_ways_with_one_saved_code(self) -> None:
        self.rounds(10, "sync", clients.mbsync)

    def test_a_big_mailbox_goes_both_ways(self) -> None:
        host = shared_host()
        person = host.person("both-ways", fill=[named(n) for n in range(60)])
        folder = Path(self.mktemp()).resolve()
        near = clients.mbsync(person.login(), folder)
        for n in range(60, 120):
            (near / "new" / f"{n}.near.example").write_bytes(named(n).replace(b"\r\n", b"\n"))
        clients.mbsync(person.login(), folder)
        other = clients.mbsync(person.login(), Path(self.mktemp()).resolve())
        self.assertEqual(near_side(other).keys(), near_side(near).keys())
        self.assertEqual(len(near_side(other)), 120)
