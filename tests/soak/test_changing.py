"""Killed while flags change and messages are copied, moved and expunged: what was answered stays so."""

import random
from collections import Counter
from dataclasses import dataclass, field

from twisted.trial.unittest import SynchronousTestCase

from tests.process.site import Site
from tests.process.talk import Talker
from tests.soak.kills import CLIENTS, SEED, Kills, Uids, contents, killed_site, message, number_in

FLAGS = (b"\\Flagged", b"\\Seen", b"\\Answered", b"$Forwarded", b"Mine")
EACH = 12
"""Messages that a client has, at least, to work with."""


@dataclass
class Known:
    """What may be true of one message: one thing, but for what was asked and not answered."""

    number: int
    flags: dict[bytes, set[bool]] = field(default_factory=lambda: {flag: {False} for flag in FLAGS})
    there: set[bool] = field(default_factory=lambda: {True})
    moving: bool = False


class Client:
    """Works on messages of its own in INBOX, and knows what is true of them."""

    def __init__(self, kills: Kills, uids: Uids, name: int) -> None:
        self.mine: dict[int, Known] = {}
        self.copies: Counter[int] = Counter()
        """In Archive, for sure."""
        self.maybe: Counter[int] = Counter()
        """Copies that were not answered."""
        self.gone: set[int] = set()
        """Not in INBOX any more, for ever."""
        self.done = 0
        self._kills = kills
        self._uids = uids
        self._by = random.Random(f"{SEED} changing {name}")

    def work(self) -> None:
        with self._kills.site.imap(b"INBOX") as imap:
            self.look(imap)
            while self._kills.on():
                self._append(imap) if len(self.mine) < EACH else self._change(imap)
                self.done += 1

    # -- what is true
    def look(self, imap: Talker) -> None:
        """What is seen is one of the things that can be, and stays."""
        if self.mine:
            numbers = b",".join(b"%d" % uid for uid in self.mine)
            seen = {}
            for line in self._ok(imap.imap(b"UID FETCH %b FLAGS" % numbers)):
                if b" FETCH (" in line and b"UID " in line:
                    seen[number_in(line, b"UID ")] = set(line.partition(b"FLAGS (")[2].split(b")")[0].split())
            for uid, known in list(self.mine.items()):
                self._compare(uid, known, seen.get(uid))

    def _compare(self, uid: int, known: Known, flags: set[bytes] | None) -> None:
        there = flags is not None
        assert there in known.there, f"{uid} ({known}): there = {there}"
        if flags is None:
            self.copies[known.number] += known.moving
            self._is_gone(uid)
            return
        known.there, known.moving = {True}, False
        for flag, may in known.flags.items():
            assert (flag in flags) in may, f"{uid} ({known}) has {flags}"
            known.flags[flag] = {flag in flags}

    def _ok(self, answer: list[bytes]) -> list[bytes]:
        assert answer[-1].startswith(b"OK "), answer
        return answer

    # -- what changes
    def _append(self, imap: Talker) -> None:
        number = next(self._kills.numbers)
        code = self._ok(imap.imap(b"APPEND INBOX", message(number)))[-1]
        validity = number_in(code, b"APPENDUID ")
        uid = number_in(code, b"APPENDUID %d " % validity)
        self._uids.see(b"INBOX", validity, uid, number)
        self.mine[uid] = Known(number)

    def _change(self, imap: Talker) -> None:
        uid, known = self._by.choice(list(self.mine.items()))
        kinds = (self._flag, self._flag, self._flag, self._copy, self._move, self._expunge)
        self._by.choice(kinds)(imap, uid, known)

    def _flag(self, imap: Talker, uid: int, known: Known) -> None:
        flag, value = self._by.choice(FLAGS), self._by.random() < 0.5
        known.flags[flag] = known.flags[flag] | {value}
        sign = b"+" if value else b"-"
        self._ok(imap.imap(b"UID STORE %d %bFLAGS.SILENT (%b)" % (uid, sign, flag)))
        known.flags[flag] = {value}

    def _copy(self, imap: Talker, uid: int, known: Known) -> None:
        self.maybe[known.number] += 1
        code = self._ok(imap.imap(b"UID COPY %d Archive" % uid))[-1]
        self.maybe[known.number] -= 1
        self.copies[known.number] += 1
        self._copied(code, known)

    def _move(self, imap: Talker, uid: int, known: Known) -> None:
        known.there, known.moving = {True, False}, True
        answer = self._ok(imap.imap(b"UID MOVE %d Archive" % uid))
        self.copies[known.number] += 1
        self._is_gone(uid)
        self._copied(next(line for line in answer if b"COPYUID" in line), known)

    def _copied(self, line: bytes, known: Known) -> None:
        validity, _, new = line.partition(b"COPYUID ")[2].split(b"]")[0].split()
        self._uids.see(b"Archive", int(validity), int(new), known.number)

    def _expunge(self, imap: Talker, uid: int, known: Known) -> None:
        self._ok(imap.imap(b"UID STORE %d +FLAGS.SILENT (\\Deleted)" % uid))
        known.there = {True, False}
        self._ok(imap.imap(b"UID EXPUNGE %d" % uid))
        self._is_gone(uid)

    def _is_gone(self, uid: int) -> None:
        self.gone.add(self.mine.pop(uid).number)


class Changing(SynchronousTestCase):
    def test_flags_copies_moves_and_expunging(self) -> None:
        with killed_site("changing") as site:
            kills, uids = Kills(site, "changing"), Uids()
            clients = [Client(kills, uids, name) for name in range(CLIENTS)]
            kills.go([client.work for client in clients], lambda: None)
            for client in clients:
                with site.imap(b"INBOX") as imap:
                    client.look(imap)
            self.inbox_is_theirs(site, uids, clients)
            self.archive_is_theirs(site, uids, clients)
            self.assertGreater(sum(client.done for client in clients), 100)

    def inbox_is_theirs(self, site: Site, uids: Uids, clients: list[Client]) -> None:
        """Nothing is there that was expunged or moved; what an APPEND left that was not answered is whole."""
        there = contents(site, b"INBOX", uids)
        expected = {uid: known.number for client in clients for uid, known in client.mine.items()}
        self.assertEqual({uid: there.get(uid) for uid in expected}, expected)
        gone = {number for client in clients for number in client.gone}
        self.assertEqual(gone & set(there.values()), set())

    def archive_is_theirs(self, site: Site, uids: Uids, clients: list[Client]) -> None:
        there = Counter(contents(site, b"Archive", uids).values())
        for client in clients:
            for number in client.copies.keys() | client.maybe.keys():
                least = client.copies[number]
                self.assertIn(there.pop(number, 0), range(least, least + client.maybe[number] + 1), number)
        self.assertEqual(there, Counter(), "nobody copied these")
