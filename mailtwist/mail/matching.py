"""Text compared as people compare it: without case, and however accents are written.  rfc5051"""

from collections.abc import Collection
from unicodedata import normalize

_STRETCH = 256
"""Characters normalised at a time: marks in a row are sorted, which takes the square of their number."""


def folded(text: str) -> str:
    """Two texts that people take for the same become the same."""
    if text.isascii():
        return text.lower()
    text = text.casefold()
    starts = range(0, len(text), _STRETCH)
    return "".join([normalize("NFKD", text[start : start + _STRETCH]) for start in starts])


class Finder:
    """Looks for several folded texts at once in text that comes in pieces."""

    def __init__(self, wanted: Collection[str]) -> None:
        self.missing = set(wanted) - {""}
        self._keep = max(map(len, self.missing), default=1) - 1
        self._tail = ""

    def feed(self, text: str) -> None:
        """The next piece, which may end in the middle of anything."""
        if not self.missing:
            return
        here = self._tail + folded(text)
        self.missing = {one for one in self.missing if one not in here}
        self._tail = here[-self._keep :] if self._keep else ""

    def divide(self) -> None:
        """What comes now is something else: nothing begins before and ends behind."""
        self._tail = ""
