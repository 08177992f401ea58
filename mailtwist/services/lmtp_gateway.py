"""Mail from a server in front of us, for an LMTP server behind: an answer for each recipient.  rfc2033"""

from dataclasses import dataclass

from mailtwist.config.part import Assembly, Part
from mailtwist.services.handing import HandingSettings, forwarding
from mailtwist.services.inward import MODES, PORTS, InwardSettings
from mailtwist.services.service import MailService
from mailtwist.services.settings import free


@dataclass(frozen=True)
class Settings(InwardSettings, HandingSettings):
    """Mail by LMTP, performed step by step at an LMTP server behind: nobody logs in, so few may connect."""


def build(settings: Settings, assembly: Assembly) -> MailService:
    return forwarding(
        settings,
        assembly,
        kind="lmtp",
        ports=PORTS,
        protocol="lmtp",
        clients=settings.clients,
        socket_mode=MODES[settings.socket_mode],
    )


part = Part(Settings, build, free(PORTS))
