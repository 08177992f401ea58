"""What LIST can be asked beyond patterns: the rows of its tables.  rfc5258#3 rfc9051#6.3.9"""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from mailtwist.protocols.errors import Malformed
from mailtwist.protocols.imap.arguments import Arguments
from mailtwist.store.api import Listed

if TYPE_CHECKING:
    from mailtwist.protocols.imap.door import Session

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Selection:
    """A row of the table of selection options.  `chooses` says which names are meant; one without it only
    changes what others mean.  `returns` names the return option that comes with it.  `holders`: names with
    chosen ones below them are told, too."""

    name: str
    chooses: Callable[[Listed], bool] | None = None
    returns: str = ""
    holders: bool = False


def _nothing(listed: Listed) -> Iterable[str]:
    return ()


@dataclass(frozen=True, slots=True)
class Returned:
    """What a return option adds to a name: `attributes`, and an untagged answer that follows, for names that
    were selected (without `* ` and CRLF; None for none).  `NoSuchMailbox` there means that the mailbox has
    gone in the meantime."""

    attributes: Callable[[Listed], Iterable[str]] = _nothing
    answer: "Callable[[Session, Listed], Awaitable[bytes | None]] | None" = None


@dataclass(frozen=True, slots=True)
class Return:
    """A row of the table of return options; `parse` takes what follows the name, its space included."""

    name: str
    parse: Callable[[Arguments], Returned]


def attribute(name: str, of: Callable[[Listed], str | None]) -> Return:
    """A row for what only adds an attribute."""

    def attributes(listed: Listed) -> Iterable[str]:
        word = of(listed)
        return (word,) if word else ()

    made = Returned(attributes)
    return Return(name, lambda arguments: made)


def selections(arguments: Arguments) -> tuple[Selection, ...]:
    """`(NAME NAME)`, perhaps none; `Malformed` where one wants others that choose (rfc9051#6.3.9.1)."""
    found: dict[str, Selection] = {}

    def one() -> None:
        row: Selection = _row(arguments, arguments.dialect.list_selections)
        found[row.name] = row

    arguments.list_of(one, least=0)
    if any(row.holders for row in found.values()) and not any(row.chooses for row in found.values()):
        raise Malformed("RECURSIVEMATCH wants something to match")
    return tuple(found.values())


def returns(arguments: Arguments, selected: Iterable[Selection], *, asked: bool) -> tuple[Returned, ...]:
    """What comes with `selected`; and, if it is `asked` for, `(NAME NAME (value))`, perhaps none."""
    table: Mapping[str, Return] = arguments.dialect.list_returns
    implied = {row.returns for row in selected} & table.keys()
    found = {name: table[name].parse(Arguments(b"")) for name in sorted(implied)}

    def one() -> None:
        row: Return = _row(arguments, table)
        found[row.name] = row.parse(arguments)

    if asked:
        arguments.list_of(one, least=0)
    return tuple(found.values())


def _row(arguments: Arguments, table: Mapping[str, T]) -> T:
    name = arguments.atom().upper()
    if name not in table:
        raise Malformed("There is no such option of LIST")
    return table[name]
