"""A process in memory for one part: its folder, clock and threads, and other parts by hand."""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from mailtwist.config.login import LoginSettings
from mailtwist.config.network import Networks
from mailtwist.config.part import Assembly, SupportsStart, SupportsStop
from mailtwist.kit.clock import Clock
from mailtwist.kit.files import DiskFiles, Files
from mailtwist.kit.threads import Threads
from mailtwist.testing.clock import ManualClock

T = TypeVar("T")


class OnePart:
    """`config.part.Assembly` for tests.  `parts` are what `part` and `parts` answer, by room and name; `once`
    are the settings of sections that a process has once, `named` those of sections of which there may be
    many, by kind and name; `start` and `stop` are for what `one` made."""

    def __init__(
        self,
        folder: Path,
        *,
        clock: Clock | None = None,
        files: Files | None = None,
        threads: Threads | None = None,
        parts: Mapping[str, Mapping[str, Any]] | None = None,
        name: str = "test",
        hostname: str = "mail.example.org",
        login: LoginSettings | None = None,
        trusted: Networks | None = None,
        once: Iterable[Any] = (),
        named: Mapping[type, Mapping[str, Any]] | None = None,
    ) -> None:
        self.name = name
        self.hostname = hostname
        self.folder = folder
        self.login = login or LoginSettings()
        self.trusted = trusted or Networks()
        self.clock: Clock = clock or ManualClock()
        self.files: Files = files or DiskFiles()
        self.threads = threads or Threads("test", 4)
        self.first = True
        self.workers = 1
        self.made: list[Any] = []
        self._parts = parts or {}
        self._once = tuple(once)
        self._named = named or {}
        self._one: dict[Callable[..., Any], Any] = {}

    def settings(self, kind: type[T]) -> T:
        return next((one for one in self._once if isinstance(one, kind)), None) or kind()

    def several(self, kind: type[T]) -> Mapping[str, T]:
        return self._named.get(kind, {})

    def part(self, room: str, name: str) -> Any:
        return self._parts[room][name]

    def parts(self, room: str) -> Mapping[str, Any]:
        return self._parts.get(room, {})

    def one(self, make: Callable[[Assembly], T]) -> T:
        if make not in self._one:
            self._one[make] = make(self)
            self.made.append(self._one[make])
        made: T = self._one[make]
        return made

    async def start(self) -> None:
        for part in self.made:
            if isinstance(part, SupportsStart):
                await part.start()

    async def stop(self) -> None:
        while self.made:
            if isinstance(part := self.made.pop(), SupportsStop):
                await part.stop()
        self.threads.stop()
