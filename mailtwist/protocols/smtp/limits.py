"""What one SMTP connection may cost.  rfc5321#4.5.3 rfc5321#7.8 rfc9422"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Sizes in octets, times in seconds."""

    message: int = 50 * 1024 * 1024
    """One message, told by SIZE (rfc1870#4); no less than 64 KiB (rfc5321#4.5.3.1.7)."""

    recipients: int = 1000
    """Of one message, told by LIMITS as RCPTMAX; no less than 100 (rfc5321#4.5.3.1.8); then 452."""

    recipient_domains: int = 1000
    """Different domains of the recipients of one message, told as RCPTDOMAINMAX; then 452."""

    mails: int = 1000
    """MAIL commands in one session, told as MAILMAX; then 421."""

    command: int = 2048
    """One command line without CRLF; no less than 510, and what the parameters of extensions add
    (rfc5321#4.5.3.1.4, rfc4954#3: 500)."""

    answer: int = 12_288
    """One line of a SASL exchange (rfc4954#4)."""

    text_line: int = 1024 * 1024
    """One line of a message; no less than 998 (rfc5321#4.5.3.1.6).  Real mail has longer ones."""

    hops: int = 100
    """Received lines of one message; no less than 100 (rfc5321#6.3); then 554."""

    errors: int = 30
    """Commands refused for good since the last message that was taken; then 421."""

    unknown: int = 10
    """Commands that there are not, since the last message that was taken; then 421."""

    useless: int = 100
    """Commands by which no mail comes nearer (NOOP, RSET, VRFY, EHLO, AUTH ...), since the last message that
    was taken; then 421."""

    failed_logins: int = 3
    """Then 421."""

    greet_delay: float = 0.0
    """How long a client has to wait for the greeting (rfc5321#3.1); who speaks meanwhile is sent away."""

    idle_time: float = 300.0
    """Waiting for a command; no less than five minutes (rfc5321#4.5.3.2.7)."""

    progress_time: float = 180.0
    """For one line, and for a new portion of a message; no less than three minutes (rfc5321#4.5.3.2.5)."""
