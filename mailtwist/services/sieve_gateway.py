"""ManageSieve in front of another server: who has logged in here, with the second factor, has his filter
scripts there."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, cast

from mailtwist.config.part import Assembly, Part
from mailtwist.config.settings import setting
from mailtwist.config.values import AtLeast, Duration
from mailtwist.gateway.api import Session
from mailtwist.gateway.early import Early
from mailtwist.gateway.realm import GatewayRealm
from mailtwist.gateway.relay.joined import Bounds, Joined
from mailtwist.gateway.relay.sieve import SieveRelay
from mailtwist.gateway.relay.sieve_commands import EARLY, NEVER, table, told_of
from mailtwist.protocols.sieve.command import Capability
from mailtwist.protocols.sieve.extension import Dialect
from mailtwist.protocols.sieve.limits import Limits
from mailtwist.protocols.sieve.server import SieveServer
from mailtwist.services.gateway import GatewaySettings, Relayed, allowed, chosen
from mailtwist.services.portal import portal
from mailtwist.services.service import MailService
from mailtwist.services.settings import free, mail_service

PORTS = (4190, 4190)


@dataclass(frozen=True)
class Settings(GatewaySettings):
    """ManageSieve in front of another server."""

    login_time: Annotated[Duration, AtLeast(5)] = setting(
        Duration(60), words="How long a client may be silent before it has logged in."
    )
    idle_time: Annotated[Duration, AtLeast(1800, "rfc5804#1.2")] = setting(
        Duration(1860), words="How long a client and the server behind may be silent after login."
    )
    failed_logins: Annotated[int, AtLeast(1)] = setting(
        3, words="After so many failed logins the connection ends."
    )


class Server(Relayed, SieveServer):
    """One connection: ours up to the login, then a relay's."""

    allow: tuple[str, ...] = ()
    relay_bounds = Bounds()
    early: Callable[[], Sequence[str]]

    @property
    def capabilities(self) -> Sequence[Capability]:
        *ours, version = super().capabilities
        behind = told_of(self.early(), EARLY) or [("SIEVE", "")]
        return (*ours, *behind, version)

    @property
    def opened(self) -> Session | None:
        return cast(Session | None, self.avatar)

    def joined(self, session: Session) -> Joined:
        del self.frames
        passes = table(tuple(session.offers), self.allow)
        return SieveRelay(self.transport, session.call, self.clock, self.relay_bounds, self.turns.id, passes)


def build(settings: Settings, assembly: Assembly) -> MailService:
    limits = Limits(
        login_time=settings.login_time,
        idle_time=settings.idle_time,
        failed_logins=settings.failed_logins,
    )
    whose = chosen(settings, assembly, "sieve")
    behind = Early(whose, assembly)
    return mail_service(
        settings,
        assembly,
        ports=PORTS,
        kind=Server,
        full=b'BYE (TRYLATER) "Too many connections from your network"',
        facts={
            "portal": portal(assembly, GatewayRealm(whose)),
            "limits": limits,
            "dialect": Dialect.installed(),
            "trusted": assembly.trusted.contains,
            "allow": tuple(sorted(allowed(settings.allow, NEVER))),
            "relay_bounds": Bounds(line=limits.line, idle=settings.idle_time, progress=limits.progress_time),
            "early": lambda: behind.offered("sieve"),
        },
    )


part = Part(Settings, build, free(PORTS))
