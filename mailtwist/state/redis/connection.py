"""Reaching Redis: the right server, also behind Sentinel, signed in and looked at before it is used."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from twisted.internet.defer import CancelledError
from twisted.internet.error import ConnectError, ConnectingCancelledError, DNSLookupError

from mailtwist.config.secret import Secret
from mailtwist.kit.clock import Clock
from mailtwist.state.api import StateAway
from mailtwist.state.redis.health import Report, report
from mailtwist.state.redis.link import ErrorReply, Link, Links
from mailtwist.state.redis.place import Server, Trust, Url


@dataclass(frozen=True)
class Login:
    """An ACL user and its password; '' is the default user, None no password at all."""

    user: str = ""
    password: Secret | None = field(default=None, repr=False)

    async def sign_in(self, link: Link) -> None:
        if self.password is None:
            return
        user = [self.user.encode()] if self.user else []
        try:
            await link.ask(b"AUTH", *user, self.password.reveal_octets())
        except ErrorReply as error:  # a server without AUTH repeats what it was told
            raise ErrorReply(str(error).partition(", with args")[0]) from None


@dataclass(frozen=True)
class Sentinels:
    """Those who know which server is the master called `master`."""

    servers: Sequence[Server]
    master: str
    login: Login = Login()


@dataclass(frozen=True)
class Reach:
    """How connections are made.  `StateAway` says why one cannot be, after `timeout` seconds for each step at
    the latest.  Who `only_reads` is content with a replica, and needs no right to ask what it is."""

    url: Url
    login: Login
    trust: Trust
    sentinels: Sentinels | None
    timeout: float
    clock: Clock
    only_reads: bool = False

    async def commands(self, seen: Callable[[Report], object]) -> Link:
        """A connection to the master, for commands; `seen` hears what the server says about itself."""
        link = await self._signed_in(_nothing)
        return await _or_closed(link, self._looked_at(link, seen))

    async def channels(self, names: Sequence[bytes], heard: Callable[[bytes], object]) -> Link:
        """A connection that hears what is published on these channels."""
        link = await self._signed_in(heard)
        return await _or_closed(link, link.ask(b"SUBSCRIBE", *names))

    async def still_right(self, link: Link) -> None:
        """`StateAway` when it is another server's turn, or this one does not answer."""
        await link.ask(b"PING")
        if self.sentinels is not None and await self._master(self.sentinels) != link.server:
            raise StateAway("another server is the master now")

    async def _looked_at(self, link: Link, seen: Callable[[Report], object]) -> None:
        if self.url.database:
            await link.ask(b"SELECT", b"%d" % self.url.database)
        if self.only_reads:
            await link.ask(b"PING")
            return
        found = report(await link.ask(b"INFO"))
        if found.is_loading:
            raise StateAway("it is loading its data")
        if not found.is_master:
            raise StateAway("it is a replica")
        seen(found)

    async def _signed_in(self, heard: Callable[[bytes], object]) -> Link:
        server = await self._master(self.sentinels) if self.sentinels else self.url.server
        return await self._connected(server, self.login, heard)

    async def _master(self, sentinels: Sentinels) -> Server:
        """What the first of them says that answers."""
        why = ""
        for one in sentinels.servers:
            try:
                return await self._asked(one, sentinels)
            except StateAway as away:
                why = f"{why}; {away.detail}"
        raise StateAway(f"no Sentinel knows the master {sentinels.master}{why}")

    async def _asked(self, one: Server, sentinels: Sentinels) -> Server:
        link = await self._connected(one, sentinels.login, _nothing)
        try:
            found = await link.ask(b"SENTINEL", b"get-master-addr-by-name", sentinels.master.encode())
            return Server(found[0].decode(), int(found[1]))
        except (ErrorReply, TypeError, ValueError, LookupError) as error:
            raise StateAway(f"it names no master ({error})") from error
        finally:
            link.give_up("it has been asked")
            await link.lost()

    async def _connected(self, server: Server, login: Login, heard: Callable[[bytes], object]) -> Link:
        links = Links(lambda: Link(self.clock, self.timeout, heard, server))
        try:
            link: Link = await self._endpoint(server).connect(links)
        except ConnectingCancelledError:
            raise CancelledError from None
        except (ConnectError, DNSLookupError, ValueError, OSError) as error:
            raise StateAway(f"{server}: {_said(error)}") from error
        return await _or_closed(link, login.sign_in(link))

    def _endpoint(self, server: Server) -> Any:
        from twisted.internet import endpoints, reactor

        if not server.port:
            return endpoints.UNIXClientEndpoint(reactor, server.host, self.timeout)
        endpoint = endpoints.HostnameEndpoint(reactor, server.host, server.port, self.timeout)
        if not self.url.is_tls:
            return endpoint
        return endpoints.wrapClientTLS(self.trust.options(server.host), endpoint)


async def _or_closed(link: Link, work: Any) -> Link:
    """The link after `work`; when that fails, or nobody waits any more, nothing of the link is left."""
    try:
        await work
        return link
    except BaseException as error:
        link.give_up("it was not wanted")
        await link.lost()
        if isinstance(error, ErrorReply):
            raise StateAway(f"{link.server}: {error}") from None
        if isinstance(error, StateAway):
            raise StateAway(f"{link.server}: {error.detail}") from None
        raise


def _said(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__


def _nothing(word: bytes) -> None: ...
