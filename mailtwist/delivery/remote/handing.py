"""One message is handed to a server that the configuration names, and logged in there if it wants that."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from mailtwist.auth.api import LoginRefused
from mailtwist.delivery.remote.session import Ours, RemoteSession, There, opened
from mailtwist.kit.connecting import NotConnected
from mailtwist.kit.resolver import Resolves
from mailtwist.kit.trouble import Trouble
from mailtwist.protocols.smtp.dialogue import log_in
from mailtwist.protocols.smtp.sending import NotTaken, Outgoing, sent
from mailtwist.tls.policy import NoTls, Policy

ADDRESSES = 4
"""Of the server that are tried."""

HANDING = 180.0
"""Seconds for the login and the message, once there is a session."""


class NotReached(Trouble):
    """No message was refused: there was nobody to take it, or nobody who is to be trusted."""

    def __init__(self, detail: str) -> None:
        super().__init__("4.4.1", "The next server cannot be reached, try again later", detail)


@dataclass(frozen=True)
class NextServer:
    """Where messages are handed in.  A `user` logs in, where the policy has made sure of the server."""

    host: str
    port: int
    policy: Policy = NoTls()
    implicit: bool = False
    user: str = ""
    password: str = field(default="", repr=False)


async def hand_over(server: NextServer, mail: Outgoing, ours: Ours, resolver: Resolves) -> None:
    """Returns when `server` has taken it.  `NotTaken` when it has refused it, for now or for good;
    `NotReached` for everything else that can happen on the way, whatever its code: a wrong certificate or
    password is no fault of the message."""
    try:
        session = await _opened(server, ours, await resolver.addresses(server.host))
        session.call.until = ours.clock.seconds() + HANDING
        try:
            await _logged_in(server, session)
            await sent(session.call, session.offers, mail)
        except NotTaken:
            await session.quit()
            raise
        except BaseException:
            session.call.abort()
            raise
    except NotTaken:
        raise
    except Trouble as trouble:
        raise NotReached(f"{server.host}: {trouble.detail or trouble.public}") from trouble
    await session.quit()


async def _opened(server: NextServer, ours: Ours, addresses: Sequence[str]) -> RemoteSession:
    """With the first address that takes a connection."""
    last: Trouble = NotReached(f"{server.host} has no address")
    for address in addresses[:ADDRESSES]:
        there = There(server.host, address, server.port, server.implicit)
        try:
            return await opened(there, [server.policy], ours)
        except NotConnected as trouble:
            last = trouble
    raise last


async def _logged_in(server: NextServer, session: RemoteSession) -> None:
    """A password is for the server that is meant, and for nobody in between."""
    if not server.user:
        return
    if not session.record.verified:
        raise NotReached("no password goes over a connection that is not verified")
    try:
        await log_in(session.call, session.offers, server.user.encode(), server.password.encode())
    except LoginRefused as refused:
        raise NotReached("it does not take the user name or the password") from refused
