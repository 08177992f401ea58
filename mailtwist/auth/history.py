"""Who logged in when, or tried to: kept for a month, written off the way of the login."""

from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall

from mailtwist.config.part import Assembly
from mailtwist.kit.clock import Clock
from mailtwist.kit.events import Event
from mailtwist.kit.spawn import spawn
from mailtwist.kit.trouble import Trouble
from mailtwist.state.api import Durable
from mailtwist.state.process import durable
from mailtwist.state.records import LoginRecord

V = TypeVar("V")
Likeness = tuple[object, ...]

NOT_KEPT = Event(
    "history.not_kept", "{count} logins are not in the history of their accounts: {error}", "error"
)
LATE = Event("history.late", "{count} logins will be in the history later: {error}", "warn")

EVERY = 1.0
"""Seconds between two writes."""

PATIENCE = 10.0
"""The same, while the disk is full."""

ALIKE = 3600.0
"""Logins of an account that are alike, within so many seconds, are one row with a count."""

AGAIN = 60.0
"""Seconds between two writes of a row whose count grows."""

KINDS = 50
"""Rows of logins that got in that one account gets within `ALIKE`; what comes from still other places then is
one row."""

FAILED_KINDS = 10
"""The same of those that did not: strangers make them, all day and all night."""

MOST = 10_000
"""Rows that are known here, and rows that wait for the disk."""

STRANGERS = "?"
"""The account of names that nobody has, all together."""


@dataclass(slots=True)
class _Row:
    record: LoginRecord
    written: float | None = None


class _Latest(OrderedDict[Hashable, V], Generic[V]):
    """The `MOST` that were put in last."""

    def put(self, key: Hashable, value: V) -> V:
        self[key] = value
        if len(self) > MOST:
            self.popitem(last=False)
        return value


class History:
    """`note` takes memory only, and little of it, whoever attacks."""

    def __init__(self, durable: Durable, clock: Clock) -> None:
        self._durable = durable
        self._clock = clock
        self._rows: _Latest[_Row] = _Latest()
        self._kinds: _Latest[tuple[float, set[Likeness]]] = _Latest()
        self._waiting: dict[str, _Row] = {}
        self._next: IDelayedCall | None = None
        self._writing: Deferred[object] | None = None
        self._pause = EVERY
        self._lost = 0
        self._quiet_until = 0.0
        self._ended = False

    def note(self, record: LoginRecord) -> None:
        """It will be in the history within `EVERY`, a growing count within `AGAIN`.  Never waits, never
        fails: what cannot be written is told by an event."""
        record = self._bounded(record)
        key = _likeness(record)
        row = self._rows.get(key)
        if row is None or record.at - row.record.at >= ALIKE:
            row = self._rows.put(key, _Row(record))
        else:
            row.record = replace(row.record, count=row.record.count + record.count, last=record.at)
        if len(self._waiting) >= MOST and row.record.login not in self._waiting:
            self._complain(1, "too many wait")
            return
        self._waiting[row.record.login] = row
        self._soon()

    async def stop(self) -> None:
        """What was noted is written, or told."""
        self._ended = True
        if self._next is not None and self._next.active():
            self._next.cancel()
        writing = self._writing
        if writing is not None:
            await writing
        await self._write(list(self._waiting.values()))
        if self._waiting:
            self._complain(len(self._waiting), "the server ends")

    def _bounded(self, record: LoginRecord) -> LoginRecord:
        """A botnet does not fill the disk, nor does somebody who calls his program otherwise each time."""
        got_in = record.outcome == "accepted"
        key, most = (record.account, got_in), KINDS if got_in else FAILED_KINDS
        begun, kinds = self._kinds.get(key, (record.at, set()))
        if record.at - begun >= ALIKE:
            begun, kinds = record.at, set()
        self._kinds.put(key, (begun, kinds))
        likeness = _likeness(record)
        if likeness in kinds or len(kinds) < most:
            kinds.add(likeness)
            return record
        net = record.net if got_in else ""
        name = "" if record.account == STRANGERS else record.name
        return replace(record, name=name, address="", net=net, client="", device="", facts="")

    # -- writing
    def _soon(self) -> None:
        if not (self._ended or self._writing or (self._next and self._next.active())):
            self._next = self._clock.later(self._pause, self._begin)

    def _begin(self) -> None:
        before = self._clock.now() - AGAIN
        rows = [row for row in self._waiting.values() if row.written is None or row.written <= before]
        if rows:
            self._writing = spawn(self._write(rows), "writing the history")
            self._writing.addCallback(self._done)
        else:
            self._soon()

    def _done(self, result: object) -> None:
        self._writing = None
        if self._waiting:
            self._soon()

    async def _write(self, rows: list[_Row]) -> None:
        records = [row.record for row in rows]
        try:
            await self._durable.add_history(records)
        except Trouble as trouble:
            if self._pause == EVERY:
                LATE.log(count=len(rows), error=str(trouble))
            self._pause = PATIENCE
            return
        self._pause = EVERY
        now = self._clock.now()
        for row, record in zip(rows, records, strict=True):
            row.written = now
            if row.record is record:  # nothing was counted meanwhile
                self._waiting.pop(record.login, None)

    def _complain(self, count: int, error: str) -> None:
        """At most once a minute, with what was lost since."""
        self._lost += count
        now = self._clock.seconds()
        if now >= self._quiet_until:
            NOT_KEPT.log(count=self._lost, error=error)
            self._lost, self._quiet_until = 0, now + AGAIN


def _likeness(record: LoginRecord) -> Likeness:
    """Records that have the same are told in one row."""
    who = record.account, record.name, record.protocol, record.address, record.net, record.client
    return (*who, record.device, record.how, record.outcome, record.reason, record.would_fail, record.tls)


def the_history(assembly: Assembly) -> History:
    """For `assembly.one`."""
    return History(durable(assembly), assembly.clock)
