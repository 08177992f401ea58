"""What the gateway's services have in common: whose server is asked, and the step to a relay."""

from abc import abstractmethod
from collections.abc import Collection
from dataclasses import dataclass
from typing import Annotated, Any

from twisted.internet.interfaces import IHalfCloseableProtocol
from zope.interface import implementer

from mailtwist.config.part import Assembly
from mailtwist.config.settings import setting
from mailtwist.config.values import Names, PartName
from mailtwist.gateway.api import IUpstreamSession, Kind, Session
from mailtwist.gateway.chosen import BOTH, Chosen
from mailtwist.gateway.early import served
from mailtwist.gateway.relay.joined import Joined
from mailtwist.services.door import Guest
from mailtwist.services.settings import ServiceSettings


@dataclass(frozen=True)
class GatewaySettings(ServiceSettings):
    """The settings of every service of the gateway."""

    upstream: Annotated[str | None, PartName("upstream")] = setting(
        None, words="The server behind us that logins go to, unless their directory has asked one already."
    )
    route: Annotated[str | None, PartName("route")] = setting(
        None, words="Instead of `upstream`: which server is whose."
    )
    allow: Names = setting(
        Names(), words="Further commands that pass after login, by name; the server behind has to know them."
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.upstream and self.route:
            raise ValueError(BOTH)


def chosen(settings: GatewaySettings, assembly: Assembly, kind: Kind) -> Chosen:
    """For `gateway.realm.GatewayRealm`.  ValueError when no server that it may be speaks `kind`."""
    whose = Chosen(assembly, settings.upstream, settings.route)
    served(whose, assembly, kind)
    return whose


def allowed(names: Names, never: Collection[str]) -> frozenset[str]:
    """`allow` in upper case; ValueError when one of them must `never` pass."""
    found = frozenset(name.upper() for name in names)
    if wrong := sorted(found.intersection(never)):
        raise ValueError(
            f'allow: "{wrong[0]}" is never passed on; it would undo the login, or hide what follows'
        )
    return found


@implementer(IHalfCloseableProtocol)
class Relayed(Guest):
    """Stands first in the class of a server whose clients, once they are logged in, speak with a server
    behind us: then a relay has the place of `turns`.  The server asks its portal for `asked_for`."""

    asked_for = (IUpstreamSession,)
    turns: Any

    @property
    @abstractmethod
    def opened(self) -> Session | None:
        """The avatar, when a login has just succeeded."""

    @abstractmethod
    def joined(self, session: Session) -> Joined:
        """The relay; everything that only our own server needs is forgotten."""

    async def turn(self, line: bytes) -> None:
        await super().turn(line)
        session = self.opened
        if session is not None and not self.turns.over:
            joined = self.joined(session)
            unread = self.turns.hand_over()
            self.turns = joined
            joined.begin(unread)
            if self.dismissed or self.door.closing:  # while it was logging in
                self.finish()

    def readConnectionLost(self) -> None:
        """The client says nothing more.  Before login that is the end."""
        if isinstance(self.turns, Joined):
            self.turns.said_all()
        else:
            self.turns.close()

    def writeConnectionLost(self) -> None:
        """We never close one half."""

    def finish(self) -> None:
        if isinstance(self.turns, Joined):
            self.turns.finish(at_once=self.dismissed)
        else:
            super().finish()
