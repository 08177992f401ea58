"""The fields of a settings dataclass: how each is read from text, written, and called in the manual."""

import dataclasses
import re
import types
from collections.abc import Callable
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from mailtwist.config.places import Placed
from mailtwist.config.problems import Clean, Sentence, hint
from mailtwist.config.values import AtLeast, AtMost, PartName

NOT_A_NUMBER = Sentence("number", '"{text}" is not a whole number; write digits only: "100"')
NOT_YES_NO = Sentence("yes-no", '"{text}" is neither "yes" nor "no"; write one of them')
NOT_A_CHOICE = Sentence("choice", '"{text}" cannot be chosen{hint}')
TOO_SMALL = Sentence("too-small", '"{text}" is too small; write "{limit}" or more{because}')
TOO_LARGE = Sentence("too-large", '"{text}" is too large; write "{limit}" or less{because}')
NO_VALUE = Sentence("value-none", 'nothing stands behind the "="; write {kind}{otherwise}')
ONE_LINE = Sentence(
    "value-lines", "it has one line only; line {line} is indented, so it counts as more of this setting"
)

_NUMBER = re.compile(r"-?[0-9]{1,18}")
_YES_NO = {"yes": True, "true": True, "on": True, "1": True, "no": False, "false": False, "off": False}
_YES_NO["0"] = False
_HUMP = re.compile(r"(?<=[a-z])(?=[A-Z])")
_BOUNDS: tuple[tuple[type[AtLeast] | type[AtMost], Sentence, Callable[[float, float], bool]], ...] = (
    (AtLeast, TOO_SMALL, lambda value, limit: value < limit),
    (AtMost, TOO_LARGE, lambda value, limit: value > limit),
)


class BrokenSettings(Exception):
    """A part's dataclass is not one of settings: its author has to hear of it."""


@dataclasses.dataclass(frozen=True)
class SettingField:
    """One setting as its dataclass describes it.  `name` is what an operator writes, `attribute` the same or,
    where Python has the word for itself, with a `_` behind it; `type` is without `Annotated` and `| None`,
    `room` that of `PartName` or ''."""

    name: str
    attribute: str
    type: Any
    optional: bool
    words: str
    example: str
    notes: tuple[Any, ...]
    make_default: Callable[[], Any] | None
    varies: bool  # the default is another on every machine

    @property
    def required(self) -> bool:
        return self.make_default is None

    @property
    def room(self) -> str:
        return next((note.room for note in self.notes if isinstance(note, PartName)), "")

    @property
    def limits(self) -> str:
        """Its bounds in words: `at least 100 (rfc5321#4.5.3.1.8)`, or ''."""
        told = []
        for note in self.notes:
            if isinstance(note, AtLeast | AtMost):
                side = "at least" if isinstance(note, AtLeast) else "at most"
                told.append(f"{side} {written(self.type(note.number))}{_because(note)}")
        return ", ".join(told)

    @property
    def takes(self) -> str:
        """Its kind and its bounds."""
        return ", ".join(filter(None, (self.kind, self.limits)))

    def default(self, folder: Path) -> Any:
        """Its value where nothing is written, in an ini file in `folder`."""
        if self.make_default is None:
            raise LookupError(f"{self.name} has no default")
        return placed(self.make_default(), folder)

    @property
    def many(self) -> bool:
        """The value may have several lines."""
        return isinstance(self.type, type) and issubclass(self.type, tuple)

    @property
    def kind(self) -> str:
        """What is to be written, in the words of the manual."""
        if self.room and not hasattr(self.type, "named"):
            return f"the name of a [{self.room}:...] section" + (", or several" if self.many else "")
        if choices := _choices(self.type):
            return " or ".join(choices)
        own = _KINDS.get(self.type) or getattr(self.type, "kind", None)
        return own or _HUMP.sub(" ", self.type.__name__).lower()

    def value(self, text: str, folder: Path, further: int = 0) -> Any:
        """What `text` means; `further` is the line number of its second line.  ValueError says what to write
        instead."""
        if not text:
            return placed(self._nothing(), folder)
        if further and not self.many:
            raise ONE_LINE.wrong(line=further)
        value = _parsed(self.type, text)
        self._within_bounds(value, text)
        return placed(value, folder)

    def _nothing(self) -> Any:
        if self.make_default is not None:
            if self.optional:
                return None
            if self.many:
                return self.type()
            if written(default := self.make_default()) == "":
                return default
        otherwise = Clean("" if self.required else ", or remove the line")
        raise NO_VALUE.wrong(kind=self.kind, otherwise=otherwise)

    def _within_bounds(self, value: Any, text: str) -> None:
        for note in self.notes:
            for bound, sentence, beyond in _BOUNDS:
                if isinstance(note, bound) and beyond(value, note.number):
                    limit = written(self.type(note.number))
                    raise sentence.wrong(text=text, limit=limit, because=Clean(_because(note)))


def _because(note: AtLeast | AtMost) -> str:
    return f" ({note.because})" if note.because else ""


def written(value: Any) -> str:
    """`value` as an operator writes it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Enum):
        return str(value.value)
    own = getattr(value, "written", None)
    if own is not None:
        return str(own())
    if isinstance(value, tuple) and type(value).__str__ is object.__str__:
        return ", ".join(map(written, value))
    return str(value)


def placed(value: Any, folder: Path) -> Any:
    """`value`, if it depends on it, as meant in an ini file in `folder`."""
    return value.within(folder) if isinstance(value, Placed) else value


def fields_of(settings: type[Any]) -> tuple[SettingField, ...]:
    """The settings of a dataclass in its order.  `BrokenSettings` when a field is not one."""
    if not dataclasses.is_dataclass(settings):
        raise BrokenSettings(f"{settings!r} is not a dataclass")
    try:
        hints = get_type_hints(settings, include_extras=True)
    except Exception as error:
        raise BrokenSettings(f"{settings.__name__}: {type(error).__name__}: {error}") from error
    return tuple(_described(f, hints[f.name], settings) for f in dataclasses.fields(settings) if f.init)


def _described(field: dataclasses.Field[Any], hint: Any, settings: type[Any]) -> SettingField:
    kind, notes, optional = _plain(hint)
    where = f"{settings.__name__}.{field.name}"
    if "words" not in field.metadata or field.name == "type":
        raise BrokenSettings(f"{where} is not made with config.settings.setting, or is called type")
    if not (_choices(kind) or kind in _PARSERS or hasattr(kind, "parse")):
        raise BrokenSettings(f"{where}: {kind!r} has no parse(text)")
    return SettingField(
        name=field.name.removesuffix("_"),
        attribute=field.name,
        type=kind,
        optional=optional,
        words=field.metadata["words"],
        example=field.metadata.get("example", ""),
        notes=notes,
        make_default=_default(field),
        varies=field.default_factory is not dataclasses.MISSING,
    )


def _default(field: dataclasses.Field[Any]) -> Callable[[], Any] | None:
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory
    return None if field.default is dataclasses.MISSING else lambda: field.default


def _plain(hint: Any) -> tuple[Any, tuple[Any, ...], bool]:
    """A type without `Annotated` and `| None`; the annotations; whether None was allowed."""
    notes: tuple[Any, ...] = ()
    optional = False
    while True:
        if get_origin(hint) is Annotated:
            notes += hint.__metadata__
            hint = hint.__origin__
        elif get_origin(hint) in (Union, types.UnionType) and len(some := _some(hint)) == 1:
            optional = True
            hint = some[0]
        else:
            return hint, notes, optional


def _some(hint: Any) -> list[Any]:
    return [one for one in get_args(hint) if one is not type(None)]


def _choices(kind: Any) -> dict[str, Any]:
    """The words of a Literal or an Enum, and what they mean."""
    if get_origin(kind) is Literal:
        return {str(choice): choice for choice in get_args(kind)}
    if isinstance(kind, type) and issubclass(kind, Enum):
        return {str(choice.value): choice for choice in kind}
    return {}


def _parsed(kind: Any, text: str) -> Any:
    if choices := _choices(kind):
        if text not in choices:
            raise NOT_A_CHOICE.wrong(text=text, hint=hint(text, choices))
        return choices[text]
    parse = _PARSERS.get(kind) or kind.parse
    return parse(text)


def _number(text: str) -> int:
    if not _NUMBER.fullmatch(text):
        raise NOT_A_NUMBER.wrong(text=text)
    return int(text)


def _yes_no(text: str) -> bool:
    if text.lower() not in _YES_NO:
        raise NOT_YES_NO.wrong(text=text)
    return _YES_NO[text.lower()]


_PARSERS: dict[Any, Callable[[str], Any]] = {str: str, int: _number, bool: _yes_no}
_KINDS = {str: "text", int: "a number", bool: "yes or no"}
