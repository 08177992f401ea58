"""A settings dataclass filled from what is written in its section; all problems are told."""

import re
from dataclasses import dataclass, field
from itertools import filterfalse
from pathlib import Path
from typing import Any

from mailtwist.config.fields import BrokenSettings, SettingField, fields_of
from mailtwist.config.problems import Clean, Problems, Sentence, shown
from mailtwist.config.reader import WrittenSection, WrittenSetting

NO_SETTING = Sentence("setting-unknown", "there is no such setting{hint}")
MISSING = Sentence("setting-missing", 'it is required; write "{setting} = {example}"')
REFUSED = Sentence("settings-refused", "{reason}")
COMMENT = Sentence("value-comment", "{reason}; a comment stands on a line of its own")
INDENTED = Sentence(
    "value-indented", "{reason}; line {line} is indented, so it counts as more of this setting"
)

_COMMENT = re.compile(r"\s[#;]")
_LONGEST = 600  # characters of a sentence that a part's author wrote


@dataclass
class Filled:
    """`settings` is None when there are problems; `names` are those of other sections, as setting, room
    and name."""

    settings: Any = None
    names: list[tuple[str, str, str]] = field(default_factory=list)


def fill(kind: type[Any], section: WrittenSection, folder: Path, problems: Problems) -> Filled:
    """The settings of `section`, whose ini file is in `folder`.  `BrokenSettings` when `kind` cannot be
    used."""
    fields = {one.name: one for one in fields_of(kind)}
    filled = Filled()
    values: dict[str, Any] = {}
    for name in filterfalse(fields.__contains__, section.settings):
        tell(problems, section, name, NO_SETTING.said(hint=problems.hint(name, fields)))
    for name, one in fields.items():
        try:
            values[name] = _value(one, section.settings.get(name), folder)
        except _ToldAlready:
            continue
        except ValueError as error:
            tell(problems, section, name, shown(str(error), _LONGEST))
        else:
            filled.names += [(name, one.room, other) for other in _names(one, values[name])]
    if len(values) == len(fields):
        given = {one.attribute: values[name] for name, one in fields.items()}
        filled.settings = _made(kind, given, section, problems)
    return filled


def tell(problems: Problems, section: WrittenSection, setting: str, words: str) -> None:
    """Told in the line of the setting, or where its section begins."""
    found = section.settings.get(setting)
    problems.tell(words, found.line if found else section.line, section.name, setting)


class _ToldAlready(Exception):
    """The reader has told what is wrong with this line."""


def _value(one: SettingField, written: WrittenSetting | None, folder: Path) -> Any:
    if written is None:
        if one.required:
            raise MISSING.wrong(setting=one.name, example=one.example or "...")
        return one.default(folder)
    if written.broken:
        raise _ToldAlready
    try:
        return one.value(written.text, folder, written.further)
    except ValueError as error:
        raise _explained(error, one, written) from error
    except Exception as error:
        raise BrokenSettings(f"{one.name}: {type(error).__name__}: {error}") from error


def _explained(error: ValueError, one: SettingField, written: WrittenSetting) -> ValueError:
    """With what the operator may have had in mind."""
    reason = Clean(error)
    if _COMMENT.search(written.text):
        return COMMENT.wrong(reason=reason)
    if one.many and any("=" in line for line in written.lines[1:]):
        return INDENTED.wrong(reason=reason, line=written.further)
    return error


def _names(one: SettingField, value: Any) -> list[str]:
    """The sections of another room that a value names, or has `named` among other things."""
    if not one.room or not value:
        return []
    value = getattr(value, "named", value)
    return list(value) if isinstance(value, tuple) else [str(value)]


def _made(kind: type[Any], values: dict[str, Any], section: WrittenSection, problems: Problems) -> Any:
    try:
        return kind(**values)
    except ValueError as error:
        tell(problems, section, "", REFUSED.said(reason=Clean(shown(str(error), _LONGEST))))
    except Exception as error:
        raise BrokenSettings(f"{kind.__name__}: {type(error).__name__}: {error}") from error
    return None
