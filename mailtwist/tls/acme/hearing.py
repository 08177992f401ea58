"""What other processes change in the folder of certificates is heard at once, or found by the next look."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall

from mailtwist.kit.clock import Clock
from mailtwist.kit.events import Event
from mailtwist.kit.spawn import spawn
from mailtwist.kit.threads import Threads
from mailtwist.kit.watching import DELETED, MOVED_TO, NO_MORE, Watching
from mailtwist.tls.acme.reading import signature

SOON = 0.05
"""Seconds, in which more may be changed that is told together."""

LOOK_EVERY = 60.0
"""Seconds after which a change is found that was not heard."""

NOT_LOOKED = Event("acme.not_looked", "the folder of certificates cannot be looked at: {why}", "warn")


class Hearing:
    """`cleaned` is called in a thread before each look."""

    def __init__(
        self, folders: Sequence[Path], clock: Clock, threads: Threads, cleaned: Callable[[], None]
    ) -> None:
        self._folders = folders
        self._clock = clock
        self._threads = threads
        self._cleaned = cleaned
        self._watching = Watching()
        self._watched: set[Path] = set()
        self._listeners: list[Callable[[], None]] = []
        self._known: object = None
        self._ringing: IDelayedCall | None = None
        self._next: IDelayedCall | None = None
        self._running = False
        self._looking: Deferred[object] | None = None

    def listen(self, changed: Callable[[], None]) -> Callable[[], None]:
        self._listeners.append(changed)
        return lambda: self._listeners.remove(changed)

    async def start(self, reactor: Any) -> None:
        self._running = True
        self._watching.start(reactor)
        self._watch()
        self._known = await self._threads.run(self._signature)
        self._look_later()

    def stop(self) -> None:
        self._running = False
        self._watching.stop()
        self._watched.clear()
        for timer in (self._ringing, self._next):
            if timer is not None and timer.active():
                timer.cancel()
        if self._looking is not None:
            self._looking.cancel()

    def ring(self) -> None:
        """Something has changed: everybody hears it soon."""
        if self._listeners and (self._ringing is None or not self._ringing.active()):
            self._ringing = self._clock.later(SOON, self._tell)

    def _tell(self) -> None:
        for changed in list(self._listeners):
            changed()

    def _watch(self) -> None:
        """Files get their names by being moved to them."""
        for folder in self._folders:
            if folder not in self._watched and self._hears(folder):
                self._watched.add(folder)

    def _hears(self, folder: Path) -> bool:
        heard = partial(self._heard, folder)
        return self._watching.watch(folder, MOVED_TO | DELETED, heard) is not None

    def _heard(self, folder: Path, events: int) -> None:
        if events & NO_MORE:
            self._watched.discard(folder)
        self.ring()

    def _look_later(self) -> None:
        self._next = self._clock.later(LOOK_EVERY, self._look_now)

    def _look_now(self) -> None:
        self._looking = spawn(self._look(), "looking for other certificates")

    async def _look(self) -> None:
        try:
            self._watch()
            await self._threads.run(self._cleaned)
            found = await self._threads.run(self._signature)
            if found != self._known:
                self._known = found
                self.ring()
        except OSError as error:
            NOT_LOOKED.log(why=str(error))
        finally:
            if self._running:
                self._look_later()

    def _signature(self) -> object:
        return [signature(folder) for folder in self._folders]
