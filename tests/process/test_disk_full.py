"""No room on the disk: a temporary refusal, nothing half left, nothing lost; with room again all is well."""

import atexit
import contextlib
import os
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path
from unittest import SkipTest

from twisted.trial.unittest import SynchronousTestCase

from tests.process.site import USER, Site
from tests.process.talk import Talker, deliver

SIZE = 8 << 20


def message(number: int, size: int) -> bytes:
    line = b"%064d\r\n" % number
    return b"Subject: %d\r\n\r\n" % number + line * (size // len(line))


@cache
def on_a_small_disk() -> Site:
    """The state folder is a file system of its own; or the test skips."""
    if os.geteuid() != 0:
        raise SkipTest("only root mounts a small file system")
    folder = Path(tempfile.mkdtemp(prefix="mailtwist-disk-"))
    state = folder / "state"
    state.mkdir(mode=0o700)
    mounting = ["mount", "-t", "tmpfs", "-o", f"size={SIZE},mode=0700", "none", str(state)]
    mounted = subprocess.run(mounting, capture_output=True, text=True)
    if mounted.returncode:
        shutil.rmtree(folder)
        raise SkipTest(f"no small file system can be mounted here: {mounted.stderr.strip()}")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    atexit.register(subprocess.run, ["umount", str(state)], check=True)
    site = Site(folder)
    atexit.register(site.end)
    with site.imap(b"INBOX"):
        pass
    return site


class NoRoom(SynchronousTestCase):
    def setUp(self) -> None:
        self.site = on_a_small_disk()
        self.filler = self.site.folder / "state" / "filler"

    def tearDown(self) -> None:
        self.filler.unlink(missing_ok=True)

    def fill(self, but: int = 0) -> None:
        """Nothing is left, but for so many octets."""
        with self.filler.open("wb", buffering=0) as file:
            with contextlib.suppress(OSError):
                while file.write(bytes(4096)):
                    pass
            file.truncate(max(0, file.tell() - but))

    def subjects(self) -> list[bytes]:
        """Of all messages, each of which is whole."""
        with self.site.imap(b"INBOX") as imap:
            found = []
            for line in imap.imap(b"FETCH 1:* BODY.PEEK[]")[:-1]:
                if b"BODY[] {" in line:
                    text = line.partition(b"\r\n")[2]
                    head, _, body = text.rstrip(b")").partition(b"\r\n\r\n")
                    number = int(head.rpartition(b"Subject: ")[2])
                    self.assertEqual(set(body.split()), {b"%064d" % number})
                    found.append(b"%d" % number)
        return sorted(found)

    def nothing_half(self) -> None:
        files = self.site.files()
        self.assertEqual(files["tmp"], [])
        self.assertEqual(files["new"], [])
        self.assertEqual(len(files["cur"]), len(self.subjects()))

    def sent(self, smtp: Talker, number: int, size: int) -> bytes:
        return deliver(smtp, "x@example.net", [USER], message(number, size))

    def test_smtp(self) -> None:
        before = self.subjects()
        with self.site.smtp() as smtp:
            self.assertTrue(self.sent(smtp, 1, 100_000).startswith(b"250 "))
            for room, size in ((200_000, 2_000_000), (40_000, 100_000), (0, 1000)):
                self.fill(room)
                answer = self.sent(smtp, 2, size)
                self.assertTrue(answer.startswith(b"452 4.3.1 "), answer)
                self.filler.unlink()
            self.nothing_half()
            self.assertTrue(self.sent(smtp, 3, 100_000).startswith(b"250 "))
        self.assertEqual(self.subjects(), sorted([*before, b"1", b"3"]))
        self.nothing_half()
        self.site.healthy()

    def test_append(self) -> None:
        before = self.subjects()
        with self.site.imap(b"INBOX") as imap:
            self.assertTrue(imap.imap(b"APPEND INBOX", message(11, 100_000))[-1].startswith(b"OK "))
            for room, size in ((200_000, 2_000_000), (40_000, 100_000), (0, 1000)):
                self.fill(room)
                answer = imap.imap(b"APPEND INBOX", message(12, size))[-1]
                self.assertTrue(answer.startswith(b"NO [UNAVAILABLE] "), answer)
                self.filler.unlink()
            self.nothing_half()
            self.assertTrue(imap.imap(b"APPEND INBOX", message(13, 100_000))[-1].startswith(b"OK "))
        self.assertEqual(self.subjects(), sorted([*before, b"11", b"13"]))
        self.nothing_half()
        self.site.healthy()

    def test_mail_can_be_read_and_removed_without_room(self) -> None:
        with self.site.imap(b"INBOX") as imap:
            for number in range(20, 24):
                imap.imap(b"APPEND INBOX", message(number, 100_000))
            uid = imap.imap(b"APPEND INBOX", message(24, 100_000))[-1].split()[3].rstrip(b"]")
            self.fill()
            self.assertTrue(imap.imap(b"UID FETCH %b BODY.PEEK[]" % uid)[-1].startswith(b"OK "))
        with self.site.imap(b"INBOX") as imap:  # logs in without room
            answers = [
                imap.imap(b"UID STORE %b +FLAGS.SILENT (\\Deleted)" % uid)[-1],
                imap.imap(b"UID EXPUNGE %b" % uid)[-1],
            ]
            self.assertTrue(all(answer.startswith((b"OK ", b"NO [UNAVAILABLE] ")) for answer in answers))
            self.filler.unlink()
            self.assertTrue(imap.imap(b"UID STORE %b +FLAGS.SILENT (\\Deleted)" % uid)[-1].startswith(b"OK "))
            self.assertTrue(imap.imap(b"UID EXPUNGE %b" % uid)[-1].startswith(b"OK "))
        self.assertNotIn(b"24", self.subjects())
        self.nothing_half()

    def test_every_little_room_is_either_enough_or_none(self) -> None:
        """The disk fills up somewhere within a delivery: in the file, in its folder, in the index."""
        before = self.subjects()
        taken, refused = list(before), 0
        with self.site.smtp() as smtp:
            for number in range(100, 140):
                self.fill((number - 100) * 4096)
                answer = self.sent(smtp, number, 20_000)
                self.assertTrue(answer.startswith((b"250 ", b"452 4.3.1 ")), answer)
                self.filler.unlink()
                if answer.startswith(b"250 "):
                    taken.append(b"%d" % number)
                else:
                    refused += 1
        self.assertEqual(self.subjects(), sorted(taken))
        self.assertGreater(len(taken), len(before))
        self.assertGreater(refused, 0)
        self.nothing_half()
        self.site.healthy()
