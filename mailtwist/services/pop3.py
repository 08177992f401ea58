"""POP3 for mail programs: port 110 with STLS, or 995 with TLS from the start."""

from dataclasses import dataclass
from typing import Annotated

from mailtwist.config.part import Assembly, Part
from mailtwist.config.settings import setting
from mailtwist.config.values import AtLeast, Duration, Names, PartName
from mailtwist.protocols.pop3.extension import GROUP, Dialect
from mailtwist.protocols.pop3.limits import Limits
from mailtwist.protocols.pop3.server import POP3Server
from mailtwist.services.door import Guest
from mailtwist.services.portal import portal, realm
from mailtwist.services.service import MailService
from mailtwist.services.settings import ServiceSettings, free, known, mail_service

PORTS = (110, 995)


@dataclass(frozen=True)
class Settings(ServiceSettings):
    """POP3 for mail programs."""

    store: Annotated[str, PartName("store")] = setting(words="The store whose INBOX is the maildrop.")
    without: Names = setting(
        Names(), words="Commands that are not offered, by the names that `mailtwist parts` lists."
    )
    login_time: Annotated[Duration, AtLeast(5)] = setting(
        Duration(60), words="How long a client may be silent before it has logged in."
    )
    idle_time: Annotated[Duration, AtLeast(600, "rfc1939#3")] = setting(
        Duration(600), words="How long a client may be silent after login; nothing is deleted then."
    )
    failed_logins: Annotated[int, AtLeast(1)] = setting(
        3, words="After so many failed logins the connection ends."
    )


class Server(Guest, POP3Server):
    """One connection."""


def build(settings: Settings, assembly: Assembly) -> MailService:
    limits = Limits(
        login_time=settings.login_time,
        idle_time=settings.idle_time,
        failed_logins=settings.failed_logins,
    )
    return mail_service(
        settings,
        assembly,
        ports=PORTS,
        kind=Server,
        full=b"-ERR [SYS/TEMP] Too many connections from your network",
        facts={
            "portal": portal(assembly, realm(assembly.part("store", settings.store))),
            "limits": limits,
            "dialect": Dialect.installed(known(GROUP, settings.without)),
            "trusted": assembly.trusted.contains,
        },
    )


part = Part(Settings, build, free(PORTS))
