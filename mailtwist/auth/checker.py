"""twisted.cred's door to the decision: a checker for our servers and for any other Twisted application."""

from dataclasses import replace
from typing import Any

from twisted.cred.checkers import ICredentialsChecker
from twisted.cred.credentials import IUsernamePassword
from twisted.cred.error import UnauthorizedLogin
from twisted.internet.defer import Deferred
from zope.interface import implementer

from mailtwist.auth.api import Accepted, Behind, LoginRefused, LoginRequest
from mailtwist.auth.asking import dropped
from mailtwist.auth.bearers import judges_of_tokens
from mailtwist.auth.credentials import MailLogin
from mailtwist.auth.decision import Decision, the_decision
from mailtwist.config.part import Assembly
from mailtwist.kit.events import login_id
from mailtwist.kit.spawn import started


class LoginTicket(str):
    """The avatar id: the account id, with what else the decision knows.

    `name` is the canonical login name, `device` the id of the remembered device or '', `login` the id under
    which the decision is in the log; `mark` and `until` are for `Sessions.register`, and `holder` the server
    that asked, if it was one of ours.  `take` is for the realm."""

    name: str
    device: str
    login: str
    mark: int
    until: float
    holder: Any
    _accepted: Accepted | None

    def __new__(cls, accepted: Accepted, login: str = "", holder: Any = None) -> "LoginTicket":
        ticket = super().__new__(cls, accepted.account)
        ticket.name, ticket.device, ticket.login = accepted.name, accepted.device, login
        ticket.mark, ticket.until, ticket.holder = accepted.mark, accepted.until, holder
        ticket._accepted = accepted
        return ticket

    def take(self) -> Accepted | None:
        """What the decision opened, and the bare password.  Whoever asks first gets it, nobody after him."""
        accepted, self._accepted = self._accepted, None
        return accepted

    def drop(self) -> None:
        """Nobody will take it: what was opened ends.  Nothing happens when somebody has."""
        accepted = self.take()
        if accepted is not None:
            dropped(accepted.opened)


@implementer(ICredentialsChecker)
class DecisionChecker:
    """Takes `MailLogin`, which has all the decision wants to know, and any other `IUsernamePassword` with
    `username` and `password`: where the client is remains unknown then, so codes count but no string is
    remembered, and it is for the application to see that passwords do not come in clear.

    `behind` is what every login has to open, where its directory opens nothing.

    A refusal is `UnauthorizedLogin`; `LoginUnavailable` and `EncryptionRequired` stay what they are."""

    credentialInterfaces = (IUsernamePassword,)

    def __init__(self, decision: Decision, behind: Behind | None = None) -> None:
        self._decision = decision
        self._behind = behind

    def requestAvatarId(self, credentials: Any) -> Deferred[Any]:
        """A `LoginTicket`.  Cancelling ends the login."""
        deciding = started(self._login(credentials))
        if isinstance(credentials, MailLogin):
            credentials.deciding = deciding
        return deciding

    async def _login(self, credentials: Any) -> LoginTicket:
        request = _request(credentials)
        if request.behind is not self._behind:
            request = replace(request, behind=self._behind)
        try:
            accepted = await self._decision.decide(request)
        except LoginRefused as refused:
            raise UnauthorizedLogin(refused.public) from None
        return LoginTicket(accepted, login_id.get(), getattr(credentials, "holder", None))


def the_checker(assembly: Assembly) -> DecisionChecker:
    """For `assembly.one`."""
    return DecisionChecker(assembly.one(the_decision))


def checker_before(behind: Behind | None, assembly: Assembly) -> DecisionChecker:
    """For a door whose logins go on to `behind`."""
    return DecisionChecker(assembly.one(the_decision), behind)


def takes_tokens(assembly: Assembly) -> bool:
    """Some directory judges access tokens; else no door offers to take any."""
    return bool(judges_of_tokens(assembly))


def _request(credentials: Any) -> LoginRequest:
    if isinstance(credentials, MailLogin):
        return credentials.request
    try:
        user, secret = _octets(credentials.username), _octets(credentials.password)
    except (AttributeError, TypeError, ValueError):  # the words of a ValueError would have it in them
        raise UnauthorizedLogin("the credentials have no password to see") from None
    return LoginRequest("other", user, secret, tls=True)


def _octets(text: bytes | str) -> bytes:
    return text.encode() if isinstance(text, str) else bytes(text)
