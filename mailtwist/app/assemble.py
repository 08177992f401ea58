"""From a checked config to the parts it names: each built once, started and stopped together."""

import errno
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from mailtwist.config.part import (
    OnlyForOne,
    SupportsBind,
    SupportsLastCall,
    SupportsReload,
    SupportsStart,
    SupportsStop,
)
from mailtwist.config.problems import BadConfig, Problem
from mailtwist.config.problems import CannotAssemble as CannotAssemble
from mailtwist.delivery.telling import the_telling
from mailtwist.kit.clock import Clock, process_clock
from mailtwist.kit.events import Event
from mailtwist.kit.files import DiskFiles, Files
from mailtwist.kit.threads import Threads
from mailtwist.services.port80 import port_80

if TYPE_CHECKING:
    from mailtwist.config.load import Config, Section

T = TypeVar("T")
Key = tuple[str, str]

OURS = frozenset({"lock", "keys", "durable.sqlite", "people.sqlite"})
"""A state folder that was used has one of these in it."""

NOT_OURS = (
    "others can read it, and it has more in it than a state folder; name a folder of its own, or forbid them"
    " by chmod 700"
)

ONLY_FOR_ONE = "it is in the memory of one process, and [server] wants several workers; write {instead}"

NOT_RELOADED = Event("app.part_not_reloaded", "{part} keeps what it had: {error}", "error")
NOT_STOPPED = Event("app.part_not_stopped", "{part} did not stop cleanly", "error")


class Assembled:
    """The parts of one process.

    Parts are built when somebody asks for them (`part`, `parts`) or by `build`; nothing touches a file or the
    network before `start`.  The CLI asks for the parts it needs and starts only those.
    """

    def __init__(
        self,
        config: "Config",
        *,
        clock: Clock | None = None,
        files: Files | None = None,
        first: bool = True,
    ) -> None:
        """`first`: of several processes this is the one that does what is to be done once."""
        self.config = config
        self.first = first
        self.clock = clock or process_clock()
        self.files = files or DiskFiles()
        self.threads = Threads("mailtwist", config.server.threads)
        self._sections: dict[Key, Section] = {(s.room, s.name): s for s in config.sections}
        self._built: dict[Key, Any] = {}
        self._shared: dict[Callable[..., Any], Any] = {}
        self._order: list[tuple[str, Any]] = []
        self._begun: list[tuple[str, Any]] = []
        self._under_way: list[str] = []

    # -- building
    @property
    def hostname(self) -> str:
        return self.config.server.hostname

    @property
    def folder(self) -> Path:
        """The state folder; `make_folder` makes it."""
        return self.config.server.state

    def part(self, room: str, name: str) -> Any:
        """What `[room:name]` builds, the same object for everybody.  `CannotAssemble` when there is no such
        section, when building it needs itself, or when it says by ValueError that it cannot be."""
        key = (room, name)
        if key not in self._built:
            section = self._sections.get(key)
            if section is None:
                raise CannotAssemble(f"there is no section [{room}:{name}]")
            words = f"[{room}:{name}]"
            self._built[key] = self._make(
                words, lambda: section.part.build(section.settings, PartView(self, name))
            )
        return self._built[key]

    def parts(self, room: str) -> Mapping[str, Any]:
        """All parts of a room by name, in the order of the file."""
        return {s.name: self.part(room, s.name) for s in self.config.sections if s.room == room}

    def one(self, make: Callable[[Any], T]) -> T:
        """What `make(assembly)` builds, once for the whole process: for what no section names, such as the
        decision."""
        if make not in self._shared:
            words = make.__name__
            self._shared[make] = self._make(words, lambda: make(PartView(self, words)))
        made: T = self._shared[make]
        return made

    def build(self) -> None:
        """All sections are built, services last, and then what a server does besides."""
        for section in sorted(self.config.sections, key=lambda s: s.room == "service"):
            self.part(section.room, section.name)
        self.one(the_telling)
        self.one(port_80)
        if problems := self.only_for_one():
            raise BadConfig(problems)

    def only_for_one(self) -> list[Problem]:
        """Parts that were built and cannot serve several processes, if there are to be several."""
        if self.config.server.workers == 1:
            return []
        return [
            self.config.problem(self._sections[key], "type", ONLY_FOR_ONE.format(instead=part.instead))
            for key, part in self._built.items()
            if isinstance(part, OnlyForOne)
        ]

    def with_ports(self) -> list[Any]:
        """What was built and has ports to be bound: the services first, in the order of the file."""
        services = list(self.parts("service").values())
        others = [part for _, part in self._order if isinstance(part, SupportsBind)]
        return services + [part for part in others if all(part is not one for one in services)]

    def _make(self, words: str, build: Callable[[], Any]) -> Any:
        if words in self._under_way:
            circle = [*self._under_way[self._under_way.index(words) :], words]
            raise CannotAssemble(" needs ".join(circle) + ": that is a circle")
        self._under_way.append(words)
        try:
            made = build()
        except ValueError as error:  # what no section names has a name that tells an operator nothing
            raise CannotAssemble(f"{words}: {error}" if words.startswith("[") else str(error)) from error
        finally:
            self._under_way.pop()
        self._order.append((words, made))
        return made

    # -- the life of the process
    def make_folder(self) -> None:
        """The state folder exists and is nobody else's to read.  OSError says why not: also when it seems to
        be a folder that others need, such as /var/lib.  Blocks."""
        self.files.make_folder(self.folder, 0o700)
        if self.folder.stat().st_mode & 0o077:
            if not self._is_ours(self.folder):
                raise PermissionError(errno.EPERM, NOT_OURS, str(self.folder))
            self.folder.chmod(0o700)

    def _is_ours(self, folder: Path) -> bool:
        """Nothing is in it but what we made, and perhaps the ini file."""
        names = {path.name for path in folder.iterdir()} - {self.config.path.name}
        return not names or not names.isdisjoint(OURS)

    async def start(self) -> None:
        """What is built has begun, in the order of building.  What fails to begin ends what had begun."""
        self.make_folder()
        try:
            for words, part in self._order:
                if isinstance(part, SupportsStart):
                    await part.start()
                self._begun.append((words, part))
        except BaseException:
            await self.stop()
            raise

    def last_call(self) -> None:
        """The process begins to end; what fails to hear of it does not keep it from that."""
        for words, part in self._begun:
            if isinstance(part, SupportsLastCall):
                try:
                    part.last_call()
                except Exception:
                    NOT_STOPPED.failure(part=words)

    async def stop(self) -> None:
        """What had begun has ended, in reverse order; one that fails does not keep the others."""
        while self._begun:
            words, part = self._begun.pop()
            if isinstance(part, SupportsStop):
                try:
                    await part.stop()
                except Exception:
                    NOT_STOPPED.failure(part=words)
        self.threads.stop()

    async def reload(self) -> None:
        """Parts read their files again; on trouble they keep what they had and the log says so."""
        for words, part in list(self._begun):
            if isinstance(part, SupportsReload):
                try:
                    await part.reload()
                except Exception as error:
                    NOT_RELOADED.log(part=words, error=str(error))


class PartView:
    """The process as one part sees it: `config.part.Assembly`."""

    def __init__(self, whole: Assembled, name: str) -> None:
        self._whole = whole
        self.name = name
        self.hostname = whole.hostname
        self.folder = whole.folder
        self.login = whole.config.login
        self.settings = whole.config.settings
        self.several = whole.config.several
        self.trusted = whole.config.server.trusted_networks
        self.first = whole.first
        self.workers = whole.config.server.workers
        self.clock = whole.clock
        self.files = whole.files
        self.threads = whole.threads
        self.part = whole.part
        self.parts = whole.parts
        self.one = whole.one
