"""What is wrong with an ini file: where, what was written, and what to write instead."""

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches

SENTENCES: dict[str, "Sentence"] = {}
LONGEST = 100  # characters of the operator's own text that a sentence repeats
MANY = 24  # words that a hint lists
SEARCHED = 500  # words among which the one that was meant is looked for
MOST = 100  # problems told one by one


@dataclass(frozen=True)
class Sentence:
    """One thing an operator can be told.  `name` is that of its golden file in tests/config/bad;
    `words` is a format string: what is wrong, and what to write instead."""

    name: str
    words: str

    def __post_init__(self) -> None:
        if self.name in SENTENCES:
            raise ValueError(f"two sentences are called {self.name}")
        SENTENCES[self.name] = self

    def said(self, **fields: object) -> str:
        """The words with these fields: on one line, printable, however hostile the fields are."""
        return self.words.format(**{name: _field(value) for name, value in fields.items()})

    def wrong(self, **fields: object) -> ValueError:
        """What a value's `parse` raises."""
        return ValueError(self.said(**fields))


@dataclass(frozen=True, order=True)
class Problem:
    """One line for the operator.  `line` counts from 1, 0 is the file as a whole; `section` is what stands in
    the brackets, `setting` what stands before the `=`; both may be ''."""

    file: str
    line: int
    section: str
    setting: str
    words: str

    def __str__(self) -> str:
        where = f"{shown(self.file, 1000)}:{self.line}:" if self.line else f"{shown(self.file, 1000)}:"
        section = f" [{shown(self.section)}]" if self.section else ""
        setting = f" {shown(self.setting)}:" if self.setting else ""
        return f"{where}{section}{setting} {self.words}"


class Clean(str):
    """Our own words as a field of a sentence: neither cut nor escaped."""

    __slots__ = ()


class Problems:
    """The problems of one file, gathered."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.found: list[Problem] = []

    def tell(self, words: str, line: int = 0, section: str = "", setting: str = "") -> None:
        self.found.append(Problem(self.file, line, section, setting, words))

    def hint(self, word: str, known: Iterable[str]) -> "Clean":
        """`hint`, but '' once there are so many problems that this one is not shown: a hostile file costs no
        more than its length."""
        return hint(word, known) if len(self.found) <= MOST else Clean()

    def told(self) -> list[Problem]:
        """The first of them, sorted, and how many more there are."""
        told = sorted(set(self.found))
        more = len(told) - MOST
        if more > 0:
            told[MOST:] = [Problem(self.file, told[MOST].line, "", "", MORE.said(count=more))]
        return told


class BadConfig(Exception):
    """All that is wrong with a config, sorted by place; `str` has one line for each."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(set(problems)))
        super().__init__("\n".join(map(str, self.problems)))


MORE = Sentence("problems-many", "there are {count} problems more")


class CannotAssemble(Exception):
    """The sections are right one by one but do not fit together: one sentence for the operator."""


def shown(text: str, longest: int = LONGEST) -> str:
    """`text` on one line, printable, not too long."""
    cut = text if len(text) <= longest else text[: longest - 3] + "..."
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in cut)


def hint(word: str, known: Iterable[str]) -> Clean:
    """The end of a sentence about a word that is not known: the word that was meant, or all there are."""
    words = sorted(known)
    near = get_close_matches(word, words[:SEARCHED], 1) if len(word) <= LONGEST else []
    if near:
        return Clean(f'; did you mean "{near[0]}"?')
    more = ", ..." if len(words) > MANY else ""
    return Clean(f"; there are: {', '.join(words[:MANY])}{more}" if words else "; there are none")


def _field(value: object) -> str:
    return value if isinstance(value, Clean) else shown(str(value))
