"""What the services that take mail have in common: port 25, submission and LMTP."""

from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal

from twisted.cred.portal import IRealm

from mailtwist.config.network import Networks
from mailtwist.config.part import Assembly
from mailtwist.config.settings import setting
from mailtwist.config.values import AtLeast, AtMost, Duration, Names, PartName, Size
from mailtwist.delivery.api import Target
from mailtwist.delivery.pipeline import Pipeline, Reception, Rules
from mailtwist.protocols.smtp.extension import GROUP, Dialect, Protocol
from mailtwist.protocols.smtp.limits import Limits
from mailtwist.protocols.smtp.server import ESMTPServer
from mailtwist.services.door import Guest
from mailtwist.services.portal import portal, realm
from mailtwist.services.service import MailService
from mailtwist.services.settings import Ports, ServiceSettings, known, mail_service


@dataclass(frozen=True)
class ReceivingSettings(ServiceSettings):
    """The settings of a service that takes mail."""

    store: Annotated[str | None, PartName("store")] = setting(
        None,
        words="A store of type realm, whose `IMessageDelivery` takes the mail; by default the [target:...]"
        " sections do.",
    )
    target: Annotated[str | None, PartName("target")] = setting(
        None, words="The target that takes the mail; by default each does for its domains."
    )
    without: Names = setting(
        Names(), words="Extensions that are not offered, by the names that `mailtwist parts` lists."
    )
    message: Annotated[Size, AtLeast(64 << 10, "rfc5321#4.5.3.1.7")] = setting(
        Size(50 << 20), words="The largest message."
    )
    recipients: Annotated[int, AtLeast(100, "rfc5321#4.5.3.1.8")] = setting(
        1000, words="The most recipients of one message."
    )
    recipient_domains: Annotated[int, AtLeast(1)] = setting(
        1000, words="The most different domains among the recipients of one message."
    )
    mails: Annotated[int, AtLeast(1)] = setting(
        1000, words="The most messages that are begun on one connection."
    )
    command: Annotated[Size, AtLeast(1012, "rfc5321#4.5.3.1.4 and rfc4954#3")] = setting(
        Size(2048), words="The longest command line."
    )
    text_line: Annotated[Size, AtLeast(998, "rfc5321#4.5.3.1.6")] = setting(
        Size(1 << 20), words="The longest line of a message; real mail has longer ones than it may."
    )
    hops: Annotated[int, AtLeast(100, "rfc5321#6.3")] = setting(
        100, words="The most Received lines; a message with more goes in circles."
    )
    vrfy: Literal["nobody", "accounts", "anybody"] = setting(
        "nobody", words="Whom VRFY and EXPN tell who is here: by default nobody, or those who logged in."
    )
    idle_time: Annotated[Duration, AtLeast(300, "rfc5321#4.5.3.2.7")] = setting(
        Duration(300), words="How long a client may be silent between two commands."
    )
    errors: Annotated[int, AtLeast(5)] = setting(
        30, words="After so many refused commands without a mail in between the connection ends."
    )
    unknown: Annotated[int, AtLeast(1)] = setting(
        10, words="After so many commands that there are not, without a mail in between, the connection ends."
    )
    useless: Annotated[int, AtLeast(20)] = setting(
        100,
        words="After so many commands by which no mail comes nearer (NOOP, RSET, VRFY, EHLO ...), without a"
        " mail in between, the connection ends.",
    )
    greet_delay: Annotated[Duration, AtMost(60)] = setting(
        Duration(0),
        words="How long a client waits for the greeting; one that speaks meanwhile is sent away, because only"
        " senders of junk do. Trusted networks do not wait.",
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
    limits = Limits(
        message=settings.message,
        recipients=settings.recipients,
        command=settings.command,
        text_line=settings.text_line,
        hops=settings.hops,
        errors=settings.errors,
        unknown=settings.unknown,
        useless=settings.useless,
        mails=settings.mails,
        recipient_domains=settings.recipient_domains,
        greet_delay=settings.greet_delay,
        failed_logins=failed_logins,
        idle_time=settings.idle_time,
    )
    return mail_service(
        settings,
        assembly,
        ports=ports,
        kind=Server,
        full=b"421 4.7.0 Too many connections from your network, try again later",
        facts={
            "portal": portal(assembly, opened, strangers=not login_required),
            "host": assembly.hostname.encode(),
            "limits": limits,
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
