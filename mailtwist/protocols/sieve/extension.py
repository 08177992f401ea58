"""What a part of ManageSieve hands over, and the dialect that a choice of parts makes.  rfc5804#1.7"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mailtwist.config.part import installed
from mailtwist.protocols.sieve.command import Capability, Command

if TYPE_CHECKING:
    from mailtwist.protocols.sieve.door import Door

GROUP = "mailtwist.sieve"


@dataclass(frozen=True)
class Extension:
    """One part of the protocol; the base commands are parts too.  `telling` says which capabilities it has
    now."""

    name: str
    rfc: int
    commands: tuple[type[Command], ...] = ()
    telling: "Callable[[Door], Sequence[Capability]] | None" = None


@dataclass(frozen=True, eq=False)
class Dialect:
    """The parts one service speaks.  What is advertised and what is understood come from the same list."""

    extensions: tuple[Extension, ...]
    commands: Mapping[str, type[Command]] = field(init=False)

    def __post_init__(self) -> None:
        found: dict[str, type[Command]] = {}
        for kind in (kind for part in self.extensions for kind in part.commands):
            if kind.name in found:
                raise ValueError(f"two commands are called {kind.name}")
            found[kind.name] = kind
        object.__setattr__(self, "commands", found)

    @classmethod
    def installed(cls, without: Iterable[str] = ()) -> "Dialect":
        """Every installed part but those named in `without`."""
        left_out = set(without)
        return cls(tuple(p.load() for name, p in installed(GROUP).items() if name not in left_out))

    def capabilities(self, door: "Door") -> list[Capability]:
        """What they tell now."""
        return [one for part in self.extensions if part.telling is not None for one in part.telling(door)]
