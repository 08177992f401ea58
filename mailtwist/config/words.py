"""How lists are written: with commas, or on lines of their own."""

import re
from collections.abc import Hashable, Iterable
from typing import TypeVar

H = TypeVar("H", bound=Hashable)

_BETWEEN = re.compile(r"[,\n]")


def split(text: str) -> list[str]:
    """The items of a list, stripped, without empty ones."""
    return [item for part in _BETWEEN.split(text) if (item := part.strip())]


def repeated(items: Iterable[H]) -> H | None:
    """The first item that was there before."""
    seen: set[H] = set()
    for item in items:
        if item in seen:
            return item
        seen.add(item)
    return None
