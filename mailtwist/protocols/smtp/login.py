"""Who the client is: AUTH, up to the avatar that a portal gives for it.  rfc4954"""

from collections.abc import Mapping
from typing import Any

from mailtwist.auth.api import LoginRefused, LoginRequest
from mailtwist.auth.credentials import MailLogin
from mailtwist.kit.events import login_id
from mailtwist.kit.ids import new_id
from mailtwist.kit.trouble import Trouble
from mailtwist.protocols.sasl.exchange import Credentials, Foreign, Mechanism, mechanisms, refusal_said
from mailtwist.protocols.sasl.legacy import of_challengers
from mailtwist.protocols.server import peer
from mailtwist.protocols.smtp import replies
from mailtwist.protocols.smtp.command import Refusal, Reply
from mailtwist.protocols.smtp.door import Session
from mailtwist.protocols.smtp.legacy import let_in, stock_avatar, takes_passwords
from mailtwist.protocols.smtp.limits import Limits
from mailtwist.protocols.turns import Turns


class SignsIn:
    """A part of the server: what its connection knows of who speaks."""

    turns: Turns
    transport: Any
    session: Session
    limits: Limits
    address: str
    service: str
    auth_offered = True
    takes_tokens = False
    authenticated: bool
    startedTLS: bool
    challengers: Any
    portal: Any
    _onLogout: Any
    _failed_logins = 0

    def trusted(self, address: str) -> bool:
        """Addresses that may log in without TLS."""
        return False

    @property
    def may_sign_in(self) -> bool:
        return self.startedTLS or self.trusted(self.address)

    @property
    def mechanisms(self) -> Mapping[str, Mechanism]:
        if not self.auth_offered or self.portal is None:
            return {}
        theirs = of_challengers(self.challengers)
        ours = mechanisms(tokens=self.takes_tokens and self.startedTLS)
        found = {**theirs, **ours} if takes_passwords(self.portal) else theirs
        return dict(sorted(found.items(), key=lambda one: one[0] == "LOGIN"))  # clients take the first

    async def ask(self, challenge: bytes) -> bytes:
        self.turns.write(b"334 " + challenge + b"\r\n")
        return await self.turns.line(self.limits.answer)

    async def sign_in(self, credentials: Credentials | Foreign) -> None:
        login_id.set(new_id())
        try:
            found = await let_in(self.portal, self._asked_for(credentials))
        except Trouble as trouble:
            login_id.set("")
            if isinstance(trouble, LoginRefused):
                await refusal_said(credentials, self.ask)
            raise Refusal(self._login_refused(trouble)) from None
        self._enter(found)
        self.authenticated = True

    def _asked_for(self, credentials: Credentials | Foreign) -> Any:
        if isinstance(credentials, Foreign):
            return credentials.credentials
        return MailLogin(
            LoginRequest(
                protocol="smtp",
                user=credentials.user,
                secret=credentials.secret,
                authzid=credentials.authzid,
                address=self.address,
                tls=self.startedTLS,
                trusted=self.trusted(self.address),
                client=self.session.helo,
                connection=self.turns.id,
                service=self.service,
                bearer=credentials.bearer,
                peer=peer(self.transport),
            ),
            self,
        )

    def _login_refused(self, trouble: Trouble) -> Reply:
        reply = replies.login_refusal(trouble)
        self._failed_logins += reply.code == 535
        return replies.TOO_MANY_LOGINS if self._failed_logins >= self.limits.failed_logins else reply

    def _enter(self, found: Any) -> None:
        """The client has an avatar; one that it had before is logged out."""
        interface, avatar, logout = found
        self._log_out()
        self._keep(*stock_avatar(interface, avatar), logout)

    def _keep(self, interface: Any, avatar: Any, logout: Any) -> None:
        raise NotImplementedError

    def _log_out(self) -> None:
        logout, self._onLogout = self._onLogout, None
        if logout is not None:
            logout()
