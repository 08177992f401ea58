"""How a client behaves, and when that is enough.  rfc5321#7.8"""

from mailtwist.protocols.smtp import replies
from mailtwist.protocols.smtp.command import Reply
from mailtwist.protocols.smtp.limits import Limits


class Conduct:
    """Counts what a client does wrong or in vain, from one mail that was taken to the next."""

    def __init__(self) -> None:
        self._errors = self._unknown = self._useless = 0

    def forgive(self) -> None:
        """A mail was taken."""
        self._errors = self._unknown = self._useless = 0

    def erred(self, limits: Limits) -> Reply | None:
        """A command was refused for good; the last answer, when that is one too many."""
        self._errors += 1
        return replies.TOO_MANY_ERRORS if self._errors > limits.errors else None

    def was_unknown(self, limits: Limits) -> Reply | None:
        """The same, for a command that there is not."""
        self._unknown += 1
        return replies.TOO_MANY_UNKNOWN if self._unknown > limits.unknown else None

    def was_useless(self, limits: Limits) -> Reply | None:
        """The same, for a command by which no mail comes nearer."""
        self._useless += 1
        return replies.TOO_MANY_USELESS if self._useless > limits.useless else None
