"""A connection to one address, or why there is none, in a few words."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol, cast

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress, IConnector
from twisted.internet.protocol import ClientFactory
from twisted.internet.protocol import Protocol as TwistedProtocol
from twisted.python.failure import Failure

from mailtwist.kit.clock import Clock
from mailtwist.kit.sockets import Connector
from mailtwist.kit.trouble import Trouble


class Call(Protocol):
    """A Twisted protocol (`protocols.client.Call`) that calls `made` when it has its connection; `where` is
    its name in the log."""

    where: str
    clock: Clock
    made: Callable[[], None] | None


class NotConnected(Trouble):
    """`why` has no address in it."""

    def __init__(self, where: str, why: str) -> None:
        super().__init__("4.4.1", "The server behind cannot be reached", f"{where}: {why}")
        self.why = why


async def connected(call: Call, address: str, port: int, seconds: float) -> None:
    """`call` is a TCP connection.  `NotConnected`, after `seconds` at the latest."""

    def begin(factory: ClientFactory[TwistedProtocol], reactor: Any) -> Any:
        connector = Connector(address, port, factory, cast(float, None), None, reactor)
        connector.connect()
        return connector

    await _connected(call, begin, seconds)


async def connected_to_path(call: Call, path: Path, seconds: float) -> None:
    """The same, to a Unix socket."""

    def begin(factory: ClientFactory[TwistedProtocol], reactor: Any) -> Any:
        return reactor.connectUNIX(os.fspath(path), factory, timeout=None)

    await _connected(call, begin, seconds)


async def _connected(call: Call, begin: Callable[["_Once", Any], Any], seconds: float) -> None:
    from twisted.internet import reactor

    factory = _Once(call)
    connector = begin(factory, reactor)
    timer = call.clock.later(seconds, factory.fail, f"no connection within {seconds:g} s")
    try:
        await factory.done
    except BaseException:
        connector.disconnect()
        raise
    finally:
        if timer.active():
            timer.cancel()


class _Once(ClientFactory[TwistedProtocol]):
    noisy = False

    def __init__(self, call: Call) -> None:
        self.done: Deferred[None] = Deferred()
        self._call = call

    def buildProtocol(self, addr: IAddress | None) -> TwistedProtocol | None:
        if self.done.called:
            return None
        self._call.made = self._made
        return cast(TwistedProtocol, self._call)

    def fail(self, why: str) -> None:
        if not self.done.called:
            self.done.errback(NotConnected(self._call.where, why))

    def clientConnectionFailed(self, connector: IConnector, reason: Failure) -> None:
        number = getattr(reason.value, "osError", None)
        self.fail(os.strerror(number) if isinstance(number, int) else reason.getErrorMessage())

    def _made(self) -> None:
        if not self.done.called:
            self.done.callback(None)
