"""Mail from our own people: port 587 with STARTTLS, or 465 with TLS from the start; a login is required."""

from dataclasses import dataclass
from typing import Annotated, Literal

from mailtwist.config.part import Assembly, Part
from mailtwist.config.settings import setting
from mailtwist.config.values import AtLeast
from mailtwist.delivery.pipeline import Rules
from mailtwist.services.receiving import ReceivingSettings, receiving
from mailtwist.services.service import MailService
from mailtwist.services.settings import free

PORTS = (587, 465)


@dataclass(frozen=True)
class Settings(ReceivingSettings):
    """Mail from people who log in."""

    sender: Literal["own", "any"] = setting(
        "own",
        words="Under which addresses people may send: those whose mail they get, or any.",
    )
    from_header: Literal["ignore", "own"] = setting(
        "ignore",
        words="Whether the From field of their messages has to name such addresses, too.",
    )
    failed_logins: Annotated[int, AtLeast(1)] = setting(
        3, words="After so many failed logins the connection ends."
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.from_header == "own" and self.store is not None:
            raise ValueError(
                f"from_header: what [store:{self.store}] takes is not looked at; leave one of the two out"
            )


def build(settings: Settings, assembly: Assembly) -> MailService:
    return receiving(
        settings,
        assembly,
        ports=PORTS,
        rules=Rules(own_sender=settings.sender == "own", own_from=settings.from_header == "own"),
        login_required=True,
        failed_logins=settings.failed_logins,
    )


part = Part(Settings, build, free(PORTS))
