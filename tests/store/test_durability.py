"""A real process, watched by strace: what it says is stored was on the disk before."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from unittest import SkipTest

from twisted.trial.unittest import SynchronousTestCase

CHILD = """
import sys
from pathlib import Path

from mailtwist.kit.spawn import spawn
from mailtwist.store.maildir import MaildirStore
from mailtwist.testing.threads import AtOnce


async def store():
    account = await MaildirStore(Path(sys.argv[1]), AtOnce()).account("ann")
    for octets in (b"small", b"x" * 700_000, b"three", b"x" * 3_000_000):
        upload = account.upload("INBOX")
        await upload.write(octets)
        await upload.prepare()
        stored = await upload.commit()
        print(f"stored {stored.uid}", flush=True)


spawn(store(), "storing")
"""
CALLS = "openat,write,fsync,fdatasync,rename,renameat,renameat2,link,linkat,close"
_OPENED = re.compile(r'openat\(AT_FDCWD, "([^"]+)".* = (\d+)$')
_ON_FD = re.compile(r"(write|fsync|fdatasync|close)\((\d+)")
_RENAMED = re.compile(r'rename(?:at2?)?\((?:AT_FDCWD, )?"([^"]+)", (?:AT_FDCWD, )?"([^"]+)"')


class Watched:
    """What strace saw, as (call, path) in order; each sync is `fsync`, the answer a write to `stored`."""

    def __init__(self, lines):
        self.done = []
        self._open = {1: "stdout"}
        for line in lines:
            self._see(re.sub(r"\A\d+ +", "", line))

    def _see(self, call):
        if opened := _OPENED.match(call):
            self._open[int(opened[2])] = opened[1]
        elif renamed := _RENAMED.match(call):
            self.done.append(("rename", renamed[2]))
        elif on_fd := _ON_FD.match(call):
            path = self._open.get(int(on_fd[2]), "?")
            answer = path == "stdout" and '"stored ' in call
            self.done.append((on_fd[1].replace("fdata", "f"), "stored" if answer else path))

    def when(self, call, ending, after=0):
        """All times that it is done to a path with this end."""
        found = [
            number
            for number, (name, path) in enumerate(self.done[after:], after)
            if name == call and re.search(ending + r"\Z", path)
        ]
        if not found:
            raise AssertionError(f"no {call} of {ending} after {after} in {self.done}")
        return found


class DurabilityTests(SynchronousTestCase):
    def watched(self):
        strace = shutil.which("strace")
        if strace is None:
            if os.environ.get("CI") == "true":
                self.fail("strace is not installed")
            raise SkipTest("strace is not installed")
        folder, trace = Path(self.mktemp()).absolute(), Path(self.mktemp()).absolute()
        watch = [strace, "-f", "-s", "300", "-o", trace, "-e", f"trace={CALLS}"]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
        done = subprocess.run(
            [*watch, sys.executable, "-c", CHILD, folder],
            capture_output=True,
            text=True,
            env=environment,
            timeout=100,
        )
        self.assertEqual(
            (done.stdout, done.returncode), ("stored 1\nstored 2\nstored 3\nstored 4\n", 0), done.stderr
        )
        return Watched(trace.read_text().splitlines())

    def test_what_is_answered_was_on_the_disk_before(self):
        watched, answered = self.watched(), 0
        for uid in (1, 2, 3, 4):
            begin = answered
            answered = watched.when("write", "stored", begin)[0]
            named = watched.when("rename", rf"/cur/[^/]*\.{uid}:2,", begin)[0]
            written = [
                number for number in watched.when("write", "/ann/tmp/[^/]+", begin) if number < answered
            ]
            synced = [
                number for number in watched.when("fsync", "/ann/tmp/[^/]+", begin) if number < answered
            ]
            folder = watched.when("fsync", "/ann/cur", named)[0]
            order = [written[-1], synced[-1], named, folder, answered]
            if uid == 1:  # that the index may be behind the files from now on
                order.insert(2, watched.when("fsync", "/mailtwist-index-wal", synced[-1])[0])
            self.assertEqual(order, sorted(order))
            answered += 1
