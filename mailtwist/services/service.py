"""A mail service as a part: its ports, its door, its beginning and its end."""

import os
import socket
from collections.abc import Collection, Sequence
from contextlib import suppress
from typing import Any

from twisted.internet.defer import maybeDeferred
from twisted.internet.interfaces import IListeningPort

from mailtwist.config.network import Endpoints, Networks
from mailtwist.kit.clock import Clock
from mailtwist.services.door import Door, Visitor
from mailtwist.services.hello import HelloDoor
from mailtwist.services.listen import another, bind, serve, spoken
from mailtwist.services.proxied import ProxyDoor
from mailtwist.services.sockets import TlsFactory
from mailtwist.tls.listener import Listener


class MailService:
    """One section `[service:...]`.  In this order: `bind` (it may need privileges), `start`,
    `close_ports`, `finish`."""

    def __init__(
        self,
        listen: Endpoints,
        door: Door,
        implicit_tls: Any = None,
        socket_mode: int | None = None,
        alpn: Sequence[bytes] = (),
    ) -> None:
        """`implicit_tls` is the context factory of connections that begin with TLS, a `Listener` as a rule;
        None when they do not.  `socket_mode` is for Unix sockets; `alpn` is what is spoken here, for a
        service of type alpn that leads here."""
        self._listen = listen
        self._socket_mode = socket_mode
        self.alpn = tuple(alpn)
        self.leads_to: frozenset[str] = frozenset()
        """Names of other services that clients reach through this one."""
        self.door = door
        self._factory: Any = door
        self._hearing: HelloDoor | None = None
        if implicit_tls is not None:
            self._factory = TlsFactory(implicit_tls, False, door)
        if isinstance(implicit_tls, Listener):
            self._factory = self._hearing = HelloDoor(self._factory, implicit_tls, door.clock)
        self._introduced: ProxyDoor | None = None
        self._bound: list[socket.socket] = []
        self._queues: list[list[socket.socket]] = []
        self._lent = False
        self._ports: list[IListeningPort] = []
        self.places: list[str] = []

    def stand_behind(self, proxies: Networks, clock: Clock, believed: bool, most: int) -> None:
        """Connections come from these proxies alone: `ProxyDoor`."""
        self._introduced = self._factory = ProxyDoor(
            self.door.service, self._factory, proxies, clock, believed=believed, most=most
        )

    @property
    def ports(self) -> frozenset[int]:
        """Those that it is to listen on."""
        return frozenset(endpoint.port for endpoint in self._listen)

    @property
    def present(self) -> Collection[Visitor]:
        return self.door.present

    def bind(self, workers: int = 1) -> None:
        """Clients wait in the queue from now on; each of several `workers` has one of its own (`adopt`).
        `CannotListen`, and then nothing is bound."""
        try:
            for endpoint in self._listen:
                self._bound += bind(endpoint, self._socket_mode, several=workers > 1)
        except BaseException:
            self.unbind()
            raise
        self._queues = [self._bound]
        for _ in range(1, workers):
            self._queues.append([another(one) for one in self._bound])
        self.places = spoken(self._bound)

    def adopt(self, other: "MailService", worker: int) -> None:
        """In a process of its own: the queue of the `worker` (from 1) that `other`, the same section, has
        bound; the others are closed here."""
        self.places, self._lent = other.places, True
        self._bound = list(other._queues[worker - 1])
        for queue in other._queues:
            for one in queue:
                if queue is not other._queues[worker - 1]:
                    one.close()

    def withdraw(self) -> None:
        """In the process that has bound them: nobody can connect any more, but to those who still serve."""
        for one in [one for queue in self._queues for one in queue]:
            if one.fileno() >= 0 and one.family == socket.AF_UNIX:
                with suppress(OSError):
                    os.unlink(one.getsockname())
            one.close()
        self._bound, self._queues = [], []

    async def start(self) -> None:
        """Binds what is not bound yet."""
        if not self._bound:
            self.bind()
        while self._bound:
            self._ports.append(serve(self._bound.pop(0), self._factory, lent=self._lent))

    async def close_ports(self) -> None:
        """No new clients."""
        self.unbind()
        while self._ports:
            await maybeDeferred(self._ports.pop().stopListening)

    async def finish(self, grace: float) -> None:
        """No new clients; those who are here have `grace` seconds."""
        await self.close_ports()
        for before in (self._introduced, self._hearing):
            if before is not None:
                before.cut()
        await self.door.finish(grace)

    async def stop(self) -> None:
        """At once."""
        await self.finish(0)

    def abort(self) -> None:
        self.door.abort()

    def unbind(self) -> None:
        """Nobody waits in a queue any more."""
        while self._bound:
            self._bound.pop().close()
