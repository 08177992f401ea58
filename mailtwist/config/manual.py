"""What the sample and the docs page tell: a chapter for each kind of section that is installed."""

import inspect
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import EntryPoint
from typing import Any

from mailtwist.config.fields import BrokenSettings, SettingField, fields_of, written
from mailtwist.config.load import NAMED, ONCE, Parts
from mailtwist.config.part import ROOMS, Part, installed
from mailtwist.config.problems import shown


@dataclass(frozen=True)
class Chapter:
    """One type of one room, a section that only has a name, or one that there is once.  `broken` says why it
    cannot be used, without fields."""

    room: str
    type: str
    words: str
    fields: tuple[SettingField, ...] = ()
    broken: str = ""

    @property
    def title(self) -> str:
        """The section that the sample gives to it."""
        return f"{self.room}:{self.type}" if self.type else self.room


def chapters(parts: Parts = installed) -> list[Chapter]:
    """Sections that there are once, those that only have a name, then the rooms in their order, the types of
    each by name."""
    once = [Chapter(name, "", _words(kind), fields_of(kind)) for name, kind in ONCE.items()]
    found = [
        _chapter(room, type_, point)
        for room in ROOMS
        for type_, point in sorted(parts(f"mailtwist.{room}").items())
    ]
    named = [Chapter(room, name, _words(kind), fields_of(kind)) for room, (kind, name) in NAMED.items()]
    return [*once, *named, *found]


def shown_value(field: SettingField, chapter: Chapter, types: Mapping[str, list[str]]) -> tuple[str, bool]:
    """What the sample writes behind the `=`, and whether that holds anyhow.  The name of another section is
    one that the sample has; `types` are those of each room."""
    value = usual(field)
    there = types.get(field.room, [])
    if field.room and value not in there and (value or field.required):
        others = [name for name in there if (field.room, name) != (chapter.room, chapter.type)]
        return (others[0], False) if others else (value, not field.required)
    return value, not field.required


def usual(field: SettingField) -> str:
    """The default as an operator writes it; an example, where there is none or it varies."""
    if field.make_default is None or field.varies:
        return field.example
    return written(field.make_default())


def _chapter(room: str, type_: str, point: EntryPoint) -> Chapter:
    try:
        part = point.load()
        if not isinstance(part, Part):
            raise BrokenSettings("it is not a Part")
        return Chapter(room, type_, _words(part.settings, point.module), fields_of(part.settings))
    except (Exception, SystemExit) as error:
        return Chapter(room, type_, "", broken=shown(f"{type(error).__name__}: {error}", 300))


def _words(settings: type[Any], module: str = "") -> str:
    """The first paragraph of the dataclass, or of its module when only `dataclass` wrote one."""
    own = inspect.getdoc(settings) or ""
    if own.startswith(f"{settings.__name__}("):
        own = inspect.getdoc(sys.modules[module]) or "" if module in sys.modules else ""
    return " ".join(own.split("\n\n")[0].split())
