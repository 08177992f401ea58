"""Whatever connections do at two processes, in whatever order: no guess too many, no code twice."""

from typing import Any

from twisted.internet import reactor
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from mailtwist.kit.threads import Threads
from mailtwist.state.volatile.sqlite import Settings, SqliteVolatileState
from mailtwist.testing.assembly import OnePart
from tests.auth.any_order import AnyOrder
from tests.auth.any_world import InTurns
from tests.auth.house import memory
from tests.peers.programs import needs
from tests.state.redis_server import RedisTime, shared_server
from tests.state.volatile.redis.making import made_for, settings_for


class InDrawnOrder(AnyOrder):
    """Each piece of work is done when a seeded chance says so, and nothing else has a say."""

    def threads(self) -> Threads:
        return InTurns()

    async def work(self, number: int) -> None:
        for _ in range(number):
            waiting = [threads for threads in self._all if threads.waiting]
            if waiting:
                threads = self.world.chance.choice(waiting)
                threads.do(self.world.chance.randrange(len(threads.waiting)))

    async def rest(self) -> None:
        while any(threads.waiting for threads in self._all):
            await self.work(1)

    @property
    def _all(self) -> list[Any]:
        return [process.threads for process in self.processes]


class MemoryTests(InDrawnOrder, TestCase):
    """One process; what it knows ends with it."""

    PROCESSES = 1
    LASTS = GIVES_BACK = False

    def state(self, assembly: OnePart) -> Any:
        return memory(assembly)


class SqliteTests(InDrawnOrder, TestCase):
    """On the same two files."""

    def state(self, assembly: OnePart) -> Any:
        state = SqliteVolatileState(Settings(), assembly)
        state._threads = assembly.threads
        return state


@needs("redis-server")
class RedisTests(AnyOrder, TestCase):
    """On one Redis; the order is that of the network."""

    EXAMPLES = 8
    GIVES_BACK = False  # it does not wait for Redis

    async def begin(self, number: int) -> None:
        self.time = RedisTime(shared_server())
        self.settings = settings_for(shared_server())
        await super().begin(number)

    def threads(self) -> Threads:
        return Threads("redis", 4)

    def state(self, assembly: OnePart) -> Any:
        return made_for(self.settings, self.time.script)

    async def pass_time(self, seconds: float) -> None:
        self.time.advance(seconds)
        await super().pass_time(seconds)

    async def work(self, number: int) -> None:
        await deferLater(reactor, 0.001 * number)

    async def rest(self) -> None:
        await deferLater(reactor, 0.02)

    async def settled(self) -> None:
        await deferLater(reactor, 0.2)  # what is given back to Redis is on its way
        await super().settled()
