"""What can stand between us and Redis: a way there that can be cut, and patience."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.logger import globalLogPublisher
from twisted.protocols.portforward import ProxyFactory, ProxyServer
from twisted.trial.unittest import TestCase

from mailtwist.kit.spawn import started
from mailtwist.state.api import StateAway
from mailtwist.state.records import Bucket, Charge
from tests.state.redis_server import RedisServer
from tests.state.volatile.redis.making import made_for

LEASE = 60.0


class _Way(ProxyServer):
    def dataReceived(self, data: bytes) -> None:
        if self.factory.drops(data):
            self.transport.abortConnection()
        else:
            super().dataReceived(data)

    def connectionMade(self) -> None:
        self.factory.open.add(self)
        super().connectionMade()

    def connectionLost(self, reason: Any) -> None:
        self.factory.open.discard(self)
        super().connectionLost(reason)


class Way(ProxyFactory):
    """To a port of the loopback, over another.  A connection over which goes what `drops` knows is cut."""

    noisy = False
    protocol = _Way

    def __init__(self, port: int) -> None:
        super().__init__("127.0.0.1", port)
        self.open: set[_Way] = set()
        self.drops: Callable[[bytes], bool] = lambda data: False


class FaultTests(TestCase):
    """With a server of its own, which a test may harm."""

    timeout = 60
    lines: tuple[str, ...] = ()

    def setUp(self) -> None:
        folder = Path(self.mktemp())
        folder.mkdir()
        self.server = RedisServer(folder, *self.lines).start()
        self.addCleanup(self.server.kill)

    async def begun(self, *args: Any) -> Any:
        """A state of these settings, which ends with the test."""
        state = made_for(*args)
        await state.start()
        self.addCleanup(lambda: started(state.stop()))
        return state

    async def way(self) -> tuple[Way, int]:
        way = Way(self.server.port)
        port: Any = reactor.listenTCP(0, way, interface="127.0.0.1")

        async def end() -> None:
            await port.stopListening()
            for one in list(way.open):
                one.transport.abortConnection()
            await until(lambda: not way.open)

        self.addCleanup(lambda: started(end()))
        return way, port.getHost().port

    async def is_away(self, state: Any) -> str:
        """It is, for every question, and says why."""
        away = await self.assertFailure(started(state.charge([a_bucket("x")], LEASE)), StateAway)
        await self.assertFailure(started(state.refused(b"x")), StateAway)
        await self.assertFailure(started(state.lead(b"x", 5)), StateAway)
        return str(away.detail)

    async def comes_back(self, state: Any) -> None:
        async def answers() -> bool:
            try:
                return await state.spent("anything", 900) == 0
            except StateAway:
                return False

        await until_async(answers)


def a_bucket(key: str, limit: int = 3, window: float = 900.0) -> Bucket:
    return Bucket(key, limit, window)


async def charged(state: Any, key: str, limit: int = 3) -> Charge:
    charge = await state.charge([a_bucket(key, limit)], LEASE)
    assert isinstance(charge, Charge), charge
    return charge


async def until(what: Callable[[], object]) -> None:
    """True in a moment; the test's timeout ends it otherwise."""
    while not what():
        await a_moment()


async def until_async(what: Callable[[], Any]) -> None:
    while not await what():
        await a_moment()


def a_moment(seconds: float = 0.02) -> Deferred[None]:
    return deferLater(reactor, seconds)


@contextmanager
def heard_events() -> Iterator[list[dict[str, Any]]]:
    """What the log says about Redis."""
    heard: list[dict[str, Any]] = []

    def hear(event: dict[str, Any]) -> None:
        if str(event.get("event_id")).startswith("state.redis"):
            heard.append(event)

    globalLogPublisher.addObserver(hear)
    try:
        yield heard
    finally:
        globalLogPublisher.removeObserver(hear)


async def until_spent(state: Any, key: str, spent: float) -> None:
    """So much is, once Redis answers."""

    async def so() -> bool:
        try:
            return bool(await state.spent(key, 900) == spent)
        except StateAway:
            return False

    await until_async(so)
