"""IMAP to a server behind us: the login is decided here, what comes after it is relayed."""

from dataclasses import dataclass
from typing import Annotated

from mailtwist.config.part import Assembly, Part
from mailtwist.config.settings import setting
from mailtwist.config.values import AtLeast, AtMost, Duration, Size
from mailtwist.gateway.api import Session
from mailtwist.gateway.realm import GatewayRealm
from mailtwist.gateway.relay.imap import ImapRelay
from mailtwist.gateway.relay.imap_words import NEVER, carried
from mailtwist.gateway.relay.joined import Bounds
from mailtwist.protocols.imap.extension import Dialect
from mailtwist.protocols.imap.limits import Limits
from mailtwist.protocols.imap.server import IMAP4Server
from mailtwist.protocols.received import LIMIT
from mailtwist.services.gateway import GatewaySettings, Relayed, allowed, chosen
from mailtwist.services.portal import portal
from mailtwist.services.service import MailService
from mailtwist.services.settings import free, mail_service

PORTS = (143, 993)
SPOKEN = (
    "authenticate",
    "capability",
    "id",
    "literal_plus",
    "login",
    "logout",
    "noop",
    "sasl_ir",
    "starttls",
)
"""What we speak ourselves, before login."""


@dataclass(frozen=True)
class Settings(GatewaySettings):
    """IMAP for mail programs, in front of another server."""

    line: Annotated[Size, AtLeast(8_000, "rfc2683#3.2.1.5"), AtMost(LIMIT - 2)] = setting(
        Size(64_000), words="The longest line of a command after login."
    )
    login_time: Annotated[Duration, AtLeast(5)] = setting(
        Duration(60), words="How long a client may take to log in between two commands."
    )
    idle_time: Annotated[Duration, AtLeast(1800, "rfc3501#5.4")] = setting(
        Duration(1860), words="How long a client may be silent after login, also in IDLE."
    )
    failed_logins: Annotated[int, AtLeast(1)] = setting(3, words="After so many failed logins it is BYE.")


class Server(Relayed, IMAP4Server):
    """One connection."""

    bounds: Bounds
    allow: frozenset[str] = frozenset()

    @property
    def opened(self) -> Session | None:
        found: Session | None = self.account if self.state == "auth" else None
        return found

    def joined(self, session: Session) -> ImapRelay:
        relay = ImapRelay(
            self.transport,
            session.call,
            self.clock,
            self.bounds,
            self.turns.id,
            offered=tuple(session.offers),
            allow=self.allow,
            heard=self.heard,
        )
        del self.connection
        self.account = None
        return relay

    def words(self) -> list[str]:
        session = self.opened
        if session is None:
            return super().words()
        return list(carried(tuple(session.offers), self.allow).words)


def build(settings: Settings, assembly: Assembly) -> MailService:
    limits = Limits(login_time=settings.login_time, failed_logins=settings.failed_logins)
    return mail_service(
        settings,
        assembly,
        ports=PORTS,
        kind=Server,
        full=b"* BYE [UNAVAILABLE] Too many connections from your network",
        facts={
            "portal": portal(assembly, GatewayRealm(chosen(settings, assembly, "imap"))),
            "limits": limits,
            "bounds": Bounds(line=settings.line, idle=settings.idle_time),
            "allow": allowed(settings.allow, NEVER),
            "dialect": Dialect.only(SPOKEN),
            "trusted": assembly.trusted.contains,
        },
    )


part = Part(Settings, build, free(PORTS))
