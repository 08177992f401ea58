"""From an ini file to a `Config`, or to every problem it has, each with its line."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

from mailtwist.config.audit import AuditSettings
from mailtwist.config.authority import AuthoritySettings
from mailtwist.config.domain import DomainSettings, domain_name, twice_in_windows
from mailtwist.config.fields import BrokenSettings
from mailtwist.config.fill import Filled, fill, tell
from mailtwist.config.limits import LimitsSettings
from mailtwist.config.login import LoginSettings
from mailtwist.config.notices import NoticesSettings
from mailtwist.config.part import ROOMS, Part, installed
from mailtwist.config.policy import PolicySettings
from mailtwist.config.problems import BadConfig, Clean, Problem, Problems, Sentence, shown
from mailtwist.config.reader import LARGEST, WrittenSection, read
from mailtwist.config.resolver import ResolverSettings
from mailtwist.config.sections import Config, Section
from mailtwist.config.server import ServerSettings

__all__ = ["BadConfig", "Config", "Section", "load", "load_text"]

NO_FILE = Sentence("file-missing", 'there is no such file; "mailtwist sample" prints one to begin with')
NOT_READABLE = Sentence("file-unreadable", "the file cannot be read: {reason}")
NO_ROOM = Sentence("section-unknown", "there is no such section{hint}")
NO_NAME = Sentence("section-no-name", 'the section has no name; write "[{room}:{name}]"')
BAD_NAME = Sentence(
    "section-name", 'the name "{name}" cannot be used; write a-z, 0-9, ".", "-" and "_" behind "{room}:"'
)
NO_TYPE = Sentence("type-missing", 'it is not said what kind of {room} this is; write "type = ..."{hint}')
UNKNOWN_TYPE = Sentence("type-unknown", 'no {room} of type "{type}" is installed{hint}')
BROKEN_PART = Sentence("type-broken", 'the type "{type}" is installed and cannot be used: {target}: {reason}')
NO_REFERENCE = Sentence("reference-missing", "there is no section [{room}:{name}]{hint}")
CIRCLE = Sentence("reference-circle", "sections need each other in a circle: {circle}; take one of them out")

SERVER, LOGIN = "server", "login"
ONCE: Mapping[str, type[Any]] = {
    SERVER: ServerSettings,
    LOGIN: LoginSettings,
    "limits": LimitsSettings,
    "audit": AuditSettings,
    "notices": NoticesSettings,
    "resolver": ResolverSettings,
}
"""Sections that the process has once; they may be left out."""
NAMED: Mapping[str, tuple[type[Any], str]] = {
    "domain": (DomainSettings, "example.org"),
    "policy": (PolicySettings, "everybody"),
    "authority": (AuthoritySettings, "internal"),
}
"""Sections of which there may be many, all of one kind, each with a name; and a name for the manual."""
Parts = Callable[[str], Mapping[str, EntryPoint]]
Key = tuple[str, str]  # room, name

_RING = 8  # sections of a circle that are told
_NAME = re.compile(r"[a-z0-9_][a-z0-9._-]{0,63}")


def load(path: str | Path, parts: Parts = installed) -> Config:
    """The config in the file `path`.  `BadConfig` with all problems, and no other exception, whatever is in
    there.  `parts(group)` are the entry points to choose from.  Imports the parts that are named and reads
    files of secrets; builds and opens nothing."""
    try:
        with open(path, "rb") as file:
            octets = file.read(LARGEST + 1)
    except FileNotFoundError:
        raise _unread(path, NO_FILE.said()) from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise _unread(path, NOT_READABLE.said(reason=reason)) from error
    return load_text(octets, path, parts)


def load_text(text: str | bytes, path: str | Path = "mailtwist.ini", parts: Parts = installed) -> Config:
    """The config in `text`, as if it stood in the file `path`."""
    octets = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    loading = _Loading(str(path), parts)
    config = loading.config(octets)
    if config is None:
        raise BadConfig(loading.problems.told())
    return config


def _unread(path: str | Path, words: str) -> BadConfig:
    return BadConfig([Problem(str(path), 0, "", "", words)])


class _Untold(Exception):
    """This section cannot be loaded: a sentence, or '' when it has been told."""

    def __init__(self, words: str, setting: str = "") -> None:
        super().__init__(words)
        self.words = words
        self.setting = setting


@dataclass(frozen=True)
class _Titled:
    """A section whose title is right."""

    written: WrittenSection
    room: str
    name: str


class _Loading:
    def __init__(self, path: str, parts: Parts) -> None:
        self.problems = Problems(path)
        self._folder = Path(path).absolute().parent
        self._parts = parts
        self._types: dict[str, Mapping[str, EntryPoint]] = {}
        self._needs: dict[Key, dict[Key, None]] = {}
        self._names: dict[str, list[str]] = {}

    def config(self, octets: bytes) -> Config | None:
        """None when there are problems."""
        sections = read(octets, self.problems)
        filled = {name: self._once(name, sections) for name in ONCE}
        titled = [one for section in sections if section.name not in ONCE for one in self._titled(section)]
        named = {room: self._named(room, titled) for room in NAMED}
        titled = [one for one in titled if one.room not in NAMED]
        self._needs = {(one.room, one.name): {} for one in titled}
        for one in titled:
            self._names.setdefault(one.room, []).append(one.name)
        for written, its in filled.values():
            for setting, room, name in its.names:
                self._must_be(written, setting, (room, name))
        loaded = [section for one in titled for section in self._section(one)]
        self._circle({(one.room, one.name): one.written for one in titled})
        if self.problems.found:
            return None
        once = {name: one.settings for name, (_, one) in filled.items()}
        server = filled[SERVER][0]
        lines = {"": server.line, **_lines(server)}
        file = Path(self.problems.file)
        return Config(file, once.pop(SERVER), tuple(loaded), lines, once.pop(LOGIN), once, named)

    def _once(self, name: str, sections: list[WrittenSection]) -> tuple[WrittenSection, Filled]:
        section = next((s for s in sections if s.name == name), WrittenSection(name, 0))
        return section, fill(ONCE[name], section, self._folder, self.problems)

    def _named(self, room: str, titled: list[_Titled]) -> dict[str, Any]:
        """The settings of the sections of a room that has one kind, by name."""
        kind = NAMED[room][0]
        its = [one for one in titled if one.room == room]
        found = {one.name: fill(kind, one.written, self._folder, self.problems).settings for one in its}
        written = {one.name: one.written for one in its}
        read = {name: one for name, one in found.items() if isinstance(one, DomainSettings)}
        for name, words in twice_in_windows(read):
            tell(self.problems, written[name], "netbios", words)
        return found

    def _titled(self, written: WrittenSection) -> list[_Titled]:
        room, _, name = written.name.partition(":")
        if room not in ROOMS and room not in NAMED:
            titles = [*ONCE, *(f"{known}:{shown(name) or '...'}" for known in (*NAMED, *ROOMS))]
            tell(self.problems, written, "", NO_ROOM.said(hint=self.problems.hint(written.name, titles)))
        elif not name:
            example = NAMED[room][1] if room in NAMED else next(iter(self._installed(room)), "name")
            tell(self.problems, written, "", NO_NAME.said(room=room, name=example))
        elif words := _wrong_name(room, name):
            tell(self.problems, written, "", words)
        else:
            return [_Titled(written, room, name)]
        return []

    def _section(self, one: _Titled) -> list[Section]:
        written = one.written
        lines = _lines(written)
        try:
            type_ = self._type(one)
            one.written.settings.pop("type", None)
            part, filled = self._part(one, type_)
        except _Untold as problem:
            if problem.words:
                tell(self.problems, written, problem.setting, problem.words)
            return []
        for setting, room, name in filled.names:
            self._refer(one, setting, (room, name))
        return [Section(one.room, one.name, type_, part, filled.settings, written.line, lines)]

    def _type(self, one: _Titled) -> str:
        """The type that is written, or the one that is called like the section."""
        known = self._installed(one.room)
        written = one.written.settings.get("type")
        if written is None:
            if one.name in known:
                return one.name
            raise _Untold(NO_TYPE.said(room=one.room, hint=self.problems.hint("", known)))
        if written.broken:
            raise _Untold("")
        if written.text not in known:
            words = UNKNOWN_TYPE.said(
                room=one.room, type=written.text, hint=self.problems.hint(written.text, known)
            )
            raise _Untold(words, "type")
        return written.text

    def _part(self, one: _Titled, type_: str) -> tuple[Part[Any], Filled]:
        """The installed part and its settings; the part may come from anybody and do anything."""
        point = self._installed(one.room)[type_]
        try:
            part = point.load()
            if not isinstance(part, Part):
                raise BrokenSettings("it is not a Part")
            return part, fill(part.settings, one.written, self._folder, self.problems)
        except BrokenSettings as error:
            reason = str(error)
        except (Exception, SystemExit) as error:
            reason = f"{type(error).__name__}: {error}"
        words = BROKEN_PART.said(type=type_, target=point.value, reason=Clean(shown(reason, 300)))
        raise _Untold(words)

    def _refer(self, one: _Titled, setting: str, key: Key) -> None:
        if self._must_be(one.written, setting, key):
            self._needs[one.room, one.name][key] = None

    def _must_be(self, written: WrittenSection, setting: str, key: Key) -> bool:
        """There is a section of that title, or it is told that there is none."""
        if key in self._needs:
            return True
        room, name = key
        words = NO_REFERENCE.said(
            room=room, name=name, hint=self.problems.hint(name, self._names.get(room, ()))
        )
        tell(self.problems, written, setting, words)
        return False

    def _circle(self, written: dict[Key, WrittenSection]) -> None:
        try:
            TopologicalSorter(self._needs).prepare()
        except CycleError as error:
            circle: list[Key] = error.args[1][::-1]
            first = min(circle, key=lambda key: written[key].line)
            at = circle.index(first)
            ring = [*circle[at:-1], *circle[:at], first]
            titles = [f"[{room}:{name}]" for room, name in ring]
            if len(titles) > _RING:
                titles[_RING - 2 : -1] = ["..."]
            words = CIRCLE.said(circle=Clean(" needs ".join(titles)))
            tell(self.problems, written[first], "", words)

    def _installed(self, room: str) -> Mapping[str, EntryPoint]:
        if room not in self._types:
            self._types[room] = self._parts(f"mailtwist.{room}")
        return self._types[room]


def _wrong_name(room: str, name: str) -> str:
    """What is wrong with it; '' when nothing is."""
    if room != "domain":
        return "" if _NAME.fullmatch(name) else BAD_NAME.said(name=name, room=room)
    try:
        domain_name(name)
    except ValueError as error:
        return str(error)
    return ""


def _lines(section: WrittenSection) -> dict[str, int]:
    return {name: setting.line for name, setting in section.settings.items()}
