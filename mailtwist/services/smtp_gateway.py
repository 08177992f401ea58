"""Mail from other servers, for a server behind: port 25, without a login."""

from dataclasses import dataclass
from typing import ClassVar

from mailtwist.config.part import Assembly, Part
from mailtwist.services.handing import HandingSettings, forwarding
from mailtwist.services.service import MailService
from mailtwist.services.settings import free

PORTS = (25, 465)


@dataclass(frozen=True)
class Settings(HandingSettings):
    """Mail from other servers, performed step by step at the server behind, which knows its recipients. It
    should be told who the client is (`xclient` or `proxy` of the upstream); otherwise messages get a Received
    line that tells. With a `route`, which is asked for each recipient, one mail goes to one server: those of
    another are put off with 452, so that they get a mail of their own."""

    between_servers: ClassVar[bool] = True


def build(settings: Settings, assembly: Assembly) -> MailService:
    return forwarding(settings, assembly, kind="smtp", ports=PORTS)


part = Part(Settings, build, free(PORTS))
