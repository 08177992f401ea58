"""What a part of SMTP hands over, and the dialect that a choice of parts makes.  rfc5321#2.2 rfc2033#4"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from mailtwist.config.part import installed
from mailtwist.protocols.smtp.command import Command

if TYPE_CHECKING:
    from mailtwist.protocols.smtp.door import Door

GROUP = "mailtwist.smtp"
T = TypeVar("T")
Protocol = Literal["smtp", "lmtp"]

Check = Callable[[str | None, "Door"], Mapping[str, Any] | None]
"""Looks at the value of a parameter (None: there is none).  `Malformed` is answered 501; `Refusal`.  What it
returns are fields of the envelope (a parameter of MAIL) or of the recipient (of RCPT)."""


@dataclass(frozen=True)
class Extension:
    """One part of the protocol; the base commands are parts too.

    `keywords` are told by EHLO; `telling` adds those that depend on the session.  `mail_parameters` and
    `rcpt_parameters` are what MAIL and RCPT take, by upper-case name.  `protocols` are those it is a part of.
    Without all of the parts that it `builds_on`, by their names, it is neither told nor understood.
    """

    name: str
    rfc: int
    keywords: tuple[str, ...] = ()
    commands: tuple[type[Command], ...] = ()
    telling: "Callable[[Door], Sequence[str]] | None" = None
    mail_parameters: Mapping[str, Check] = field(default_factory=dict)
    rcpt_parameters: Mapping[str, Check] = field(default_factory=dict)
    protocols: tuple[Protocol, ...] = ("smtp", "lmtp")
    builds_on: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Dialect:
    """The parts one service speaks, and their `names`.  What is advertised and what is understood come from
    the same list."""

    extensions: tuple[Extension, ...]
    protocol: Protocol = "smtp"
    names: frozenset[str] = field(init=False)
    commands: Mapping[str, type[Command]] = field(init=False)
    mail_parameters: Mapping[str, Check] = field(init=False)
    rcpt_parameters: Mapping[str, Check] = field(init=False)

    def __post_init__(self) -> None:
        parts = _complete(self.extensions)
        object.__setattr__(self, "extensions", parts)
        object.__setattr__(self, "names", frozenset(part.name for part in parts))
        rows = [(kind.name, kind) for part in parts for kind in part.commands]
        object.__setattr__(self, "commands", _table("commands", rows))
        of_mail = [row for part in parts for row in part.mail_parameters.items()]
        object.__setattr__(self, "mail_parameters", _table("parameters of MAIL", of_mail))
        of_rcpt = [row for part in parts for row in part.rcpt_parameters.items()]
        object.__setattr__(self, "rcpt_parameters", _table("parameters of RCPT", of_rcpt))

    @classmethod
    def installed(cls, without: Iterable[str] = (), protocol: Protocol = "smtp") -> "Dialect":
        """Every installed part of `protocol` but those named in `without`."""
        left_out = set(without)
        parts = [point.load() for name, point in installed(GROUP).items() if name not in left_out]
        return cls(tuple(part for part in parts if protocol in part.protocols), protocol)

    @property
    def hello(self) -> str:
        """What a client has to say first."""
        return "LHLO" if self.protocol == "lmtp" else "EHLO"

    def keywords(self, door: "Door") -> list[str]:
        """What EHLO tells now."""
        told: dict[str, None] = {}
        for part in self.extensions:
            told.update(dict.fromkeys(part.keywords))
            if part.telling is not None:
                told.update(dict.fromkeys(part.telling(door)))
        return list(told)


@cache
def whole() -> Dialect:
    """All that is installed, for servers that were given nothing else."""
    return Dialect.installed()


def _complete(parts: tuple[Extension, ...]) -> tuple[Extension, ...]:
    """Those that have what they build on."""
    names = {part.name for part in parts}
    found = tuple(part for part in parts if names.issuperset(part.builds_on))
    return found if len(found) == len(parts) else _complete(found)


def _table(what: str, rows: Sequence[tuple[str, T]]) -> dict[str, T]:
    found: dict[str, T] = {}
    for name, row in rows:
        if name in found:
            raise ValueError(f"two {what} are called {name}")
        found[name] = row
    return found
