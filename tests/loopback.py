"""A port on loopback for one test: closed after it, when everybody who came has gone."""

from collections.abc import Callable
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred, DeferredList
from twisted.internet.protocol import Protocol, ServerFactory
from twisted.protocols.tls import TLSMemoryBIOFactory


class Visited(ServerFactory):
    """Makes its protocols by `make`."""

    noisy = False

    def __init__(self, make: Callable[[], Protocol]) -> None:
        self._make = make
        self._gone: list[Deferred[None]] = []

    def buildProtocol(self, address: object) -> Protocol:
        made = self._make()
        made.factory = self
        gone: Deferred[None] = Deferred()
        self._gone.append(gone)
        lost = made.connectionLost

        def connectionLost(reason: Any) -> None:
            lost(reason)
            gone.callback(None)

        made.connectionLost = connectionLost
        return made

    def empty(self) -> Deferred[Any]:
        """Fires when all who came have gone."""
        return DeferredList(self._gone)


def listening(case: Any, make: Callable[[], Protocol], contexts: Any = None) -> int:
    """The number of the port; with `contexts` TLS is spoken from the first octet."""
    visited = Visited(make)
    factory = TLSMemoryBIOFactory(contexts, False, visited) if contexts is not None else visited
    factory.noisy = False
    port = reactor.listenTCP(0, factory, interface="127.0.0.1")
    case.addCleanup(visited.empty)
    case.addCleanup(port.stopListening)
    return port.getHost().port
