"""From a login at the gateway to its session behind it: twisted.cred's realm of all gateway services."""

from collections.abc import Callable
from typing import Any, cast

from twisted.cred.portal import IRealm
from zope.interface import implementer

from mailtwist.auth.api import Accepted, LoginRequest, LoginUnavailable, Person
from mailtwist.auth.checker import LoginTicket
from mailtwist.gateway.api import IUpstreamSession, Kind, Session
from mailtwist.gateway.chosen import Chosen
from mailtwist.gateway.errand import KINDS
from mailtwist.gateway.transaction import Performance
from mailtwist.kit.spawn import spawn
from mailtwist.protocols.smtp.door import IReception

Avatar = tuple[Any, Any, Callable[[], object]]


class Opening:
    """`auth.api.Behind` and `SupportsPlaces`: a login whose directory opens nothing is made at the server
    behind us as well, with the bare password or in whatever way that upstream has, before it counts as
    one."""

    def __init__(self, chosen: Chosen) -> None:
        self._chosen = chosen

    async def place(self, person: Person, request: LoginRequest) -> str:
        return await self._chosen.place(self._kind(request), person.name, request)

    async def open(self, accepted: Accepted, request: LoginRequest) -> Session:
        return await self._chosen.open(self._kind(request), accepted, request)

    def _kind(self, request: LoginRequest) -> Kind:
        kind = KINDS.get(request.protocol)
        if kind is None or not self._chosen:
            raise LoginUnavailable('nobody says which server is behind: the service has no "upstream"')
        return kind


@implementer(IRealm)
class GatewayRealm:
    """Gives `IUpstreamSession`: a `gateway.api.Session`; and for submission `IReception`, which performs each
    mail at such a session.  The login has opened it on the way: its directory did, or `behind`."""

    def __init__(self, chosen: Chosen) -> None:
        self.behind = Opening(chosen)

    def requestAvatar(self, avatarId: Any, mind: Any, *interfaces: Any) -> Any:
        wanted = next((one for one in (IUpstreamSession, IReception) if one in interfaces), None)
        if wanted is None or not isinstance(avatarId, LoginTicket):
            raise NotImplementedError("this realm has nothing of that kind")
        session = _taken(avatarId)
        if wanted is IReception:
            performance = Performance(session, str(avatarId))
            return IReception, performance, lambda: spawn(performance.close(), "closing a session behind us")
        return IUpstreamSession, session, lambda: spawn(session.close(), "closing a session behind us")


def _taken(ticket: LoginTicket) -> Session:
    accepted = ticket.take()
    opened: Any = None if accepted is None else accepted.opened
    if getattr(opened, "kind", None) not in KINDS.values():
        raise LoginUnavailable("this login has opened nothing behind us")
    return cast(Session, opened)
