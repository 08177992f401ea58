"""Mail from people who log in here, sent by their server behind: 587 with STARTTLS, 465 with TLS at once."""

from dataclasses import dataclass
from typing import Annotated

from mailtwist.config.part import Assembly, Part
from mailtwist.config.settings import setting
from mailtwist.config.values import AtLeast
from mailtwist.gateway.chosen import Chosen
from mailtwist.gateway.early import served
from mailtwist.gateway.realm import GatewayRealm
from mailtwist.services.handing import Behind, HandingSettings, Submitting, everywhere
from mailtwist.services.portal import portal
from mailtwist.services.service import MailService
from mailtwist.services.settings import free, mail_service
from mailtwist.services.taking import FULL, limits

PORTS = (587, 465)


@dataclass(frozen=True)
class Settings(HandingSettings):
    """Mail from people who log in, performed step by step at the server behind: what that one refuses is
    refused, and a mail is taken when it has taken it. Nothing is added to messages. Without `upstream` and
    `route`, a `[directory:...]` of type `upstream` says where people log in."""

    failed_logins: Annotated[int, AtLeast(1)] = setting(
        3, words="After so many failed logins the connection ends."
    )


def build(settings: Settings, assembly: Assembly) -> MailService:
    chosen = Chosen(assembly, settings.upstream, settings.route)
    served(chosen, assembly, "submission")
    its = limits(settings, settings.failed_logins)
    return mail_service(
        settings,
        assembly,
        ports=PORTS,
        kind=Submitting,
        full=FULL,
        facts={
            "portal": portal(assembly, GatewayRealm(chosen)),
            "host": assembly.hostname.encode(),
            "trusted": assembly.trusted.contains,
            "login_required": True,
            "behind": Behind(everywhere(assembly, chosen), "submission", settings.without, its),
        },
    )


part = Part(Settings, build, free(PORTS))
