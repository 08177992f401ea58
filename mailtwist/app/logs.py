"""The log: one line per event, as text or as JSON, to stderr or to a file that can be reopened."""

import json
import os
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from functools import lru_cache
from math import floor
from pathlib import Path
from threading import get_ident
from typing import Any, Literal, cast

from twisted.logger import ILogObserver, LogEvent, LogLevel, formatEvent
from zope.interface import implementer

Shape = Literal["text", "json"]
Level = Literal["debug", "info", "warn", "error", "critical"]

_LEVELS = [LogLevel.debug, LogLevel.info, LogLevel.warn, LogLevel.error, LogLevel.critical]
_SOON = _LEVELS[2:]
_OWN = "mailtwist"

GATHERED = 0.01
"""Seconds that lines which are no warning wait for others."""

MOST_GATHERED = 500
"""Lines that wait."""


@implementer(ILogObserver)
class Log:
    """An observer of twisted.logger.  Lines are written whole, so that those of several processes do not mix;
    a disk that is full loses lines and nothing else.

    Between `gather` and `flush`, what the reactor's thread tells waits up to `GATHERED` seconds; a warning or
    worse takes along what waits.  Each call to the kernel wakes whoever reads the log, which costs as much as
    a command of SMTP."""

    def __init__(self, path: Path | None, shape: Shape, level: Level) -> None:
        self._path = path
        self._write_line = _SHAPES[shape]
        self._least = _LEVELS.index(LogLevel.levelWithName(level))
        self._fd = 2 if path is None else _opened(path)
        self._later: Callable[[float, Callable[[], None]], object] | None = None
        self._thread = 0
        self._lines: list[str] = []

    def __call__(self, event: LogEvent) -> None:
        level = level_of(event)
        if _LEVELS.index(level) < self._least:
            return
        line = self._write_line(event, level.name)
        if self._later is None or get_ident() != self._thread:
            self._write(line)
        else:
            self._gathered(line, level in _SOON)

    def gather(self, later: Callable[[float, Callable[[], None]], object]) -> None:
        """Called in the reactor's thread, where `later` calls too.  Who begins this ends with `flush`."""
        self._later, self._thread = later, get_ident()

    def flush(self) -> None:
        """Nothing waits, nor will."""
        self._later = None
        self._write_gathered()

    def _gathered(self, line: str, soon: bool) -> None:
        self._lines.append(line)
        if soon or len(self._lines) >= MOST_GATHERED:
            self._write_gathered()
        elif len(self._lines) == 1 and self._later is not None:
            self._later(GATHERED, self._write_gathered)

    def _write_gathered(self) -> None:
        if self._lines:
            lines, self._lines = self._lines, []
            self._write("".join(lines))

    def _write(self, text: str) -> None:
        with suppress(OSError):
            os.write(self._fd, text.encode("utf-8", "backslashreplace"))

    @property
    def on_stderr(self) -> bool:
        return self._path is None

    def reopen(self) -> None:
        """The file by this name now, after a rotation; OSError leaves the old one in use."""
        if self._path is not None:
            fd = _opened(self._path)
            self._write_gathered()
            os.dup2(fd, self._fd, inheritable=False)  # at once: threads are writing
            os.close(fd)

    def belongs_to(self, uid: int, gid: int) -> None:
        """A process that is about to give up root can still reopen its log afterwards."""
        if self._path is not None:
            os.chown(self._fd, uid, gid)


def level_of(event: LogEvent) -> Any:
    """What others call info is debug here: Twisted tells of every port and factory."""
    level = event.get("log_level") or LogLevel.info
    own = str(event.get("log_namespace", "")).startswith(_OWN)
    return LogLevel.debug if level is LogLevel.info and not own else level


def as_text(event: LogEvent, level: str) -> str:
    """`2026-01-31T12:00:00.000Z warn login-refused [connection login] words`, a traceback below it."""
    ids = " ".join(str(event[key]) for key in ("connection", "login") if event.get(key))
    parts = [_time(event), level, str(event.get("event_id") or event.get("log_namespace", "-"))]
    if ids:
        parts.append(f"[{ids}]")
    lines = [" ".join([*parts, _one_line(_words(event))])]
    lines += [f"    {line}" for line in _traceback(event)]
    return "\n".join(lines) + "\n"


def as_json(event: LogEvent, level: str) -> str:
    """One object per line: time, level, event, message, and the event's own fields."""
    told: dict[str, Any] = {
        "time": _time(event),
        "level": level,
        "event": event.get("event_id") or event.get("log_namespace", "-"),
        "message": _words(event),
    }
    for key, value in event.items():
        if not key.startswith("log_") and key not in (*told, "event_id", "isError") and value != "":
            told[key] = value if isinstance(value, int | float | bool) else str(value)
    if trace := _traceback(event):
        told["traceback"] = trace
    text = json.dumps(told, ensure_ascii=False, default=str)
    if not text.isprintable():  # some take other characters than LF for the end of a line
        text = "".join(c if c.isprintable() else json.dumps(c)[1:-1] for c in text)
    return text + "\n"


_SHAPES: dict[str, Callable[[LogEvent, str], str]] = {"text": as_text, "json": as_json}


def _words(event: LogEvent) -> str:
    """What Twisted makes of it; for our own events by a shorter way, which knows no calls in a format."""
    if "event_id" in event:
        try:
            return cast(str, event["log_format"]).format_map(event).rstrip()
        except Exception:
            pass  # something in it cannot be written; Twisted says so in its words
    return formatEvent(event)


def _time(event: LogEvent) -> str:
    seconds = cast(float, event.get("log_time") or 0.0)
    whole = floor(seconds)
    return f"{_second(whole)}.{int((seconds - whole) * 1000):03d}Z"


@lru_cache(maxsize=4)
def _second(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def _one_line(text: str) -> str:
    """What strangers send cannot begin a line of its own."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def _traceback(event: LogEvent) -> list[str]:
    failure = event.get("log_failure")
    return [] if failure is None else [_one_line(line) for line in failure.getTraceback().splitlines()]


def _opened(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o640)
