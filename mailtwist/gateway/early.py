"""What clients are told before login of the server that they will come to: what all possible ones offer."""

from collections.abc import Mapping, Sequence
from typing import cast

from mailtwist.config.part import Assembly
from mailtwist.gateway.api import Kind, Upstream
from mailtwist.gateway.chosen import Chosen


class Early:
    """Where a service leaves it to directories whose server is asked, it may be any that is configured."""

    def __init__(self, chosen: Chosen, assembly: Assembly) -> None:
        self._possible: tuple[Upstream, ...] = chosen.possible
        if not self._possible:
            self._possible = tuple(cast(Mapping[str, Upstream], assembly.parts("upstream")).values())

    def offered(self, kind: Kind) -> Sequence[str]:
        """The lines that all of them offer, in the order of the first; none while one of them is unknown."""
        first, *others = [one.offered(kind, late=False) for one in self._possible if one.serves(kind)] or [()]
        return [line for line in first if all(line in other for other in others)]
