"""What one IMAP connection may cost.  rfc3501#5.4 rfc7888#4"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Sizes in octets, times in seconds."""

    line: int = 64_000
    """One line of a command; clients send sets of thousands of UIDs.  rfc2683#3.2.1.5 asks for 8,000."""

    early_line: int = 12_544
    """The same before login: room for an access token (rfc4954#4: 12,288) behind AUTHENTICATE."""

    literal: int = 65_536
    """One literal that is kept in memory: anything but the message of APPEND."""

    early_literal: int = 4_096
    """The same before login."""

    answer: int = 12_288
    """One line with which a client answers `+` (rfc4954#4 has the number)."""

    literals: int = 64
    """Literals in one command, which together hold no more than `literal`."""

    message: int = 50 * 1024 * 1024
    """The message of APPEND."""

    login_time: float = 60.0
    """Waiting for a command before login."""

    idle_time: float = 30 * 60.0
    """Waiting for a command after login; no less than half an hour (rfc3501#5.4)."""

    idle_command_time: float = 30 * 60.0
    """IDLE without DONE; clients begin anew every 29 minutes (rfc2177#3)."""

    look_time: float = 60.0
    """So often IDLE looks whether another process has changed the mailbox."""

    progress_time: float = 60.0
    """The longest pause in the middle of a line, a literal or an answer."""

    failed_logins: int = 3
    """Then BYE."""

    bad_commands: int = 20
    """Commands in a row that made no sense; then BYE."""

    batch: int = 65_536
    """Answers are gathered up to this before they are written."""
