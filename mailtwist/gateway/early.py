"""What clients are told before login of the server that they will come to: what all possible ones offer."""

from collections.abc import Mapping, Sequence
from typing import cast

from mailtwist.config.part import Assembly
from mailtwist.gateway.api import Kind, Upstream
from mailtwist.gateway.chosen import Chosen


class Early:
    """Where a service leaves it to directories whose server is asked, it may be any that is configured."""

    def __init__(self, chosen: Chosen, assembly: Assembly) -> None:
        self._possible = _possible(chosen, assembly)

    def offered(self, kind: Kind) -> Sequence[str]:
        """The lines that all of them offer, in the order of the first; none while one of them is unknown."""
        first, *others = [one.offered(kind, late=False) for one in self._possible if one.serves(kind)] or [()]
        return [line for line in first if all(line in other for other in others)]


def served(chosen: Chosen, assembly: Assembly, kind: Kind) -> None:
    """ValueError when no server that clients may come to has `kind`: nobody would get in, ever."""
    possible = _possible(chosen, assembly)
    if possible and not any(one.serves(kind) for one in possible):
        names = ", ".join(f"[upstream:{one.name}]" for one in possible)
        raise ValueError(f'no server behind has a port for it; write "{kind} = ..." in {names}')


def _possible(chosen: Chosen, assembly: Assembly) -> tuple[Upstream, ...]:
    return chosen.possible or tuple(cast(Mapping[str, Upstream], assembly.parts("upstream")).values())
