"""What several orders need at once, and is taken away when the last has done with it."""

from collections import Counter
from collections.abc import Hashable


class Shared:
    """How many hold what.  One process's; between processes a lease keeps orders of one name apart."""

    def __init__(self) -> None:
        self._by: Counter[Hashable] = Counter()

    def take(self, what: Hashable) -> None:
        self._by[what] += 1

    def give(self, what: Hashable) -> bool:
        """Nobody else holds it: it can go.  True as well for what nobody holds."""
        left = self._by.pop(what, 0) - 1
        if left > 0:
            self._by[what] = left
        return left <= 0
