"""What one POP3 connection may cost.  rfc1939#3 rfc2449#4"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Sizes in octets, times in seconds."""

    line: int = 2048
    """One command.  rfc2449#4 asks for 255; passwords are longer in real life."""

    answer: int = 12_288
    """One line of a SASL exchange (rfc4954#4 has the number), or its initial response behind AUTH: some
    clients put a whole access token there."""

    login_time: float = 60.0
    """Waiting for a command before login, when there is no session that could be lost."""

    idle_time: float = 600.0
    """Waiting for a command after login; no less than ten minutes (rfc1939#3)."""

    progress_time: float = 60.0
    """The longest pause in the middle of a line or an answer."""

    failed_logins: int = 3
    """Then the connection ends."""

    bad_commands: int = 20
    """Commands in a row that made no sense; then the connection ends."""
