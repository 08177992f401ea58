"""Which servers behind us get nobody new because an admin said so, in all processes that share the state."""

import os
import socket
from collections.abc import Callable, Collection, Coroutine, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

from mailtwist.config.part import Assembly
from mailtwist.kit.clock import Clock
from mailtwist.kit.events import Event
from mailtwist.kit.resolver import Resolver
from mailtwist.state.api import Durable, StateAway
from mailtwist.state.process import durable
from mailtwist.state.records import Backend

LOOK_EVERY = 0.25

DRAINED = Event("upstream.drained", "{host} is drained by {by}: nobody new goes there: {reason}", "warn")
UNDRAINED = Event("upstream.undrained", "{host} is not drained any more")


class Drained:
    """The hosts that the durable state names.  Read again when the state has changed, and no oftener than
    four times a second; while it is away, what it said last is true."""

    def __init__(self, state: Durable, clock: Clock) -> None:
        self.state = state
        self._clock = clock
        self._version: int | None = None
        self._looked = float("-inf")
        self._hosts: frozenset[str] = frozenset()

    async def hosts(self) -> Collection[str]:
        """For `gateway.dial.Pool`."""
        seconds = self._clock.seconds()
        if seconds - self._looked >= LOOK_EVERY:
            self._looked = seconds
            version = self.state.version()
            if version is None or version != self._version:
                await self._look(version)
        return self._hosts

    def note(self, upstream: str) -> Callable[[Sequence[Backend]], Coroutine[Any, Any, None]]:
        """The same."""
        process = f"{socket.gethostname()}/{os.getpid()}"

        async def noted(backends: Sequence[Backend]) -> None:
            with suppress(StateAway):
                mine = [replace(one, process=process) for one in backends]
                await self.state.note_backends(upstream, process, mine)

        return noted

    async def _look(self, version: int | None) -> None:
        try:
            drains = {one.host: one for one in await self.state.drains()}
        except StateAway:
            return
        self._version = version
        for host in sorted(drains.keys() - self._hosts):
            DRAINED.log(host=host, by=drains[host].by, reason=drains[host].reason or "no reason given")
        for host in sorted(self._hosts - drains.keys()):
            UNDRAINED.log(host=host)
        self._hosts = frozenset(drains)


def drained(assembly: Assembly) -> Drained:
    """The process's: `assembly.one(drained)`."""
    return Drained(durable(assembly), assembly.clock)


def names(assembly: Assembly) -> Resolver:
    """The process's addresses of hosts: `assembly.one(names)`."""
    return Resolver(assembly.clock)
