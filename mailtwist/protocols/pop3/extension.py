"""What a part of POP3 hands over, and the dialect that a choice of parts makes.  rfc2449#5"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mailtwist.config.part import installed
from mailtwist.protocols.pop3.command import Command, State
from mailtwist.protocols.pop3.language import Language

if TYPE_CHECKING:
    from mailtwist.protocols.pop3.door import Door

GROUP = "mailtwist.pop3"


@dataclass(frozen=True)
class Extension:
    """One part of the protocol; the base commands are parts too.

    `capabilities` are told by CAPA in the states `told_in` (rfc2449#5 wants both, but for what belongs to the
    state TRANSACTION alone); `telling` adds those that depend on the session.  `languages` are for LANG; of a
    language that is there already they bring more sentences.
    """

    name: str
    rfc: int
    capabilities: tuple[str, ...] = ()
    commands: tuple[type[Command], ...] = ()
    told_in: State = State.ANY
    telling: "Callable[[Door], Sequence[str]] | None" = None
    languages: tuple[Language, ...] = ()


@dataclass(frozen=True, eq=False)
class Dialect:
    """The parts one service speaks.  What is advertised and what is understood come from the same list."""

    extensions: tuple[Extension, ...]
    commands: Mapping[str, type[Command]] = field(init=False)
    languages: tuple[Language, ...] = field(init=False)

    def __post_init__(self) -> None:
        found: dict[str, type[Command]] = {}
        for kind in (kind for part in self.extensions for kind in part.commands):
            if kind.name in found:
                raise ValueError(f"two commands are called {kind.name}")
            found[kind.name] = kind
        object.__setattr__(self, "commands", found)
        languages: dict[str, Language] = {}
        for one in (one for part in self.extensions for one in part.languages):
            languages[one.tag] = one if one.tag not in languages else languages[one.tag].and_so(one)
        object.__setattr__(self, "languages", tuple(languages.values()))

    @classmethod
    def installed(cls, without: Iterable[str] = ()) -> "Dialect":
        """Every installed part but those named in `without`."""
        left_out = set(without)
        return cls(tuple(p.load() for name, p in installed(GROUP).items() if name not in left_out))

    def capabilities(self, door: "Door") -> list[str]:
        """What CAPA tells now."""
        told: dict[str, None] = {}
        for part in self.extensions:
            if door.reached in part.told_in:
                told.update(dict.fromkeys(part.capabilities))
            if part.telling is not None:
                told.update(dict.fromkeys(part.telling(door)))
        return list(told)
