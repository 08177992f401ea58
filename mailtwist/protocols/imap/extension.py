"""What a part of IMAP hands over, and the dialect that a choice of parts makes.  rfc3501#7.2.1"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from mailtwist.config.part import installed
from mailtwist.protocols.imap.abilities import Lacking
from mailtwist.protocols.imap.command import Command, State

if TYPE_CHECKING:
    from mailtwist.protocols.imap.door import Session

GROUP = "mailtwist.imap"


class Named(Protocol):
    """A row of a table: `name` is upper case."""

    @property
    def name(self) -> str: ...


N = TypeVar("N", bound=Named)


@dataclass(frozen=True, slots=True)
class Enables:
    """A row of the table of ENABLE (rfc5161#3.1).  `name` is upper case, `written` what the client is told
    if that is another spelling.  `then` is called once, when `name` is in `session.enabled`; what it says
    comes before ENABLED."""

    name: str
    written: str = ""
    then: "Callable[[Session], None] | None" = None


TABLES = (
    "append_data",
    "commands",
    "create_parameters",
    "enables",
    "fetch_items",
    "fetch_modifiers",
    "list_returns",
    "list_selections",
    "search_keys",
    "search_returns",
    "select_parameters",
    "status_items",
    "store_modifiers",
)


@dataclass(frozen=True)
class Extension:
    """One part of the protocol; the base commands are parts too.

    `capabilities` are told in the states `told_in`; `telling` adds those that depend on the session.
    `needs` are runtime-checkable Protocols that the account must have, `builds_on` are names of other parts:
    where it lacks one, or one is left out, this is neither told nor understood.  `unasked` is how many octets
    a literal may have that comes without being asked for.  The rest are rows of tables: of APPEND
    (`append_data.AppendData`), of CREATE (`modifiers.CreateParameter`), of ENABLE (`Enables`), of FETCH
    (`fetch_items.FetchItem`, `modifiers.FetchModifier`), of LIST (`list_options.Selection`,
    `list_options.Return`), of SEARCH (`search_terms.SearchKey`, `search_results.SearchReturn`), of SELECT
    (`modifiers.SelectParameter`), of STATUS (`status_items.StatusItem`), of STORE
    (`modifiers.StoreModifier`).
    """

    name: str
    rfc: int
    capabilities: tuple[str, ...] = ()
    commands: tuple[type[Command], ...] = ()
    needs: tuple[type, ...] = ()
    builds_on: tuple[str, ...] = ()
    told_in: State = State.ANY
    telling: "Callable[[Session], Sequence[str]] | None" = None
    unasked: int = 0
    append_data: tuple[Named, ...] = ()
    create_parameters: tuple[Named, ...] = ()
    enables: tuple[Enables, ...] = ()
    fetch_items: tuple[Named, ...] = ()
    fetch_modifiers: tuple[Named, ...] = ()
    list_returns: tuple[Named, ...] = ()
    list_selections: tuple[Named, ...] = ()
    search_keys: tuple[Named, ...] = ()
    search_returns: tuple[Named, ...] = ()
    select_parameters: tuple[Named, ...] = ()
    status_items: tuple[Named, ...] = ()
    store_modifiers: tuple[Named, ...] = ()


_Told = tuple[tuple[str, ...], "Callable[[Session], Sequence[str]] | None"]
"""What is told; the same for all sessions, or asked for."""


def _told_in(state: State, parts: Iterable[Extension]) -> Sequence[_Told]:
    told: list[_Told] = []
    for part in parts:
        if state in part.told_in:
            told.append((part.capabilities, None))
        if part.telling is not None:
            told.append(((), part.telling))
    return told


@dataclass(frozen=True, eq=False)
class Dialect:
    """The parts one service speaks.  What is advertised and what is understood come from the same list."""

    extensions: tuple[Extension, ...]
    commands: Mapping[str, type[Command]] = field(init=False)
    append_data: Mapping[str, Any] = field(init=False)
    create_parameters: Mapping[str, Any] = field(init=False)
    enables: Mapping[str, Enables] = field(init=False)
    fetch_items: Mapping[str, Any] = field(init=False)
    fetch_modifiers: Mapping[str, Any] = field(init=False)
    list_returns: Mapping[str, Any] = field(init=False)
    list_selections: Mapping[str, Any] = field(init=False)
    search_keys: Mapping[str, Any] = field(init=False)
    search_returns: Mapping[str, Any] = field(init=False)
    select_parameters: Mapping[str, Any] = field(init=False)
    status_items: Mapping[str, Any] = field(init=False)
    store_modifiers: Mapping[str, Any] = field(init=False)
    unasked: int = field(init=False)
    _told: Mapping[State, Sequence[_Told]] = field(init=False, repr=False)
    """By state, in the order of the parts."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "_told", {state: _told_in(state, self.extensions) for state in State})
        object.__setattr__(self, "unasked", max((part.unasked for part in self.extensions), default=0))
        for table in TABLES:
            rows = [row for part in self.extensions for row in getattr(part, table)]
            object.__setattr__(self, table, _by_name(table, rows))

    @classmethod
    def installed(cls, without: Iterable[str] = ()) -> "Dialect":
        """Every installed part but those named in `without`."""
        left_out = set(without)
        return cls(_standing(p.load() for name, p in installed(GROUP).items() if name not in left_out))

    @classmethod
    def only(cls, names: Iterable[str]) -> "Dialect":
        """The installed parts with these names."""
        there = installed(GROUP)
        return cls(_standing(there[name].load() for name in names if name in there))

    def fitting(self, account: object) -> "Dialect":
        """What of it this account can do."""
        lacks = account.lacks if isinstance(account, Lacking) else ()
        fit = _standing(
            part
            for part in self.extensions
            if part.name not in lacks and all(isinstance(account, need) for need in part.needs)
        )
        return self if fit == self.extensions else Dialect(fit)

    def has(self, name: str) -> bool:
        """The part of that name is spoken."""
        return any(part.name == name for part in self.extensions)

    def capabilities(self, session: "Session") -> list[str]:
        """What CAPABILITY tells now; IMAP4rev1 comes first."""
        told: dict[str, None] = {"IMAP4rev1": None}
        for words, telling in self._told[session.state]:
            told.update(dict.fromkeys(words if telling is None else telling(session)))
        return list(told)


@cache
def whole() -> Dialect:
    """All that is installed, for servers that were given nothing else."""
    return Dialect.installed()


def _standing(parts: Iterable[Extension]) -> tuple[Extension, ...]:
    """Those of `parts` that have all they build on."""
    standing = tuple(parts)
    names = {part.name for part in standing}
    kept = tuple(part for part in standing if names.issuperset(part.builds_on))
    return kept if len(kept) == len(standing) else _standing(kept)


def _by_name(table: str, rows: Sequence[N]) -> dict[str, N]:
    found: dict[str, N] = {}
    for row in rows:
        if row.name in found:
            raise ValueError(f"two {table} are called {row.name}")
        found[row.name] = row
    return found
