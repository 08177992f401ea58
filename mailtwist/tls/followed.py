"""Files that others write when they like: read again when they have changed and are quiet."""

import contextlib
import os
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall

from mailtwist.kit.clock import Clock
from mailtwist.kit.spawn import spawn
from mailtwist.kit.threads import Threads
from mailtwist.kit.watching import CLOSED, CREATED, DELETED, MODIFIED, MOVED_FROM, MOVED_TO, NO_MORE, Watching

QUIET = 1.0
"""Seconds without a change after which files are looked at."""
AT_MOST = 15.0
"""Seconds after the first change of many, when they are looked at all the same."""
PATIENCE = 10.0
"""Seconds for somebody who has written half of it: a certificate, and its key not yet."""
LOOK_EVERY = 300.0
"""Seconds after which a change is found that was not heard."""
LINKS = 40
"""As many as the kernel follows."""

ANYTHING = MODIFIED | CLOSED | MOVED_FROM | MOVED_TO | CREATED | DELETED
Files = tuple[object, ...]
Folders = dict[Path, int]


class Followed:
    """`read` is called after one of `paths` has changed.  It answers False when that is no good yet; then it
    is called again after a while, and when nothing has changed by then, with True: it is good, or it is not.
    `looked` is called every few minutes, whatever has changed."""

    def __init__(
        self,
        paths: Sequence[Path],
        clock: Clock,
        threads: Threads,
        read: Callable[[bool], Awaitable[bool]],
        looked: Callable[[], object],
    ) -> None:
        self._paths = paths
        self._clock = clock
        self._threads = threads
        self._read = read
        self._looked = looked
        self._watching = Watching()
        self._watched: dict[Path, tuple[int, Callable[[], None]]] = {}
        self._known: Files = ()
        self._doubted: Files | None = None
        self._stirred: float | None = None
        self._quiet: IDelayedCall | None = None
        self._next: IDelayedCall | None = None
        self._looking: Deferred[object] | None = None
        self._more = False
        self._running = False

    async def start(self, reactor: Any) -> None:
        """What is changed from now on is heard."""
        self._running = True
        self._watching.start(reactor)
        await self.seen()
        self._look_later()

    def stop(self) -> None:
        self._running = False
        self._watching.stop()
        self._watched.clear()
        for timer in (self._quiet, self._next):
            if timer is not None and timer.active():
                timer.cancel()
        if self._looking is not None:
            self._looking.cancel()

    async def seen(self) -> None:
        """As they are now they are known: somebody is about to read them."""
        self._known, folders = await self._threads.run(state_of, self._paths)
        self._doubted = None
        self._watch(folders)

    # -- hearing
    def _watch(self, folders: Folders) -> None:
        """A folder that was exchanged for another one is watched anew."""
        for folder, number in folders.items():
            known, end = self._watched.get(folder, (0, _nothing))
            if known == number:
                continue
            end()
            self._watched.pop(folder, None)
            if ends := self._watching.watch(folder, ANYTHING, partial(self._heard, folder)):
                self._watched[folder] = number, ends

    def _heard(self, folder: Path, events: int) -> None:
        if events & NO_MORE:
            self._watched.pop(folder, None)
        if self._stirred is None:
            self._stirred = self._clock.seconds()
        self._look_in(min(QUIET, max(0.0, self._stirred + AT_MOST - self._clock.seconds())))

    def _look_in(self, seconds: float) -> None:
        if self._quiet is not None and self._quiet.active():
            self._quiet.cancel()
        if self._running:
            self._quiet = self._clock.later(seconds, self._look)

    def _look_later(self) -> None:
        self._next = self._clock.later(LOOK_EVERY, self._look_anyway)

    def _look_anyway(self) -> None:
        self._look_later()
        self._looked()
        self._look()

    # -- looking
    def _look(self) -> None:
        self._stirred = None
        if self._looking is not None and not self._looking.called:
            self._more = True
            return
        self._looking = spawn(self._look_at_them(), "looking at files")

    async def _look_at_them(self) -> None:
        found, folders = await self._threads.run(state_of, self._paths)
        self._watch(folders)
        if found != self._known:
            last = found == self._doubted
            if await self._read(last) or last:
                self._known, self._doubted = found, None
            else:
                self._doubted = found
                self._look_in(PATIENCE)
        if self._more:
            self._more = False
            self._look_in(QUIET)


def state_of(paths: Sequence[Path]) -> tuple[Files, Folders]:
    """What tells these files from others, and the folders in which they can be exchanged, with their numbers:
    the files' own, and those of all links that lead there."""
    folders: Folders = {}
    for path in paths:
        for place in _places(path.absolute()):
            with contextlib.suppress(OSError):
                folders[place] = place.stat().st_ino
    return tuple(map(_file, paths)), folders


def _file(path: Path) -> object:
    try:
        known = path.stat()
    except OSError as error:
        return error.errno
    return known.st_dev, known.st_ino, known.st_size, known.st_mtime_ns, known.st_ctime_ns


def _places(path: Path) -> list[Path]:
    """The folders of the last file and of each link on the way."""
    found = [path.parent]
    left = list(path.parts[1:])
    here = Path(path.anchor)
    links = 0
    while left and links <= LINKS:
        here = here / left.pop(0)
        try:
            target = os.readlink(here)
        except OSError:  # it is no link, or not there
            continue
        links += 1
        found.append(here.parent)
        left = [*Path(target).parts, *left]
        here = here.parent  # where an absolute target begins anew
    return [*found, here.parent]


def _nothing() -> None:
    pass
