"""That devices were used is noted in batches, off the way of a login: no login waits for the disk."""

from dataclasses import replace

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall

from mailtwist.kit.clock import Clock
from mailtwist.kit.events import Event
from mailtwist.kit.spawn import spawn
from mailtwist.kit.trouble import Trouble
from mailtwist.state.api import Durable
from mailtwist.state.records import Device, Touch

NOT_NOTED = Event("device.not_touched", "that {count} devices were used was not noted: {error}", "warn")

EVERY = 60.0
"""Mail programs come every minute: of one device a use is noted once in a while."""

SOON = 2.0
"""Seconds in which uses of all devices are gathered."""


class Uses:
    """What was noted and not written yet is lost with the process; `stop` writes it."""

    def __init__(self, durable: Durable, clock: Clock) -> None:
        self._durable = durable
        self._clock = clock
        self._waiting: dict[tuple[str, str], Touch] = {}
        self._soon: IDelayedCall | None = None
        self._writing: Deferred[object] | None = None

    def note(self, touch: Touch, device: Device) -> None:
        """A use, if the last one was long ago, or it tells something new."""
        quiet = 0 <= touch.at - device.last_used < EVERY
        if not quiet or touch.learn or device.refused_at is not None:
            self.add(touch)

    def add(self, touch: Touch) -> None:
        key = (touch.account, touch.device)
        known = self._waiting.get(key)
        self._waiting[key] = touch if known is None else _both(known, touch)
        if self._soon is None and self._writing is None:
            self._soon = self._clock.later(SOON, self._write)

    async def stop(self) -> None:
        if self._soon is not None:
            self._soon.cancel()
            self._soon = None
        if self._writing is not None:
            await self._writing
        await self._written()

    def _write(self) -> None:
        self._soon = None
        self._writing = spawn(self._written(), "noting the use of devices")
        self._writing.addCallback(self._done)

    def _done(self, result: object) -> None:
        self._writing = None
        if self._waiting and self._soon is None:
            self._soon = self._clock.later(SOON, self._write)

    async def _written(self) -> None:
        touches, self._waiting = list(self._waiting.values()), {}
        if not touches:
            return
        try:
            await self._durable.touch(touches)
        except Trouble as error:
            NOT_NOTED.log(count=len(touches), error=str(error))


def _both(first: Touch, then: Touch) -> Touch:
    """As one."""
    return replace(
        then,
        uses=first.uses + then.uses,
        address=then.address or first.address,
        net=then.net or first.net,
        client=then.client or first.client,
        learn=first.learn or then.learn,
    )
