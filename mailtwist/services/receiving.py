"""What the services that take mail for the people here have in common: port 25, submission and LMTP."""

from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal

from twisted.cred.portal import IRealm

from mailtwist.config.network import Networks
from mailtwist.config.part import Assembly
from mailtwist.config.settings import setting
from mailtwist.config.values import PartName
from mailtwist.delivery.api import Target
from mailtwist.delivery.pipeline import Pipeline, Reception, Rules
from mailtwist.protocols.smtp.extension import GROUP, Dialect, Protocol
from mailtwist.protocols.smtp.server import ESMTPServer
from mailtwist.services.door import Guest
from mailtwist.services.portal import portal, realm
from mailtwist.services.service import MailService
from mailtwist.services.settings import Ports, known, mail_service
from mailtwist.services.taking import FULL, TakingSettings, limits


@dataclass(frozen=True)
class ReceivingSettings(TakingSettings):
    """The settings of a service that takes mail for the people here."""

    store: Annotated[str | None, PartName("store")] = setting(
        None,
        words="A store of type realm, whose `IMessageDelivery` takes the mail; by default the [target:...]"
        " sections do.",
    )
    target: Annotated[str | None, PartName("target")] = setting(
        None, words="The target that takes the mail; by default each does for its domains."
    )
    vrfy: Literal["nobody", "accounts", "anybody"] = setting(
        "nobody", words="Whom VRFY and EXPN tell who is here: by default nobody, or those who logged in."
    )


class Server(Guest, ESMTPServer):
    """One connection."""


def receiving(
    settings: ReceivingSettings,
    assembly: Assembly,
    *,
    ports: Ports,
    rules: Rules,
    login_required: bool = False,
    failed_logins: int = 1,
    protocol: Protocol = "smtp",
    clients: Networks | None = None,
    socket_mode: int | None = None,
) -> MailService:
    """A service that takes mail: from people who log in, or from everybody.  `clients` and `socket_mode` are
    those of `mail_service`."""
    pipeline = Pipeline(_targets(settings, assembly), assembly.hostname, assembly.clock)
    its = replace(rules, largest=settings.message)
    opened = realm(_theirs(settings, assembly), lambda login: Reception(pipeline, login, its))
    return mail_service(
        settings,
        assembly,
        ports=ports,
        kind=Server,
        full=FULL,
        facts={
            "portal": portal(assembly, opened, strangers=not login_required),
            "host": assembly.hostname.encode(),
            "limits": limits(settings, failed_logins),
            "dialect": Dialect.installed(known(GROUP, settings.without), protocol),
            "trusted": assembly.trusted.contains,
            "vrfy": settings.vrfy,
            "reports": False,  # nor would a third party hear what was asked for
            "login_required": login_required,
            "auth_offered": login_required,
        },
        clients=clients,
        socket_mode=socket_mode,
    )


def _targets(settings: ReceivingSettings, assembly: Assembly) -> tuple[Target, ...]:
    if settings.target is not None:
        return (assembly.part("target", settings.target),)
    found = tuple(assembly.parts("target").values())
    if not found and settings.store is None:
        raise ValueError("nobody takes the mail; write a section [target:mailbox]")
    return found


def _theirs(settings: ReceivingSettings, assembly: Assembly) -> Any:
    if settings.store is None:
        return None
    store = assembly.part("store", settings.store)
    if not IRealm.providedBy(store):
        raise ValueError(
            f'[store:{settings.store}] is not of type realm; leave out "store": targets take the mail'
        )
    return store
