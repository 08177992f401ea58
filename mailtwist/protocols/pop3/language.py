"""The languages that a server answers in: tags, names, and a sentence for a sentence.  rfc6856#3"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from mailtwist.protocols.errors import Malformed

CHANGED = "Language changed"
"""What LANG answers, in the language that it chose."""

_GIVEN = re.compile(r"\b(?:[A-Z][A-Z0-9]{2,}|\d+)\b")
_RANGE = re.compile(r"[A-Za-z]{1,8}(?:-[A-Za-z0-9]{1,8})*")


@dataclass(frozen=True, slots=True)
class Language:
    """`tag` as in rfc5646, `name` in the language itself.  `words` are its sentences by the English ones; a
    number or a word in capitals, which stay as they are, is `#` in both, in the same order.  A sentence that
    it lacks is told in English."""

    tag: str
    name: str
    words: Mapping[str, str] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        for english, own in self.words.items():
            if english.count("#") != own.count("#"):
                raise ValueError(f"{self.tag}: {own!r} needs as many # as {english!r}")

    def and_so(self, other: "Language") -> "Language":
        """With the sentences of `other` too."""
        return Language(self.tag, self.name, {**self.words, **other.words})

    def said(self, english: str) -> str:
        own = self.words.get(_GIVEN.sub("#", english))
        if own is None:
            return english
        given = iter(_GIVEN.findall(english))
        return re.sub("#", lambda _: next(given), own)


ENGLISH = Language("en", "English")
"""What everybody hears who did not ask for another."""


def fitting(wanted: str, languages: Iterable[Language]) -> Language | None:
    """The first whose tag the range means, in full or as its beginning; else the range is made shorter from
    its end (rfc4647#3.4).  `Malformed` when it is no range."""
    if not _RANGE.fullmatch(wanted):
        raise Malformed("Expected a language")
    known = list(languages)
    sought = wanted.lower()
    while sought:
        for one in known:
            if f"{one.tag.lower()}-".startswith(f"{sought}-"):
                return one
        sought = sought.rpartition("-")[0]
    return None
