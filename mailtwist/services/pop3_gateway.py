"""POP3 in front of another server: who has logged in here, with the second factor, reads his mail there."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, cast

from mailtwist.config.part import Assembly, Part
from mailtwist.config.settings import setting
from mailtwist.config.values import AtLeast, Duration, Names
from mailtwist.gateway.api import Session
from mailtwist.gateway.early import Early
from mailtwist.gateway.realm import GatewayRealm
from mailtwist.gateway.relay.joined import Bounds, Joined
from mailtwist.gateway.relay.pop3 import Pop3Relay
from mailtwist.gateway.relay.pop3_commands import EARLY, NEVER, table, told_of
from mailtwist.protocols.pop3.extension import GROUP, Dialect
from mailtwist.protocols.pop3.limits import Limits
from mailtwist.protocols.pop3.server import POP3Server
from mailtwist.protocols.sasl.exchange import Credentials, Foreign
from mailtwist.services.gateway import GatewaySettings, Relayed, allowed, chosen
from mailtwist.services.portal import portal
from mailtwist.services.service import MailService
from mailtwist.services.settings import free, known, mail_service

PORTS = (110, 995)

OF_A_MAILDROP = frozenset(
    ("stat", "list", "uidl", "retr", "top", "dele", "rset", "noop", "expire", "login_delay", "utf8")
    + ("lang", "lang_de", "implementation")
)
"""Parts of POP3 that are the server's behind us."""


@dataclass(frozen=True)
class Settings(GatewaySettings):
    """POP3 in front of another server."""

    without: Names = setting(
        Names(),
        words="Commands that are not offered at login, by the names that `mailtwist parts` lists.",
    )
    login_time: Annotated[Duration, AtLeast(5)] = setting(
        Duration(60), words="How long a client may be silent before it has logged in."
    )
    idle_time: Annotated[Duration, AtLeast(600, "rfc1939#3")] = setting(
        Duration(600), words="How long a client and the server behind may be silent after login."
    )
    failed_logins: Annotated[int, AtLeast(1)] = setting(
        3, words="After so many failed logins the connection ends."
    )


class Server(Relayed, POP3Server):
    """One connection: ours up to the login, then a relay's."""

    allow: tuple[str, ...] = ()
    relay_bounds = Bounds()
    early: Callable[[], Sequence[str]]

    def listCapabilities(self) -> list[bytes]:
        behind = [line.encode("ascii", "replace") for line in told_of(self.early(), EARLY)]
        return [*super().listCapabilities(), *behind]

    async def arrive(self, credentials: Credentials | Foreign) -> tuple[Any, Any]:
        _, session, logout = await self.log_in(credentials)
        return session, logout

    @property
    def opened(self) -> Session | None:
        return cast(Session | None, self.mbox)

    def joined(self, session: Session) -> Joined:
        passes = table(tuple(session.offers), self.allow)
        return Pop3Relay(self.transport, session.call, self.clock, self.relay_bounds, self.turns.id, passes)


def build(settings: Settings, assembly: Assembly) -> MailService:
    limits = Limits(
        login_time=settings.login_time,
        idle_time=settings.idle_time,
        failed_logins=settings.failed_logins,
    )
    whose = chosen(settings, assembly, "pop3")
    behind = Early(whose, assembly)
    return mail_service(
        settings,
        assembly,
        ports=PORTS,
        kind=Server,
        full=b"-ERR [SYS/TEMP] Too many connections from your network",
        facts={
            "portal": portal(assembly, GatewayRealm(whose)),
            "limits": limits,
            "dialect": Dialect.installed({*known(GROUP, settings.without), *OF_A_MAILDROP}),
            "trusted": assembly.trusted.contains,
            "allow": tuple(sorted(allowed(settings.allow, NEVER))),
            "relay_bounds": Bounds(line=limits.line, idle=settings.idle_time, progress=limits.progress_time),
            "early": lambda: behind.offered("pop3"),
        },
    )


part = Part(Settings, build, free(PORTS))
