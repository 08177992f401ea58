"""A mail service as a part: its ports, its door, its beginning and its end."""

import socket
from collections.abc import Collection
from typing import Any

from twisted.internet.defer import maybeDeferred
from twisted.internet.interfaces import IListeningPort

from mailtwist.config.network import Endpoints, Networks
from mailtwist.kit.clock import Clock
from mailtwist.services.door import Door, Guest
from mailtwist.services.listen import bind, serve, spoken
from mailtwist.services.proxied import ProxyDoor
from mailtwist.services.sockets import TlsFactory


class MailService:
    """One section `[service:...]`.  In this order: `bind` (it may need privileges), `start`,
    `close_ports`, `finish`."""

    def __init__(
        self, listen: Endpoints, door: Door, implicit_tls: Any = None, socket_mode: int | None = None
    ) -> None:
        """`implicit_tls` is the context factory of connections that begin with TLS, None when they do not;
        `socket_mode` is for Unix sockets."""
        self._listen = listen
        self._socket_mode = socket_mode
        self._door = door
        self._factory: Any = door
        if implicit_tls is not None:
            self._factory = TlsFactory(implicit_tls, False, door)
        self._introduced: ProxyDoor | None = None
        self._bound: list[socket.socket] = []
        self._ports: list[IListeningPort] = []
        self.places: list[str] = []

    def stand_behind(self, proxies: Networks, clock: Clock, believed: bool, most: int) -> None:
        """Connections come from these proxies alone: `ProxyDoor`."""
        self._introduced = self._factory = ProxyDoor(
            self._door.service, self._factory, proxies, clock, believed=believed, most=most
        )

    @property
    def present(self) -> Collection[Guest]:
        return self._door.present

    def bind(self) -> None:
        """Clients wait in the queue from now on.  `CannotListen`, and then nothing is bound."""
        try:
            for endpoint in self._listen:
                self._bound += bind(endpoint, self._socket_mode)
        except BaseException:
            self.unbind()
            raise
        self.places = spoken(self._bound)

    async def start(self) -> None:
        """Binds what is not bound yet."""
        if not self._bound:
            self.bind()
        while self._bound:
            self._ports.append(serve(self._bound.pop(0), self._factory))

    async def close_ports(self) -> None:
        """No new clients."""
        self.unbind()
        while self._ports:
            await maybeDeferred(self._ports.pop().stopListening)

    async def finish(self, grace: float) -> None:
        """No new clients; those who are here have `grace` seconds."""
        await self.close_ports()
        if self._introduced is not None:
            self._introduced.cut()
        await self._door.finish(grace)

    async def stop(self) -> None:
        """At once."""
        await self.finish(0)

    def abort(self) -> None:
        self._door.abort()

    def unbind(self) -> None:
        """Nobody waits in a queue any more."""
        while self._bound:
            self._bound.pop().close()
