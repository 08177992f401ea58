"""One line for every decision: who, whence, how it ended and why; never a secret."""

import re
from dataclasses import dataclass
from typing import Any

from twisted.python.failure import Failure

from mailtwist.auth.api import LoginRequest
from mailtwist.auth.grammar import SEPARATOR
from mailtwist.kit.events import Event

_FACTS = "{user} ({account}) from {address} by {protocol}, tls={tls}"
ACCEPTED = Event("login.accepted", f"{_FACTS}: {{how}} {{device}}")
REFUSED = Event("login.refused", f"{_FACTS}: {{reason}}", "warn")
UNAVAILABLE = Event("login.unavailable", f"{_FACTS}: {{reason}}", "error")
BROKEN = Event("login.broken", f"{_FACTS}: a fault of the program", "critical")

MASK = "***"
_ADDRESS = re.compile(r"[a-z0-9._+-]{1,64}@(?:[a-z0-9-]{1,63}\.){1,8}[a-z]{2,63}")


@dataclass(slots=True)
class Story:
    """What becomes known about one attempt on its way."""

    request: LoginRequest
    begun: float
    account: str = ""
    name: str = ""
    known: bool = False
    how: str = "password"

    def facts(self, seconds: float) -> dict[str, Any]:
        """The fields of its line in the log, `seconds` being the time at which it is written."""
        request = self.request
        return {
            "user": self.name if self.known else masked(self.name if b"@" in request.user else ""),
            "account": self.account or "-",
            "address": request.address or "-",
            "protocol": request.protocol,
            "tls": request.tls,
            "client": request.client[:200],
            "seconds": round(seconds - self.begun, 3),
        }


def masked(name: str) -> str:
    """A name that nobody has, fit for the log.  People type the password into the name's field: whatever does
    not look like an address in plain letters is not shown."""
    return name if _ADDRESS.fullmatch(name) else MASK


def told_safely(error: Exception, secret: bytes) -> Failure:
    """`error` with its traceback, fit for the log.  Directories and factors may be anybody's, and drivers of
    databases like to put what they were given into their messages: one with the secret, or half of it, in it
    is left out."""
    password, _, code = secret.rpartition(SEPARATOR)
    halves = [half for half in (secret, password, code) if half]
    said = f"{error} {error!r}".encode("utf-8", "backslashreplace")
    if not any(half in said or repr(half)[2:-1].encode() in said for half in halves):
        return Failure(error)
    kind = type(error).__name__
    return Failure(
        RuntimeError(f"{kind}, whose words have a secret in them"), RuntimeError, error.__traceback__
    )
