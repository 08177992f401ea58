"""IMAP for mail programs: port 143 with STARTTLS, or 993 with TLS from the start."""

from dataclasses import dataclass
from typing import Annotated

from mailtwist.config.part import Assembly, Part
from mailtwist.config.settings import setting
from mailtwist.config.values import AtLeast, AtMost, Duration, Names, PartName, Size
from mailtwist.protocols.imap.extension import GROUP, Dialect
from mailtwist.protocols.imap.limits import Limits
from mailtwist.protocols.imap.server import IMAP4Server
from mailtwist.protocols.received import LIMIT
from mailtwist.services.door import Guest
from mailtwist.services.portal import portal, realm
from mailtwist.services.service import MailService
from mailtwist.services.settings import ServiceSettings, free, known, mail_service

PORTS = (143, 993)


@dataclass(frozen=True)
class Settings(ServiceSettings):
    """IMAP4rev1 for mail programs."""

    store: Annotated[str, PartName("store")] = setting(words="The store whose mailboxes are shown.")
    without: Names = setting(
        Names(), words="Extensions that are not offered, by the names that `mailtwist parts` lists."
    )
    message: Annotated[Size, AtLeast(64 << 10)] = setting(
        Size(50 << 20), words="The largest message that APPEND takes."
    )
    line: Annotated[Size, AtLeast(8_000, "rfc2683#3.2.1.5"), AtMost(LIMIT - 2)] = setting(
        Size(64_000), words="The longest line of a command after login."
    )
    literal: Annotated[Size, AtLeast(4_096)] = setting(
        Size(65_536), words="The largest literal after login, other than a message; before login 4 KiB."
    )
    login_time: Annotated[Duration, AtLeast(5)] = setting(
        Duration(60), words="How long a client may take to log in between two commands."
    )
    idle_time: Annotated[Duration, AtLeast(1800, "rfc3501#5.4")] = setting(
        Duration(1800), words="How long a client may be silent after login, also in IDLE."
    )
    failed_logins: Annotated[int, AtLeast(1)] = setting(3, words="After so many failed logins it is BYE.")


class Server(Guest, IMAP4Server):
    """One connection."""


def build(settings: Settings, assembly: Assembly) -> MailService:
    limits = Limits(
        line=settings.line,
        literal=settings.literal,
        message=settings.message,
        login_time=settings.login_time,
        idle_time=settings.idle_time,
        idle_command_time=settings.idle_time,
        failed_logins=settings.failed_logins,
    )
    return mail_service(
        settings,
        assembly,
        ports=PORTS,
        kind=Server,
        full=b"* BYE [UNAVAILABLE] Too many connections from your network",
        facts={
            "portal": portal(assembly, realm(assembly.part("store", settings.store))),
            "limits": limits,
            "dialect": Dialect.installed(known(GROUP, settings.without)),
            "trusted": assembly.trusted.contains,
        },
    )


part = Part(Settings, build, free(PORTS))
