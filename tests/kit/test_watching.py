"""What is done to files is heard at once."""

import os
from pathlib import Path
from unittest import skipUnless

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from mailtwist.kit import watching
from mailtwist.kit.watching import CREATED, DELETED, MODIFIED, MOVED_TO, NO_MORE, OVERFLOW, Watching


@skipUnless(watching._libc, "there is no inotify here")
class WatchingTests(TestCase):
    timeout = 30

    def setUp(self):
        self.folder = Path(self.mktemp())
        self.folder.mkdir()
        self.watching = Watching()
        self.watching.start(reactor)
        self.addCleanup(self.watching.stop)

    def heard(self, path=None, events=CREATED | DELETED | MOVED_TO | MODIFIED):
        """A call that gives the sum of what is heard next."""
        waiting = []

        def told(happened):
            waiting.pop(0).callback(happened)

        end = self.watching.watch(path or self.folder, events, lambda events: waiting and told(events))

        def next_one():
            waiting.append(Deferred())
            return waiting[-1]

        return next_one, end

    async def test_what_happens_in_a_folder_is_heard(self):
        heard, _ = self.heard()
        (self.folder / "one").write_bytes(b"")
        self.assertEqual(await heard(), CREATED)
        os.rename(self.folder / "one", self.folder / "two\n\xff")
        self.assertEqual(await heard(), MOVED_TO)
        (self.folder / "two\n\xff").unlink()
        self.assertEqual(await heard(), DELETED)

    async def test_many_things_are_heard_once(self):
        calls = []
        self.watching.watch(self.folder, CREATED | DELETED, calls.append)
        heard, _ = self.heard(events=CREATED)
        for number in range(100):
            (self.folder / str(number)).write_bytes(b"")
        (self.folder / "1").unlink()
        self.assertEqual(await heard(), CREATED | DELETED)
        self.assertEqual(calls, [CREATED | DELETED])

    async def test_two_who_watch_the_same_are_both_told_until_they_have_enough(self):
        first, second = [], []
        end = self.watching.watch(self.folder, CREATED, first.append)
        self.watching.watch(self.folder, CREATED, second.append)
        heard, _ = self.heard()
        (self.folder / "one").write_bytes(b"")
        await heard()
        end()
        end()
        (self.folder / "two").write_bytes(b"")
        await heard()
        self.assertEqual((len(first), len(second)), (1, 2))

    async def test_a_folder_that_goes_is_heard_of_and_harms_no_other(self):
        below = self.folder / "below"
        below.mkdir()
        gone, end = self.heard(below)
        heard, _ = self.heard(self.folder, DELETED)
        below.rmdir()
        self.assertTrue((await gone()) & NO_MORE)
        end()
        self.assertEqual((await heard()) & DELETED, DELETED)
        (self.folder / "one").write_bytes(b"")
        (self.folder / "one").unlink()
        self.assertEqual(await heard(), DELETED)

    def test_what_was_missed_is_told_to_all(self):
        first, second = [], []
        below = self.folder / "below"
        below.mkdir()
        self.watching.watch(self.folder, DELETED, first.append)
        self.watching.watch(below, DELETED, second.append)
        missed = watching._HEADER.pack(-1, OVERFLOW, 0, 0)
        self.patch(watching.os, "read", lambda fd, count: missed)
        self.watching.doRead()
        self.assertEqual((first, second), ([OVERFLOW], [OVERFLOW]))

    def test_what_is_not_there_cannot_be_watched(self):
        self.assertIsNone(self.watching.watch(self.folder / "nowhere", CREATED, print))

    def test_when_there_are_no_more_watches_it_is_said_once(self):
        class Full:
            def inotify_add_watch(self, *args):
                watching.ctypes.set_errno(28)
                return -1

        told = []
        self.patch(watching, "_libc", Full())
        self.patch(
            watching, "NOT_WATCHED", type("Told", (), {"log": staticmethod(lambda **kw: told.append(kw))})
        )
        for _ in range(3):
            self.assertIsNone(self.watching.watch(self.folder, CREATED, print))
        self.assertEqual([one["path"] for one in told], [str(self.folder)])

    def test_before_it_begins_and_after_it_has_ended_nothing_is_watched(self):
        self.watching.stop()
        self.assertIsNone(self.watching.watch(self.folder, CREATED, print))
        self.assertIsNone(Watching().watch(self.folder, CREATED, print))


class NowhereTests(TestCase):
    def test_where_there_is_no_inotify_nothing_is_watched(self):
        self.patch(watching, "_libc", None)
        nobody = Watching()
        nobody.start(reactor)
        self.assertIsNone(nobody.watch(Path("."), CREATED, print))
        nobody.stop()
