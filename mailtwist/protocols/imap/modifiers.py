"""What stands in parentheses behind SELECT, CREATE, FETCH and STORE: rows of their tables.  rfc4466#2"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from mailtwist.protocols.errors import Malformed
from mailtwist.protocols.imap.arguments import Arguments
from mailtwist.protocols.imap.changes import Selected

if TYPE_CHECKING:
    from mailtwist.protocols.imap.door import Session
    from mailtwist.protocols.imap.fetch_items import Item

Wanted = Sequence[tuple[int, int]]
"""(number, UID), ascending."""

P = TypeVar("P", covariant=True)
T = TypeVar("T")


class Row(Protocol[P]):
    @property
    def parse(self) -> Callable[[Arguments], P]: ...


Then = Callable[["Session", Selected], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class SelectParameter:
    """A row of the table of SELECT and EXAMINE.  `name` is upper case; `parse` takes what follows it, its
    space included.  What it returns is called when the mailbox is selected and all of rfc3501#6.3.1 but the
    tagged answer has been said."""

    name: str
    parse: Callable[[Arguments], Then]


@dataclass(frozen=True, slots=True)
class CreateParameter:
    """A row of the table of CREATE; `parse` as in `SelectParameter`.  What it returns are keyword arguments
    for `Account.create`."""

    name: str
    parse: Callable[[Arguments], Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Choice:
    """What a modifier makes of a FETCH.  `choose` leaves out messages, or says something before them.
    `items` are answered besides those that were asked for."""

    choose: "Callable[[Session, Wanted], Awaitable[Wanted]]"
    items: "tuple[Item, ...]" = ()


@dataclass(frozen=True, slots=True)
class FetchModifier:
    """A row of the table of FETCH; `parse` as in `SelectParameter`."""

    name: str
    parse: Callable[[Arguments], Choice]


@dataclass(frozen=True, slots=True)
class Condition:
    """What a modifier makes of a STORE.  Messages changed after `unchanged_since` are left alone, and named
    in the tagged answer."""

    unchanged_since: int | None = None


@dataclass(frozen=True, slots=True)
class StoreModifier:
    """A row of the table of STORE; `parse` as in `SelectParameter`."""

    name: str
    parse: Callable[[Arguments], Condition]


def taken(arguments: Arguments, table: Mapping[str, Row[T]]) -> list[T]:
    """`(NAME value NAME value)`, each name once; nothing is taken and found where there is no `(`."""
    names: set[str] = set()

    def one() -> T:
        name = arguments.atom().upper()
        if name not in table or name in names:
            raise Malformed("There is no such modifier, or it is there twice")
        names.add(name)
        return table[name].parse(arguments)

    return arguments.list_of(one) if arguments.peek(b"(") else []
