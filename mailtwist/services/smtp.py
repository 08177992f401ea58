"""Mail from other servers: port 25, for our own domains, without a login."""

from dataclasses import dataclass
from typing import ClassVar

from mailtwist.config.part import Assembly, Part
from mailtwist.delivery.pipeline import Rules
from mailtwist.services.receiving import ReceivingSettings, receiving
from mailtwist.services.service import MailService
from mailtwist.services.settings import free

PORTS = (25, 465)


@dataclass(frozen=True)
class Settings(ReceivingSettings):
    """Mail from other servers: local recipients only, nobody can log in."""

    between_servers: ClassVar[bool] = True


def build(settings: Settings, assembly: Assembly) -> MailService:
    return receiving(settings, assembly, ports=PORTS, rules=Rules(own_sender=False))


part = Part(Settings, build, free(PORTS))
