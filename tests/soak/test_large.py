"""Two hundred thousand messages that were another program's: all that a client does goes on."""

import re
import shutil
import tempfile
from pathlib import Path
from random import Random

from twisted.trial.unittest import SynchronousTestCase

from tests.process.site import USER, Site
from tests.process.talk import Talker, deliver
from tests.soak.kills import FULL, SEED

MANY = 200_000 if FULL else 20_000
SOME = MANY // 10
"""Of them are marked, and as many expunged."""

NEW = b"Subject: the newest\r\n\r\nAmong very many.\r\n"
EACH = 1024
"""Octets of memory that a message may cost the server while its mailbox is open."""

ROOM = 64 << 20
"""Octets for what does not depend on the number."""

UID = re.compile(rb"\* (\d+) FETCH \(UID (\d+) FLAGS \(([^)]*)\)")


def fill(maildir: Path) -> None:
    """Messages as another program leaves them: read ones in cur with their flags, others in new."""
    dice = Random(SEED)
    for number in range(MANY):
        name = f"{1_600_000_000 + number}.M{number}P1.elsewhere"
        draft = maildir / "tmp" / name
        draft.write_bytes(b"Subject: %d\n\n%b\n" % (number, b"x" * dice.randrange(60)))
        draft.rename(maildir / (f"cur/{name}:2,S" if number % 3 else f"new/{name}"))


class LargeMailbox(SynchronousTestCase):
    timeout = 1800

    def setUp(self) -> None:
        folder = Path(tempfile.mkdtemp(prefix="mailtwist-large-"))
        self.addCleanup(shutil.rmtree, folder, ignore_errors=True)
        self.site = Site(folder)
        self.addCleanup(self.site.server.kill)

    def patient(self, mailbox: bytes = b"") -> Talker:
        imap = self.site.imap()
        self.addCleanup(imap.close)
        imap.socket.settimeout(self.timeout)
        if mailbox:
            self.selected(imap, mailbox)
        return imap

    def selected(self, imap: Talker, mailbox: bytes) -> bytes:
        """What SELECT says."""
        answer = imap.imap(b"SELECT " + mailbox)
        self.assertTrue(answer[-1].startswith(b"OK "), answer[-1])
        return b"\r\n".join(answer)

    def listed(self, imap: Talker) -> dict[int, bytes]:
        """Flags by UID; numbers and UIDs ascend without a gap in the numbers."""
        found = [UID.match(line) for line in imap.imap(b"UID FETCH 1:* (FLAGS)")[:-1]]
        rows = [(int(row[1]), int(row[2]), row[3]) for row in found if row is not None]
        self.assertEqual([number for number, _, _ in rows], list(range(1, len(rows) + 1)))
        uids = [uid for _, uid, _ in rows]
        self.assertEqual(uids, sorted(set(uids)))
        return {uid: flags.replace(b" \\Recent", b"").replace(b"\\Recent", b"") for _, uid, flags in rows}

    def done(self, imap: Talker, command: bytes) -> list[bytes]:
        answer = imap.imap(command)
        self.assertTrue(answer[-1].startswith(b"OK "), answer[-1])
        return answer[:-1]

    def test_all_that_a_client_does_goes_on(self) -> None:
        first = self.patient(b"INBOX")
        fill(self.site.maildir)
        grown = self.site.peak_of(lambda: self.done(first, b"NOOP"))
        self.assertLess(grown, MANY * EACH + ROOM)
        there = self.listed(first)
        self.assertEqual(len(there), MANY)
        unread = [uid for uid, flags in there.items() if b"\\Seen" not in flags]
        self.assertEqual(len(unread), len(range(0, MANY, 3)))
        (found,) = self.done(first, b"UID SEARCH UNSEEN")
        self.assertEqual(list(map(int, found.split()[2:])), unread)

        second = self.patient(b"INBOX")
        chosen = sorted(Random(SEED).sample(sorted(there), SOME))
        spans = b"%d:%d" % (chosen[0], chosen[SOME // 2])
        marked = [uid for uid in there if chosen[0] <= uid <= chosen[SOME // 2]]
        self.done(first, b"UID STORE %b +FLAGS.SILENT (\\Flagged)" % spans)
        for uid in chosen:
            there[uid] += b" \\Deleted"
        for start in range(0, SOME, 1000):
            uids = b",".join(b"%d" % uid for uid in chosen[start : start + 1000])
            self.done(first, b"UID STORE %b +FLAGS.SILENT (\\Deleted)" % uids)
        gone = self.done(first, b"EXPUNGE")
        self.assertEqual(sum(line.endswith(b" EXPUNGE") for line in gone), SOME)
        with self.site.smtp() as smtp:
            self.assertTrue(deliver(smtp, "x@example.net", [USER], NEW).startswith(b"250 "))
        self.done(second, b"NOOP")
        left = self.listed(second)
        (newest,) = set(left) - set(there)
        self.assertEqual(set(left) - {newest}, set(there) - set(chosen))
        self.assertTrue(all(b"\\Flagged" in left[uid] for uid in marked if uid in left))
        self.assertEqual(sum(b"\\Flagged" in flags for flags in left.values()), len(set(marked) & set(left)))

        validity = re.search(rb"UIDVALIDITY (\d+)", self.selected(second, b"INBOX"))
        self.site.server.stop()
        self.site.server.start()
        again = self.patient()
        told = self.selected(again, b"INBOX")
        assert validity is not None
        self.assertIn(validity[0], told)
        self.assertEqual(self.listed(again), left)
        text = b"".join(self.done(again, b"UID FETCH %d BODY.PEEK[TEXT]" % newest))
        self.assertIn(b"Among very many.", text)
        self.assertIn("0 problems", self.site.server.command("store", "verify", USER))
        self.site.healthy()
