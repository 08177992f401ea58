"""What one ManageSieve connection may cost.  rfc5804#1.2 rfc5804#4"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Sizes in octets, times in seconds."""

    line: int = 8192
    """One line of a command, or of a SASL exchange.  A quoted string has 1024 at the most (rfc5804#4); who
    quotes a longer one all the same is understood."""

    literal: int = 12_288
    """The literals of one command together, but for scripts (rfc4954#4 has the number)."""

    words: int = 8
    """The arguments of one command."""

    dropped: int = 64 * 1024
    """A literal that nobody wants is read and thrown away up to this; behind a bigger one the connection
    ends."""

    dropped_late: int = 16 * 1024 * 1024
    """After login it may be a script that the server behind has no space for."""

    login_time: float = 60.0
    """Waiting for a command before login."""

    idle_time: float = 1860.0
    """Waiting for a command after login; no less than thirty minutes (rfc5804#1.2)."""

    progress_time: float = 60.0
    """The longest pause in the middle of a line or an answer."""

    failed_logins: int = 3
    """Then the connection ends."""

    bad_commands: int = 20
    """Commands in a row that made no sense; then the connection ends."""
