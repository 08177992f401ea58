"""Unix sockets as `listen` has bound them: who may open one was said then, and is not said again."""

import os
from contextlib import suppress
from typing import Any

from twisted.internet import tcp, unix
from twisted.python.failure import Failure


class UnixPort(unix.Port):
    """Twisted's lets everybody in once it listens, and may not do even that when the process has become
    somebody else since."""

    _bindPath: Any
    lent = False

    def startListening(self) -> None:
        port: Any = self
        reserved: Any = tcp._reservedFD
        reserved.reserve()
        port.factory.doStart()
        port.socket, port._preexistingSocket = port._preexistingSocket, None
        port.connected = True
        port.fileno = port.socket.fileno
        port.numberAccepts = 100
        port.startReading()

    def connectionLost(self, reason: Failure) -> None:
        if not self.lent:
            with suppress(OSError):
                os.unlink(self._bindPath)
        closed: Any = tcp.Port.connectionLost
        closed(self, reason)


def adopted(reactor: Any, descriptor: int, factory: Any, lent: bool = False) -> UnixPort:
    """A port that listens on the socket of `descriptor`, which stays the caller's to close.  `lent`: other
    processes listen there too, and its path stays."""
    make: Any = UnixPort._fromListeningDescriptor
    port: UnixPort = make(reactor, descriptor, factory)
    port.lent = lent
    port.startListening()
    return port
