"""Killed as it asks the kernel for the first, second, third thing of one change: all of it, or nothing."""

import random
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.peers.programs import needs
from tests.process.site import USER, Site
from tests.process.talk import Gone, Talker, deliver
from tests.process.trace import Attached, watched
from tests.soak.kills import FULL, SEED, Uids, contents, message

CALLS = ("write", "pwrite64", "fsync", "fdatasync", "rename", "link", "unlink")
MOMENTS = 1000 if FULL else 3
"""Of one change, chosen by `SEED` when there are more."""

SMALL = [number for number in range(1, 3000) if len(message(number)) < 5000]
BIG = [number for number in range(1, 3000) if len(message(number)) > 256 << 10]


@needs("strace")
class EveryMoment(SynchronousTestCase):
    def setUp(self) -> None:
        folder = Path(tempfile.mkdtemp(prefix="mailtwist-moment-"))
        self.addCleanup(shutil.rmtree, folder, ignore_errors=True)
        self.site = Site(folder, server="threads = 1")  # strace counts the calls of each thread
        self.addCleanup(self.site.server.kill)
        self.uids = Uids()
        self.small, self.big = iter(SMALL), iter(BIG)
        with self.site.imap(b"INBOX"):
            pass

    def at_every_moment(self, prepare: Callable[[], "Change"]) -> None:
        """`prepare` makes a change that is ready to be asked for."""
        first = prepare()
        calls = watched(self.site.server.pid, Path(self.mktemp()), lambda: first.asked(self))
        first.is_whole(self)
        counts = Counter(call.name for call in calls if call.name in CALLS and "/state/mail/" in call.words)
        moments = [(name, number) for name in CALLS for number in range(1, counts[name] + 1)]
        self.assertGreater(len(moments), 3)
        by = random.Random(f"{SEED} {self.id()}")
        killed = 0
        for name, number in sorted(by.sample(moments, min(MOMENTS, len(moments)))):
            killed += self.killed_at(prepare(), name, number)
        self.assertGreater(killed, 0)

    def killed_at(self, change: "Change", name: str, number: int) -> bool:
        fault = f"inject={name}:signal=KILL:when={number}"
        server = self.site.server
        tracer = Attached(server.pid, Path(self.mktemp()), name, ["-e", fault])
        try:
            change.asked(self)
        except (OSError, Gone):
            pass
        died = not change.answered
        server.kill()
        tracer.end()
        server.start()
        change.is_whole(self)
        if FULL:  # what comes back only later is seen too
            server.kill()
            server.start()
            change.is_whole(self)
        return died

    def there(self, mailbox: bytes, number: int) -> int:
        return Counter(contents(self.site, mailbox, self.uids).values())[number]

    def in_inbox(self, imap: Talker) -> tuple[int, bytes]:
        """A message that was put there: its number and UID."""
        number = next(self.small)
        answer = imap.imap(b"APPEND INBOX", message(number))[-1]
        self.assertTrue(answer.startswith(b"OK "), answer)
        return number, answer.split()[3].rstrip(b"]")

    def test_delivery(self) -> None:
        self.at_every_moment(lambda: Delivery(self.site.smtp(), next(self.small)))

    def test_delivery_of_a_big_message(self) -> None:
        self.at_every_moment(lambda: Delivery(self.site.smtp(), next(self.big)))

    def test_append(self) -> None:
        self.at_every_moment(lambda: Append(self.site.imap(b"INBOX"), next(self.small)))

    def test_expunge(self) -> None:
        def prepare() -> Change:
            imap = self.site.imap(b"INBOX")
            number, uid = self.in_inbox(imap)
            imap.imap(b"UID STORE %b +FLAGS.SILENT (\\Deleted)" % uid)
            return Expunge(imap, number, b"UID EXPUNGE " + uid)

        self.at_every_moment(prepare)

    def test_move(self) -> None:
        def prepare() -> Change:
            imap = self.site.imap(b"INBOX")
            number, uid = self.in_inbox(imap)
            return Move(imap, number, b"UID MOVE %b Archive" % uid)

        self.at_every_moment(prepare)


class Change:
    """Of the message `number`, by `talker`."""

    def __init__(self, talker: Talker, number: int, command: bytes = b"") -> None:
        self.talker = talker
        self.number = number
        self.command = command
        self.answered = False

    def asked(self, test: EveryMoment) -> None:
        """It is done, and `answered`; or the server has gone."""
        with self.talker:
            answer = self.ask()
            test.assertTrue(answer.startswith((b"250 ", b"OK ")), answer)
            self.answered = True

    def ask(self) -> bytes:
        return self.talker.imap(self.command)[-1]

    def is_whole(self, test: EveryMoment) -> None:
        raise NotImplementedError


class Delivery(Change):
    def ask(self) -> bytes:
        return deliver(self.talker, "x@example.net", [USER], message(self.number))

    def is_whole(self, test: EveryMoment) -> None:
        test.assertIn(test.there(b"INBOX", self.number), {1} if self.answered else {0, 1})


class Append(Delivery):
    def ask(self) -> bytes:
        return self.talker.imap(b"APPEND INBOX", message(self.number))[-1]


class Expunge(Change):
    before = 1

    def is_whole(self, test: EveryMoment) -> None:
        """Once gone it stays gone."""
        there = test.there(b"INBOX", self.number)
        test.assertIn(there, {0} if self.answered else {0, self.before})
        self.before = there


class Move(Change):
    def is_whole(self, test: EveryMoment) -> None:
        inbox, archive = test.there(b"INBOX", self.number), test.there(b"Archive", self.number)
        test.assertIn((inbox, archive), {(0, 1)} if self.answered else {(0, 1), (1, 0)})
        self.answered = self.answered or archive == 1
