"""Mail from our own people: port 587 with STARTTLS, or 465 with TLS from the start; a login is required."""

from dataclasses import dataclass
from typing import Annotated

from mailtwist.config.part import Assembly, Part
from mailtwist.config.settings import setting
from mailtwist.config.values import AtLeast
from mailtwist.services.receiving import ReceivingSettings, receiving
from mailtwist.services.service import MailService
from mailtwist.services.settings import free

PORTS = (587, 465)


@dataclass(frozen=True)
class Settings(ReceivingSettings):
    """Mail from people who log in."""

    own_sender: bool = setting(
        True, words="Whether people send under addresses of their own only, or under any."
    )
    failed_logins: Annotated[int, AtLeast(1)] = setting(
        3, words="After so many failed logins the connection ends."
    )


def build(settings: Settings, assembly: Assembly) -> MailService:
    return receiving(
        settings,
        assembly,
        ports=PORTS,
        login_required=True,
        own_sender=settings.own_sender,
        failed_logins=settings.failed_logins,
    )


part = Part(Settings, build, free(PORTS))
