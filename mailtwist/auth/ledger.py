"""The file of [audit]: one JSON object per decision, for programs that read along."""

import json
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from twisted.internet.interfaces import IDelayedCall

from mailtwist.config.audit import AuditSettings
from mailtwist.config.part import Assembly
from mailtwist.kit.clock import Clock
from mailtwist.kit.events import Event

NOT_WRITTEN = Event("audit.not_written", "{path}: {count} decisions are in the log alone: {error}", "error")

GATHERED = 0.01
"""Seconds that a line waits for others."""

QUIET = 60.0
"""Seconds between two complaints about a disk that is full."""


class Ledger:
    """Lines are written whole, so that those of several processes do not mix; a disk that is full loses lines
    and nothing else.  Without a `path` nothing is written."""

    def __init__(self, path: Path | None, clock: Clock) -> None:
        self._path = path
        self._clock = clock
        self._fd: int | None = None
        self._lines: list[str] = []
        self._soon: IDelayedCall | None = None
        self._torn = b""
        self._lost = 0
        self._quiet_until = 0.0

    async def start(self) -> None:
        """OSError when there can be no such file."""
        if self._path is not None:
            self._fd = _opened(self._path)

    async def stop(self) -> None:
        if self._soon is not None and self._soon.active():
            self._soon.cancel()
        self._write()
        fd, self._fd = self._fd, None
        if fd is not None:
            os.close(fd)

    async def reload(self) -> None:
        """The file by this name now, after a rotation; OSError leaves the old one in use."""
        if self._path is not None and self._fd is not None:
            fd = _opened(self._path)
            self._write()
            old, self._fd = self._fd, fd
            os.close(old)

    def write(self, now: float, told: Mapping[str, Any]) -> None:
        """One line, soon."""
        if self._fd is None:
            return
        moment = datetime.fromtimestamp(now, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        self._lines.append(json.dumps({"time": moment, **told}) + "\n")
        if self._soon is None or not self._soon.active():
            self._soon = self._clock.later(GATHERED, self._write)

    def _write(self) -> None:
        lines, self._lines = self._lines, []
        if not lines or self._fd is None:
            return
        octets = self._torn + "".join(lines).encode("ascii")
        try:
            if os.write(self._fd, octets) == len(octets):
                self._torn = b""
                return
            self._torn, error = b"\n", "the disk is full"
        except OSError as failed:
            error = str(failed)
        self._complain(len(lines), error)

    def _complain(self, lost: int, error: str) -> None:
        self._lost += lost
        now = self._clock.seconds()
        if now >= self._quiet_until:
            NOT_WRITTEN.log(path=self._path, count=self._lost, error=error)
            self._lost, self._quiet_until = 0, now + QUIET


def _opened(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o640)


def the_ledger(assembly: Assembly) -> Ledger:
    """For `assembly.one`."""
    return Ledger(assembly.settings(AuditSettings).path, assembly.clock)
