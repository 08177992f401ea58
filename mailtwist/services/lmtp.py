"""Mail from a server in front of us, by LMTP: an answer for each recipient.  rfc2033"""

from dataclasses import dataclass

from mailtwist.config.part import Assembly, Part
from mailtwist.delivery.pipeline import Rules
from mailtwist.services.inward import MODES, PORTS, InwardSettings
from mailtwist.services.receiving import ReceivingSettings, receiving
from mailtwist.services.service import MailService
from mailtwist.services.settings import free


@dataclass(frozen=True)
class Settings(InwardSettings, ReceivingSettings):
    """Mail from a Postfix or Exim that stands in front, by LMTP: nobody logs in, so few may connect."""


def build(settings: Settings, assembly: Assembly) -> MailService:
    return receiving(
        settings,
        assembly,
        ports=PORTS,
        rules=Rules(own_sender=False, one_by_one=True),
        protocol="lmtp",
        clients=settings.clients,
        socket_mode=MODES[settings.socket_mode],
    )


part = Part(Settings, build, free(PORTS))
