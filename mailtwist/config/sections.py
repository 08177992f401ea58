"""A config that was read without problems: its sections, and where each setting stands."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from mailtwist.config.login import LoginSettings
from mailtwist.config.part import Part
from mailtwist.config.problems import Problem
from mailtwist.config.server import ServerSettings

T = TypeVar("T")


@dataclass(frozen=True)
class Section:
    """`[room:name]`: the part that its `type` picked, that part's settings, and the lines they stand in."""

    room: str
    name: str
    type: str
    part: Part[Any] = field(repr=False)
    settings: Any
    line: int
    lines: Mapping[str, int] = field(repr=False)

    @property
    def title(self) -> str:
        """What stands in the brackets."""
        return f"{self.room}:{self.name}"


@dataclass(frozen=True)
class Config:
    """`path` is that of the ini file; `server` and `login` are [server] and [login], `once` are the settings
    of the other sections that the process has once, by name; `named` those of rooms that have one kind of
    section, by room and name; `sections` has those of the rooms in the order
    of the file; `server_lines` says where the settings of [server] stand, under '' where the section
    begins."""

    path: Path
    server: ServerSettings
    sections: tuple[Section, ...]
    server_lines: Mapping[str, int] = field(default_factory=dict, repr=False)
    login: LoginSettings = field(default_factory=LoginSettings)
    once: Mapping[str, Any] = field(default_factory=dict)
    named: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @property
    def folder(self) -> Path:
        """The ini file's folder, where relative paths begin."""
        return self.path.absolute().parent

    def settings(self, kind: type[T]) -> T:
        """Those of the section that the process has once and whose settings are of this kind; the defaults
        when there is none."""
        return next((one for one in self.once.values() if isinstance(one, kind)), None) or kind()

    def several(self, kind: type[T]) -> dict[str, T]:
        """Those of the sections whose settings are of this kind, by name, in the order of the file."""
        every = [pair for room in self.named.values() for pair in room.items()]
        return {name: one for name, one in every if isinstance(one, kind)}

    def section(self, room: str, name: str) -> Section | None:
        return next((s for s in self.sections if (s.room, s.name) == (room, name)), None)

    def problem(self, section: Section | None, setting: str, words: str) -> Problem:
        """A problem found later, told with its line; None is `[server]`."""
        if section is None:
            lines, title, line = self.server_lines, "server", self.server_lines.get("", 0)
        else:
            lines, title, line = section.lines, section.title, section.line
        return Problem(str(self.path), lines.get(setting, line), title, setting, words)

    def blamed(self, words: str) -> tuple[Section | None, str]:
        """The section that these words of `CannotAssemble` begin with, and what they say of it."""
        for section in self.sections:
            prefix = f"[{section.room}:{section.name}]: "
            if words.startswith(prefix):
                return section, words.removeprefix(prefix)
        return None, words
