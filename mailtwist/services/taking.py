"""What all services that take mail let an operator choose, whoever gets it then."""

from dataclasses import dataclass
from typing import Annotated

from mailtwist.config.settings import setting
from mailtwist.config.values import AtLeast, AtMost, Duration, Names, Size
from mailtwist.protocols.smtp.limits import Limits
from mailtwist.services.settings import ServiceSettings

FULL = b"421 4.7.0 Too many connections from your network, try again later"


@dataclass(frozen=True)
class TakingSettings(ServiceSettings):
    """The settings of a service that takes mail."""

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


def limits(settings: TakingSettings, failed_logins: int = 1) -> Limits:
    """Those of each connection."""
    return Limits(
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
