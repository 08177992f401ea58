"""What a database is to a directory: connections that are asked in threads, and what goes wrong with them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from mailtwist.auth.api import AccountUnavailable, LoginUnavailable
from mailtwist.auth.directories.sql.queries import Statement
from mailtwist.config.problems import shown

MOST_ROWS = 200_000
"""Of an answer; whoever has more people lists them elsewhere."""

Values = Mapping[str, str]

Kept = Callable[[], bool]
"""Whether what was changed is now what it was changed to; asked before that counts."""


class DatabaseAway(LoginUnavailable):
    """It cannot be reached, or does not answer: another one may, or the same a little later."""


class QueryFailed(LoginUnavailable):
    """It answers that it cannot do what the query says; somebody has to look at that."""


class ValueRefused(AccountUnavailable):
    """It can do nothing with this value in this query: that is trouble with one name alone."""


class NotSayable(Exception):
    """The database has no such characters, so nobody in it can have this name."""


@dataclass(frozen=True)
class Rows:
    """What a query has found.  `columns` are names in lower case."""

    columns: tuple[str, ...]
    rows: Sequence[Sequence[Any]]


class Connection(Protocol):
    """To one database; used by one thread at a time.  All block, for a bounded time; of what goes wrong they
    raise the exceptions above."""

    def found(self, statement: Statement, values: Values) -> Rows: ...

    def changed(self, statement: Statement, values: Values, kept: Kept) -> int:
        """How many rows; `QueryFailed` when that would be more than one, or one that is not `kept` as it was
        given, and nothing is changed then."""

    def tried(self, statement: Statement, values: Values) -> None:
        """It could be done; nothing is."""

    def abort(self) -> None:
        """From another thread: whoever waits for an answer gets none."""

    def close(self) -> None:
        """Nothing is left of it.  Never raises."""


class Database(Protocol):
    """One kind of database, with all that is said about it."""

    def connect(self, place: str) -> Connection:
        """To a host, a socket, a file.  Blocks.  `DatabaseAway`."""


def away(place: str, words: object) -> DatabaseAway:
    return DatabaseAway(f"the database {place} is away: {_line(words)}")


def failed(words: object) -> QueryFailed:
    return QueryFailed(f"the database cannot do what the query says: {_line(words)}")


def refused(words: object) -> ValueRefused:
    return ValueRefused(f"the database cannot compare a name: {_line(words)}")


def checked(rows: Sequence[Sequence[Any]], columns: Sequence[str]) -> Rows:
    """What a driver has found; `QueryFailed` when it is too much."""
    if len(rows) > MOST_ROWS:
        raise failed(f"it finds more than {MOST_ROWS} rows")
    return Rows(tuple(name.lower() for name in columns), rows)


def only_one(count: int, kept: Kept) -> int:
    """`QueryFailed` for more rows than one account can have, and for one that is not as it should be."""
    if count > 1:
        raise failed(f"it would change {count} rows for one account, so nothing was changed")
    if count == 1 and not kept():
        raise failed(
            "what it stores does not come back whole, so nothing was changed; is a column too short?"
        )
    return max(count, 0)


def _line(words: object) -> str:
    return shown(" ".join(str(words).split()), 300)
