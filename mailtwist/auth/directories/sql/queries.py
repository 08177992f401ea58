"""The admin's own queries: `{name}` where a value belongs, which the driver binds and nobody writes in."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Self

IN_QUOTES = '"{{{name}}}" stands in quotes, where it is text; write it without them'
NO_VALUE = '"{{{name}}}" is no value that is known here; write {known}'
NOTHING_ASKED = "it asks for nobody in particular; write {known} where a value belongs"
OPEN_QUOTE = "a quote or a comment in it has no end"
FOREIGN = '"{text}" is the place of a value for other programs; write {known}'
SEVERAL = "these are several statements; write one"


class Query(tuple[str, ...]):
    """One statement, as lines.  `{name}` and such stand for values."""

    kind: ClassVar[str] = "a query"

    @classmethod
    def parse(cls, text: str) -> Self:
        return cls(text.split("\n"))

    def __str__(self) -> str:
        return "\n".join(self)


@dataclass(frozen=True)
class Dialect:
    """How one kind of server writes SQL: `quoted` is all in which a brace is no place for a value, `mark`
    what its driver has for one, `foreign` what would be taken for one."""

    quoted: str
    mark: str
    foreign: str
    percent: bool = False
    """The driver looks for `%` everywhere."""


_COMMENT, _LINE = r"/\*.*?\*/", r"--[^\n]*"
_TEXT, _NAME, _BACKTICK = r"'(?:[^']|'')*'", r'"(?:[^"]|"")*"', r"`(?:[^`]|``)*`"
_ESCAPED, _ESCAPED_DOUBLE = r"'(?:[^'\\]|\\.|'')*'", r'"(?:[^"\\]|\\.|"")*"'
_DOLLARS = r"(?<![\w$])\$(?P<tag>(?:[^\W\d]\w*)?)\$.*?\$(?P=tag)\$"

POSTGRESQL = Dialect(
    "|".join((rf"(?<!\w)[eE]{_ESCAPED}", _TEXT, _NAME, _DOLLARS, _COMMENT, _LINE)),
    "%s",
    r"(?<![\w$])\$\d+",
    percent=True,
)
MYSQL = Dialect(
    "|".join((_ESCAPED, _ESCAPED_DOUBLE, _BACKTICK, _COMMENT, r"--(?=\s|$)[^\n]*", r"#[^\n]*")), "?", r"\?"
)
SQLITE = Dialect("|".join((_TEXT, _NAME, _BACKTICK, r"\[[^\]]*\]", _COMMENT, _LINE)), "?", r"\?\d*")


@dataclass(frozen=True)
class Statement:
    """A query as its driver takes it, and the names of the values in the order of their places."""

    text: str
    names: tuple[str, ...]

    def bound(self, values: Mapping[str, str]) -> tuple[str, ...]:
        """`values` in the order of their places."""
        return tuple(values[name] for name in self.names)


def statement(query: Query, dialect: Dialect, known: Sequence[str]) -> Statement:
    """ValueError says what is wrong, as far as that can be seen without the database."""
    pieces: list[str] = []
    names: list[str] = []
    for kind, text in _tokens(str(query).strip().removesuffix(";"), dialect):
        if kind == "value":
            names.append(_known(text, known))
        else:
            _look(kind, text, known)
        piece = dialect.mark if kind == "value" else text.replace("%", "%%") if dialect.percent else text
        pieces.append(piece)
    if known and not names:
        raise ValueError(NOTHING_ASKED.format(known=_told(known)))
    return Statement("".join(pieces), tuple(names))


def _tokens(text: str, dialect: Dialect) -> Iterator[tuple[str, str]]:
    whole = re.compile(
        rf"(?P<quoted>{dialect.quoted})|\{{(?P<value>\w*)\}}|(?P<foreign>{dialect.foreign})"
        r"|(?P<open>['\"`]|/\*)|(?P<end>;)|(?P<other>\w+|.)",
        re.DOTALL,
    )
    for found in whole.finditer(text):
        kind = str(found.lastgroup)
        yield kind, found[kind]


def _known(name: str, known: Sequence[str]) -> str:
    if name not in known:
        raise ValueError(NO_VALUE.format(name=name, known=_told(known)))
    return name


def _look(kind: str, text: str, known: Sequence[str]) -> None:
    """What stands between the places of values."""
    if kind == "open":
        raise ValueError(OPEN_QUOTE)
    if kind == "end":
        raise ValueError(SEVERAL)
    if kind == "foreign":
        raise ValueError(FOREIGN.format(text=text, known=_told(known)))
    if kind == "quoted" and not text.startswith(("-", "/", "#")):
        for name in known:
            if f"{{{name}}}" in text:
                raise ValueError(IN_QUOTES.format(name=name))


def _told(known: Sequence[str]) -> str:
    return ", ".join(f'"{{{name}}}"' for name in known) or "no braces there"
