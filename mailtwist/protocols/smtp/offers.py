"""What a server said to EHLO, and what we can say to it therefore.  rfc5321#4.1.1.1"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

MOST = 10**18


@dataclass(frozen=True)
class Offers:
    """By upper-case keyword, what stands behind it."""

    words: Mapping[str, tuple[str, ...]]

    @classmethod
    def of(cls, lines: Sequence[str]) -> "Offers":
        """The lines of EHLO's reply, without the first."""
        found: dict[str, tuple[str, ...]] = {}
        for line in lines:
            keyword, *rest = line.split() or [""]
            found[keyword.upper()] = tuple(rest)
        found.pop("", None)
        return cls(found)

    def __contains__(self, keyword: str) -> bool:
        return keyword in self.words

    @property
    def binary(self) -> bool:
        """Messages of any octets (rfc3030#3)."""
        return "BINARYMIME" in self and "CHUNKING" in self

    @property
    def size(self) -> int:
        """The most octets of a message; 0 where that is not said (rfc1870#4)."""
        return _number(next(iter(self.words.get("SIZE", ())), ""))

    def limit(self, name: str) -> int:
        """One of LIMITS (rfc9422#3), such as RCPTMAX; 0 where it is not said."""
        told = dict(word.upper().partition("=")[::2] for word in self.words.get("LIMITS", ()))
        return _number(told.get(name, ""))


def _number(text: str) -> int:
    """0 for what is none that could be meant."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < len(str(MOST)) else 0
