"""What a mail server hands to twisted.cred: user name and password, with all a decision needs."""

from hmac import compare_digest
from typing import Any, Protocol

from twisted.cred.credentials import IUsernamePassword
from twisted.internet.defer import Deferred
from zope.interface import implementer

from mailtwist.auth.api import LoginRequest


class Presence(Protocol):
    """A login that goes on, as its server knows it: `auth.sessions.Session`."""

    def heard(self, client: str) -> None:
        """What its program calls itself, as it has just said."""


@implementer(IUsernamePassword)
class MailLogin:
    """An `IUsernamePassword` that any checker of twisted.cred understands; ours finds the whole `request`.
    `holder` is the server that holds the connection: with a method `dismiss(why)` it hears when the login
    ends before the connection does, and gets a `Presence` as its attribute `presence`."""

    def __init__(self, request: LoginRequest, holder: Any = None) -> None:
        self.request = request
        self.holder = holder
        self.deciding: Deferred[Any] | None = None
        """Until it has a result, the decision is under way."""

    @property
    def username(self) -> bytes:
        return self.request.user

    @property
    def password(self) -> bytes:
        return self.request.secret

    def checkPassword(self, password: bytes | str) -> bool:
        given = password.encode() if isinstance(password, str) else password
        return compare_digest(given, self.request.secret)

    def __repr__(self) -> str:
        return f"<MailLogin {self.request!r}>"


def call_off(credentials: object) -> None:
    """The client has gone: nobody decides about his `MailLogin` any more.  Where that has been decided, or is
    another's to decide, nothing happens."""
    deciding = getattr(credentials, "deciding", None)
    if deciding is not None and not deciding.called:
        deciding.cancel()
