"""What all workers have counted: each tells the others, by small files in the state folder."""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from twisted.internet.interfaces import IDelayedCall

from mailtwist.config.part import Assembly
from mailtwist.kit.clock import Clock
from mailtwist.kit.events import Event
from mailtwist.kit.files import Files
from mailtwist.kit.metrics import Labels, Metric, read
from mailtwist.kit.spawn import spawn
from mailtwist.kit.threads import Threads

NOT_TOLD = Event("metrics.not_told", "other workers do not hear what this one counts: {error}", "warn")

EVERY = 5.0
"""Seconds between two times that a worker tells what it has counted."""

FRESH = 20.0
"""Seconds after which what was told is no longer counted: who told it has ended."""

Values = Mapping[tuple[str, Labels], float]


class Workers:
    """Several processes; with one alone nothing is written."""

    def __init__(self, folder: Path, several: bool, clock: Clock, files: Files, threads: Threads) -> None:
        self._folder = folder
        self._several = several
        self._clock = clock
        self._files = files
        self._threads = threads
        self._own = folder / f"{os.getpid()}.json"
        self._next: IDelayedCall | None = None

    async def start(self) -> None:
        if self._several:
            self._tell_soon(0)

    async def stop(self) -> None:
        if self._next is not None and self._next.active():
            self._next.cancel()
        if self._several:
            self._own.unlink(missing_ok=True)

    async def others(self) -> Sequence[Values]:
        """What the other workers have told."""
        return await self._threads.run(self._read) if self._several else ()

    def _tell_soon(self, seconds: float) -> None:
        self._next = self._clock.later(seconds, lambda: spawn(self._tell(), "telling what was counted"))

    async def _tell(self) -> None:
        told = [[metric.id, labels, value] for metric, its in read() for labels, value in its.items()]
        try:
            await self._threads.run(self._write, json.dumps(told).encode())
        except OSError as error:
            NOT_TOLD.log(error=str(error))
        self._tell_soon(EVERY)

    def _write(self, told: bytes) -> None:
        """In a thread.  Whole or not at all, but not synced: it is of no use after the machine has ended."""
        self._files.make_folder(self._folder)
        new = self._own.with_suffix(".new")
        with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(told)
        new.replace(self._own)

    def _read(self) -> list[Values]:
        """In a thread.  What a worker left that did not end by itself is removed in time."""
        found: list[Values] = []
        for path in self._folder.glob("*.json"):
            with suppress(OSError, ValueError, TypeError):  # it has just been replaced, or is nobody's
                age = self._clock.now() - path.stat().st_mtime
                if age > 10 * FRESH:
                    path.unlink(missing_ok=True)
                elif path != self._own and age < FRESH:
                    found.append(
                        {(id, tuple(its)): float(value) for id, its, value in json.loads(path.read_bytes())}
                    )
        return found


def the_workers(assembly: Assembly) -> Workers:
    folder = assembly.folder / "metrics"
    return Workers(folder, assembly.workers > 1, assembly.clock, assembly.files, assembly.threads)


def together(others: Sequence[Values]) -> Iterator[tuple[Metric, Mapping[Labels, float]]]:
    """All metrics: of counters the sum of all workers, of gauges what this one shows, or else what another
    one does."""
    for metric, own in read():
        values = dict(own)
        for told in others:
            for (id, labels), value in told.items():
                if id == metric.id and len(labels) == len(metric.labels):
                    values[labels] = _one(metric, values.get(labels), value)
        yield metric, values


def _one(metric: Metric, known: float | None, told: float) -> float:
    if metric.kind == "counter":
        return (known or 0.0) + told
    return told if known is None else known
