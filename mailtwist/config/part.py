"""What an extension hands over: settings, and how to build from them; found by its entry point."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar, runtime_checkable

from mailtwist.config.installed import installed as installed
from mailtwist.config.login import LoginSettings
from mailtwist.config.network import Networks
from mailtwist.kit.clock import Clock
from mailtwist.kit.files import Files
from mailtwist.kit.threads import Threads

S = TypeVar("S")
T = TypeVar("T")

ROOMS = (
    *("service", "directory", "factor", "state", "store", "tls", "check", "target"),
    *("upstream", "route", "oauth"),
    *("dns", "page"),
)
GROUPS = tuple(
    f"mailtwist.{room}" for room in (*ROOMS, "imap", "smtp", "pop3", "sieve", "sasl", "challenge", "command")
)


class Assembly(Protocol):
    """What a part may ask of the process it is made for.  Each part gets its own, with its own `name`."""

    @property
    def name(self) -> str:
        """The part after the colon of the section: `imaps` in `[service:imaps]`."""

    @property
    def hostname(self) -> str: ...

    @property
    def folder(self) -> Path:
        """The state folder; it exists, mode 0700."""

    @property
    def login(self) -> LoginSettings:
        """[login]"""

    def settings(self, kind: "type[T]") -> "T":
        """What a section says that the process has once: `settings(AuditSettings)` is [audit]; the defaults
        when it is left out."""

    def several(self, kind: "type[T]") -> "Mapping[str, T]":
        """What the sections say of which there may be many of one kind, by name, in the order of the file:
        `several(DomainSettings)` are the [domain:...]."""

    @property
    def trusted(self) -> Networks:
        """Who may log in without TLS and is not limited by address; from `[server]`."""

    @property
    def clock(self) -> Clock: ...

    @property
    def files(self) -> Files: ...

    @property
    def threads(self) -> Threads: ...

    @property
    def first(self) -> bool:
        """This process is the one of all `workers` that does what is to be done once on a machine."""

    @property
    def workers(self) -> int:
        """How many processes serve, each with parts of its own."""

    def part(self, room: str, name: str) -> Any:
        """What the section `[room:name]` builds; the same object for everybody who asks."""

    def parts(self, room: str) -> Mapping[str, Any]:
        """All parts of a room in the order of the file."""

    def one(self, make: "Callable[[Assembly], T]") -> T:
        """What `make` builds, once for the whole process: for what no section names, such as the decision.
        It begins and ends as parts do."""


@runtime_checkable
class SupportsStart(Protocol):
    """A built part that has a beginning; started in the order of building, before services listen."""

    async def start(self) -> None: ...


@runtime_checkable
class SupportsStop(Protocol):
    """A built part that has an end; stopped in reverse order, after services have stopped."""

    async def stop(self) -> None: ...


@runtime_checkable
class SupportsLastCall(Protocol):
    """A built part that lets clients wait for what cannot come any more when the process ends."""

    def last_call(self) -> None:
        """No port is open any more; those who are here have some grace."""


@runtime_checkable
class SupportsBind(Protocol):
    """A built part with ports of its own: bound while the process still may, served when the part starts."""

    def bind(self, workers: int = 1) -> None:
        """Clients wait in the queue from now on; each of several `workers` has one of its own.  An exception
        whose words are a sentence ends the process (`services.listen.CannotListen`)."""

    def adopt(self, other: Any, worker: int) -> None:
        """In a process of its own: what the same part of the first process, `other`, has bound for the
        `worker`, counted from 1."""

    def withdraw(self) -> None:
        """In the process that has bound them: nobody can connect any more, but to workers that serve."""


@runtime_checkable
class OnlyForOne(Protocol):
    """A built part that cannot serve several processes; `instead` is what to write for several."""

    instead: str


@runtime_checkable
class SupportsReload(Protocol):
    """A built part that reads files again on SIGHUP; on trouble it keeps what it had and says so."""

    async def reload(self) -> None: ...


@dataclass(frozen=True)
class Part(Generic[S]):
    """One kind of thing for one section prefix.

    `settings` is a frozen dataclass made with `config.settings.setting`; `build` makes the part and does
    nothing else (no file, no network: that is `start`); `check` tries it without serving and returns one
    sentence per problem, as (setting, sentence).
    """

    settings: type[S]
    build: Callable[[S, Assembly], Any]
    check: Callable[[S, Assembly], Awaitable[list[tuple[str, str]]]] | None = None
