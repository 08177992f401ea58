"""What can stand behind the `=`: sizes, durations, names; and, from here too, places, networks, secrets."""

import importlib
import re
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, ClassVar, Protocol, Self, runtime_checkable

from mailtwist.config.network import Endpoint, Endpoints, Hostname, Hostnames, Networks
from mailtwist.config.places import File, Files, Folder, Placed
from mailtwist.config.problems import Clean, Sentence, hint, shown
from mailtwist.config.secret import Secret
from mailtwist.config.words import repeated, split

__all__ = [
    "AtLeast",
    "AtMost",
    "Dotted",
    "Duration",
    "Endpoint",
    "Endpoints",
    "File",
    "Files",
    "Folder",
    "Hostname",
    "Hostnames",
    "Names",
    "Networks",
    "PartName",
    "Placed",
    "Secret",
    "Size",
    "Value",
]

NOT_A_SIZE = Sentence("size", '"{text}" is not a size; write a number and B, KiB, MiB, GiB or TiB: "50 MiB"')
NOT_A_DURATION = Sentence(
    "duration", '"{text}" is not a duration; write a number and ms, s, min, h, d or w: "15 min", "1 h 30 min"'
)
MINUTES_OR_MONTHS = Sentence("duration-m", '"{text}" could be minutes or months; write "min" or "d"')
BLANK_IN_NAME = Sentence("names-blank", '"{text}" has a blank in it; names are separated by commas')
NAME_TWICE = Sentence("names-twice", '"{text}" is there twice; write it once')
NOT_DOTTED = Sentence("dotted", '"{text}" is not the name of a Python object; write "package.module:object"')

NO_MODULE = Sentence(
    "dotted-module", 'the module "{module}" cannot be imported: {reason}; is it installed where mailtwist is?'
)
NO_OBJECT = Sentence("dotted-object", 'the module "{module}" has no "{name}"{hint}')

_SIZES = {"TiB": 1 << 40, "GiB": 1 << 30, "MiB": 1 << 20, "KiB": 1 << 10}
_SIZE_UNITS = {
    "": 1,
    "b": 1,
    **{name.lower(): size for name, size in _SIZES.items()},
    **{name[0].lower(): size for name, size in _SIZES.items()},
    **{f"{letter}b": 1000**power for power, letter in enumerate("kmgt", 1)},
}
_SIZE = re.compile(r"([0-9]{1,19}(?:\.[0-9]{1,6})?) *([A-Za-z]{0,3})")
_LARGEST = (1 << 63) - 1

_DURATIONS = {"d": 86400, "h": 3600, "min": 60, "s": 1}
_DURATION_UNITS = {
    "": Fraction(1),
    "ms": Fraction(1, 1000),
    **{unit: Fraction(seconds) for unit, seconds in _DURATIONS.items()},
    "w": Fraction(7 * 86400),
    **dict.fromkeys(("sec", "second", "seconds"), Fraction(1)),
    **dict.fromkeys(("minute", "minutes"), Fraction(60)),
    **dict.fromkeys(("hour", "hours"), Fraction(3600)),
    **dict.fromkeys(("day", "days"), Fraction(86400)),
    **dict.fromkeys(("week", "weeks"), Fraction(7 * 86400)),
}
_AMOUNT = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,6})?) *([A-Za-z]{0,7})(?: +|$)")
_LONGEST = 36525 * 86400  # a century
_DOTTED = re.compile(r"([^\W\d]\w*(?:\.[^\W\d]\w*)*):([^\W\d]\w*(?:\.[^\W\d]\w*)*)")


@runtime_checkable
class Value(Protocol):
    """A type that a setting may have.  `parse` takes what stands behind the `=` (stripped, not empty, lists
    with line breaks) and raises ValueError with what to write instead; `str` (or `written()`) parses back;
    `kind`, if there is one, is what the manual calls it ("a size")."""

    @classmethod
    def parse(cls, text: str) -> Self: ...


class Size(int):
    """Octets.  Stays a number when formatted (`SIZE 52428800`); `written` is the operator's form."""

    kind: ClassVar[str] = "a size"

    @classmethod
    def parse(cls, text: str) -> Self:
        """`50 MiB`, `10 MB` (10,000,000), `64K` (KiB), `1000` (octets)."""
        found = _SIZE.fullmatch(text)
        unit = _SIZE_UNITS.get(found[2].lower()) if found else None
        if not found or unit is None or (size := int(Fraction(found[1]) * unit)) > _LARGEST:
            raise NOT_A_SIZE.wrong(text=text)
        return cls(size)

    def written(self) -> str:
        for name, unit in _SIZES.items():
            if self and self % unit == 0:
                return f"{self // unit} {name}"
        return f"{int(self)} B"


class Duration(float):
    """Seconds, whole milliseconds.  Stays a number when formatted; `written` is the operator's form."""

    kind: ClassVar[str] = "a duration"

    @classmethod
    def parse(cls, text: str) -> Self:
        """`30 d`, `15 min`, `1 h 30 min`, `90` (seconds)."""
        total = Fraction(0)
        at = 0
        while at < len(text):
            found = _AMOUNT.match(text, at)
            unit = _DURATION_UNITS.get(found[2].lower()) if found else None
            if not found or unit is None or total > _LONGEST:
                raise _why_no_duration(found[2] if found else "", text)
            total += Fraction(found[1]) * unit
            at = found.end()
        if not text or total > _LONGEST:
            raise NOT_A_DURATION.wrong(text=text)
        return cls(round(float(total), 3))

    def written(self) -> str:
        for name, unit in _DURATIONS.items():
            if self and self % unit == 0:
                return f"{int(self) // unit} {name}"
        return f"{self:.3f}".rstrip("0").rstrip(".") + " s"


def _why_no_duration(unit: str, text: str) -> ValueError:
    sentence = MINUTES_OR_MONTHS if unit.lower() == "m" else NOT_A_DURATION
    return sentence.wrong(text=text)


class Names(tuple[str, ...]):
    """Names in the order of the file, none twice; written with commas or on lines of their own."""

    kind: ClassVar[str] = "names"

    @classmethod
    def parse(cls, text: str) -> Self:
        names = split(text)
        for name in names:
            if len(name.split()) > 1:
                raise BLANK_IN_NAME.wrong(text=name)
        if twice := repeated(names):
            raise NAME_TWICE.wrong(text=twice)
        return cls(names)

    def __str__(self) -> str:
        return ", ".join(self)


class Dotted(str):
    """The name of a Python object of the operator's own: `package.module:object`.  Nothing is imported
    before `resolve`."""

    kind: ClassVar[str] = "a Python object"

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        if not _DOTTED.fullmatch(text):
            raise NOT_DOTTED.wrong(text=text)
        return cls(text)

    def resolve(self) -> Any:
        """The object.  ValueError with one sentence (for `Part.check`, or `Trouble`) when there is none."""
        module, _, path = self.partition(":")
        try:
            found: Any = importlib.import_module(module)
        except (Exception, SystemExit) as error:
            reason = Clean(shown(f"{type(error).__name__}: {error}", 300))
            raise NO_MODULE.wrong(module=module, reason=reason) from error
        for name in path.split("."):
            try:
                found = getattr(found, name)
            except AttributeError as error:
                names = [known for known in dir(found) if known.isprintable() and known[0] != "_"]
                raise NO_OBJECT.wrong(module=module, name=path, hint=hint(name, names)) from error
        return found


@dataclass(frozen=True)
class PartName:
    """`Annotated[str, PartName("tls")]`: the name of a section `[tls:...]`; also `Annotated[Names, ...]` for
    several, `Annotated[str | None, ...]` for one or none, or a type of your own whose `named` are such names.
    Read by `config.load`, which checks that the section is there."""

    room: str


@dataclass(frozen=True)
class AtLeast:
    """`Annotated[Size, AtLeast(65536, "rfc5321#4.5.3.1.7")]`: the smallest number allowed, and why."""

    number: float
    because: str = ""


@dataclass(frozen=True)
class AtMost:
    """The largest number allowed, and why."""

    number: float
    because: str = ""
