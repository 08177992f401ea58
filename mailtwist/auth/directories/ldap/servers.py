"""The servers of one directory: which is asked, with which connections, and which is left alone."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal, TypeVar

from twisted.internet.defer import Deferred, DeferredSemaphore
from twisted.internet.interfaces import IDelayedCall

from mailtwist.auth.api import AccountUnavailable, LoginUnavailable
from mailtwist.auth.directories.ldap.connection import Connection, NotAnswered, described
from mailtwist.auth.directories.ldap.url import Url
from mailtwist.kit.clock import Clock
from mailtwist.kit.connecting import NotConnected, connected, connected_to_path
from mailtwist.kit.events import Event
from mailtwist.kit.resolver import Resolves, Unresolved
from mailtwist.kit.steps import step
from mailtwist.kit.threads import Threads
from mailtwist.kit.within import TooLate, within
from mailtwist.tls.outbound import Outbound

T = TypeVar("T")
Purpose = Literal["search", "bind"]
Work = Callable[[Connection], Awaitable[T]]

DOWN = Event("ldap.down", "[directory:{directory}] {where}: {reason}: left alone for {seconds} s", "error")
UP = Event("ldap.up", "[directory:{directory}] {where} answers again")

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0
"""Seconds that a server is left alone: doubled each time."""

IDLE = 60.0
"""Seconds after which a connection that nobody needs is closed."""

ADDRESSES = 4
"""Of one host that are tried."""


@dataclass(frozen=True)
class Manner:
    """How servers are spoken to.  A service without a `service` DN says nothing about itself."""

    start_tls: bool
    outbound: Outbound
    seconds: float
    connections: int
    service: str = ""
    password: bytes = field(default=b"", repr=False)


class Server:
    """One of them.  When it has failed it is left alone; then one question tries it, and others do not."""

    def __init__(self, url: Url, connections: int) -> None:
        self.url = url
        self.reason = ""
        self.turns = {kind: DeferredSemaphore(connections) for kind in ("search", "bind")}
        self.idle: dict[str, list[tuple[Connection, IDelayedCall]]] = {"search": [], "bind": []}
        self.heard = float("-inf")
        self._pause = FIRST_PAUSE
        self._until = 0.0
        self._tried = False

    def ready(self, now: float) -> bool:
        return not self.reason or (now >= self._until and not self._tried)

    def enter(self) -> bool:
        """When it is ready.  The answer: this is the one question that tries it."""
        if not self.reason:
            return False
        self._tried = True
        return True

    def left(self, tries: bool) -> None:
        if tries:
            self._tried = False

    def failed(self, reason: str, now: float) -> float:
        """For how long it is left alone from now on; 0 when that was known."""
        if self.reason and not self._tried:
            return 0.0
        pause, self._pause = self._pause, min(LONGEST_PAUSE, 2 * self._pause)
        self.reason, self._until = reason, now + pause
        return pause

    def answered(self) -> bool:
        """True when that is news."""
        news, self.reason, self._pause = bool(self.reason), "", FIRST_PAUSE
        return news


class Servers:
    """In the order in which they are asked: the first that is well."""

    def __init__(
        self,
        directory: str,
        urls: Sequence[Url],
        manner: Manner,
        resolver: Resolves,
        clock: Clock,
        threads: Threads,
    ) -> None:
        self._directory = directory
        self._manner = manner
        self._resolver = resolver
        self._clock = clock
        self._threads = threads
        self._stopped = False
        self._open: set[Connection] = set()
        self._emptied: Deferred[None] | None = None
        self.all = [Server(url, manner.connections) for url in urls]

    async def stop(self) -> None:
        """No connection is left."""
        self._stopped = True
        for server in self.all:
            self.drop_idle(server)
        for connection in tuple(self._open):
            connection.abort()
        if self._open:
            self._emptied = Deferred()
            await self._emptied

    def _gone(self, connection: Connection) -> None:
        self._open.discard(connection)
        if not self._open and self._emptied is not None and not self._emptied.called:
            self._emptied.callback(None)

    async def ask(self, purpose: Purpose, work: Work[T]) -> T:
        """What `work` makes of a connection to the first server that does not fail it: it raises
        `NotAnswered` when the server is of no use.  Connections for searches are the service's; those for
        binds are whoever's was bound last.  `LoginUnavailable` when all have failed, or are left alone;
        `AccountUnavailable` when it is this question alone that has no answer."""
        reasons = []
        kind: type[LoginUnavailable] = LoginUnavailable
        for server in self.all:
            if not server.ready(self._clock.seconds()):
                reasons.append(f"{server.url} is left alone: {server.reason}")
                step("{server} is left alone: {reason}", server=server.url, reason=server.reason)
                continue
            try:
                return await self._asked(server, purpose, work)
            except NotAnswered as failed:
                kind = AccountUnavailable if failed.well else kind
                reasons.append(f"{server.url}: {failed.why}")
                step("{server}: {reason}", server=server.url, reason=failed.why)
        raise kind(f"[directory:{self._directory}] {'; '.join(reasons)}")

    async def at(self, server: Server, work: Work[T]) -> T:
        """The same with a new connection to this server alone, whatever is known of it.  `NotAnswered`."""
        connection = await self._opened(server, "search")
        try:
            return await work(connection)
        finally:
            connection.close()

    # -- one server
    async def _asked(self, server: Server, purpose: Purpose, work: Work[T]) -> T:
        turn = server.turns[purpose]
        try:
            await within(self._clock, self._manner.seconds, _acquired(turn))
        except TooLate:
            raise NotAnswered("all connections to it are in use", well=True) from None
        try:
            if not server.ready(self._clock.seconds()):  # it has failed others meanwhile
                raise NotAnswered(server.reason)
            return await self._watched(server, purpose, work)
        finally:
            turn.release()

    async def _watched(self, server: Server, purpose: Purpose, work: Work[T]) -> T:
        """What becomes of it is known to all.  Who waits in vain, while others are answered, waits for what
        one person alone needs (a bind that is passed on to another server, say)."""
        tries, began = server.enter(), self._clock.seconds()
        try:
            answer = await self._worked(server, purpose, work)
        except NotAnswered as failed:
            if failed.slow and server.heard > began:
                raise NotAnswered(failed.why, well=True) from None
            if not failed.well:
                self._leave_alone(server, failed.why)
            raise
        finally:
            server.left(tries)
        server.heard = self._clock.seconds()
        if server.answered():
            UP.log(directory=self._directory, where=str(server.url))
        return answer

    def _leave_alone(self, server: Server, reason: str) -> None:
        if pause := server.failed(reason, self._clock.seconds()):
            self.drop_idle(server)
            its = {"where": str(server.url), "reason": reason, "seconds": round(pause)}
            DOWN.log(directory=self._directory, **its)

    async def _worked(self, server: Server, purpose: Purpose, work: Work[T]) -> T:
        """A server may have hung up on connections that were idle: they are no sign of trouble."""
        while (connection := self._taken(server, purpose)) is not None:
            try:
                return await self._used(server, purpose, connection, work)
            except NotAnswered as failed:
                if not failed.lost:
                    raise
        return await self._used(server, purpose, await self._opened(server, purpose), work)

    async def _used(self, server: Server, purpose: Purpose, connection: Connection, work: Work[T]) -> T:
        try:
            answer = await work(connection)
        except BaseException:
            connection.abort()
            raise
        self._keep(server, purpose, connection)
        return answer

    # -- connections
    def _taken(self, server: Server, purpose: Purpose) -> Connection | None:
        idle = server.idle[purpose]
        while idle:
            connection, timer = idle.pop()
            timer.cancel()
            if not connection.over:
                return connection
        return None

    def _keep(self, server: Server, purpose: Purpose, connection: Connection) -> None:
        if connection.over or self._stopped:
            connection.close()
            return
        timer = self._clock.later(IDLE, self._forget, server, purpose, connection)
        server.idle[purpose].append((connection, timer))

    def _forget(self, server: Server, purpose: Purpose, connection: Connection) -> None:
        server.idle[purpose] = [one for one in server.idle[purpose] if one[0] is not connection]
        connection.close()

    def drop_idle(self, server: Server) -> None:
        for kept in server.idle.values():
            while kept:
                connection, timer = kept.pop()
                timer.cancel()
                connection.close()

    async def _opened(self, server: Server, purpose: Purpose) -> Connection:
        """TLS, and for searches the service bound.  `NotAnswered`."""
        seconds = self._manner.seconds
        try:
            return await within(self._clock, seconds, self._opening(server, purpose, seconds))
        except TooLate:
            raise NotAnswered(f"no connection within {seconds:g} s") from None
        except (NotConnected, Unresolved) as failed:
            raise NotAnswered(failed.why) from None

    async def _opening(self, server: Server, purpose: Purpose, seconds: float) -> Connection:
        connection = await self._connected(server.url, seconds)
        try:
            await self._secured(server.url, connection, seconds)
            if purpose == "search":
                await self._introduced(connection, seconds)
        except BaseException:
            connection.abort()
            raise
        return connection

    async def _connected(self, url: Url, seconds: float) -> Connection:
        if url.path is not None:
            connection = self._made(url)
            await connected_to_path(connection, url.path, seconds)
            self._open.add(connection)
            return connection
        failed: NotConnected | None = None
        addresses = (await self._resolver.addresses(url.host))[:ADDRESSES]
        for address in addresses:
            connection = self._made(url)
            try:
                await connected(connection, address, url.port, seconds / len(addresses))
            except NotConnected as error:
                failed = NotConnected(str(url), f"{address}: {error.why}")
            else:
                self._open.add(connection)
                step("connected to {url} at {address}", url=url, address=address)
                return connection
        assert failed is not None
        raise failed

    def _made(self, url: Url) -> Connection:
        made = Connection(str(url), self._clock, self._threads)
        made.ended = partial(self._gone, made)
        return made

    async def _secured(self, url: Url, connection: Connection, seconds: float) -> None:
        towards: Any = None if url.path is not None else self._manner.outbound.context(url.host)
        if url.scheme == "ldaps":
            await connection.secure(towards, seconds)
        elif url.scheme == "ldap" and self._manner.start_tls:
            await connection.start_tls(towards, seconds)
        if connection.encrypted:
            step("TLS is spoken, and the certificate is one for {host}", host=towards.host)
        else:
            step("no TLS is spoken with {url}", url=url)

    async def _introduced(self, connection: Connection, seconds: float) -> None:
        service = self._manner.service
        if not service:
            return
        result = await connection.bind(service, self._manner.password, seconds)
        if result.code or result.policy:
            why = result.policy or described(result)
            raise NotAnswered(f"the server does not let bind_dn {service} in: {why}")
        step("bound as {service}", service=service)


async def _acquired(turn: DeferredSemaphore) -> None:
    await turn.acquire()
