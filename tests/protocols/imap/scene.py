"""An IMAP server over memory: ann (password `secret`) has three messages, a Sent, and Archive/2025."""

from collections.abc import Callable
from typing import Any

from twisted.cred.checkers import InMemoryUsernamePasswordDatabaseDontUse
from twisted.cred.error import UnauthorizedLogin
from twisted.cred.portal import IRealm, Portal
from twisted.internet.defer import Deferred
from zope.interface import implementer

from mailtwist.auth.api import LoginUnavailable
from mailtwist.kit.trouble import Trouble
from mailtwist.mail.flags import FLAGGED, SEEN
from mailtwist.protocols.imap.factory import IMAP4Factory
from mailtwist.protocols.imap.limits import Limits
from mailtwist.store.api import IMailAccount
from mailtwist.store.memory import MemoryStore
from mailtwist.testing.clock import ManualClock
from mailtwist.testing.wire import Wire

BEGIN = 1_000_000_000.0
BEARER_OF, BEARER = b"user@example.com", b"vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg=="
"""Who has an access token in the place of a password (rfc7628#4.1)."""


def now(coroutine: Any) -> Any:
    """The result of what waits for nothing."""
    found: list[Any] = []
    Deferred.fromCoroutine(coroutine).addBoth(found.append)
    if hasattr(found[0], "raiseException"):
        found[0].raiseException()
    return found[0]


@implementer(IRealm)
class Realm:
    """Avatars are the accounts of `store`; `left` is who has logged out."""

    def __init__(self, store: Any) -> None:
        self.store = store
        self.left: list[str] = []

    def requestAvatar(self, who: Any, mind: Any, *interfaces: Any) -> Any:
        name = who.decode() if isinstance(who, bytes) else who
        account = now(self.store.account(name))
        return IMailAccount, account, lambda: self.left.append(name)


class Checker(InMemoryUsernamePasswordDatabaseDontUse):
    """Knows ann; `requests` is what it was asked.  `down` has no answer, `slow` answers through `gate`."""

    def __init__(self) -> None:
        super().__init__(ann=b"secret", slow=b"secret")
        self.users[BEARER_OF] = BEARER
        self.users[b'an"n'] = b'a\\b"c \xc3\xa9'
        self.requests: list[Any] = []
        self.gate: Deferred[Any] = Deferred()

    def requestAvatarId(self, credentials: Any) -> Any:
        request = getattr(credentials, "request", None)
        self.requests.append(request)
        if credentials.username == b"down":
            raise LoginUnavailable("the directory is away")
        if request is not None and request.authzid not in (b"", request.user):
            raise UnauthorizedLogin()
        if request is not None and request.bearer != (credentials.username == BEARER_OF):
            raise UnauthorizedLogin()
        found = super().requestAvatarId(credentials)
        if credentials.username == b"slow":
            return self.gate.addCallback(lambda gone: found)
        return found


class Scene:
    """One store, one factory, any number of connections."""

    def __init__(
        self,
        *,
        tls: bool = True,
        trusted: bool = False,
        limits: Limits | None = None,
        tokens: bool = False,
        store: Callable[[ManualClock], Any] = MemoryStore,
    ) -> None:
        self.clock = ManualClock(BEGIN)
        self.store = store(self.clock)
        self.realm, self.checker = Realm(self.store), Checker()
        self.factory = IMAP4Factory(
            Portal(self.realm, [self.checker]),
            ctx="the context",
            limits=limits,
            trusted=(lambda address: True) if trusted else None,
            clock=self.clock,
        )
        self.tls, self.tokens = tls, tokens
        self.account = now(self.store.account("ann"))
        self.inbox = now(self.account.open("INBOX"))
        now(self._fill())

    async def _fill(self) -> None:
        for flags in ((), (SEEN,), (), (FLAGGED, "Work"), ()):
            uid = self.inbox.uid_next
            upload = self.account.upload("INBOX")
            await upload.write(b"From: bob@example.org\r\nSubject: %d\r\n\r\nbody %d\r\n" % (uid, uid))
            await upload.commit(frozenset(flags), BEGIN + uid)
            if uid == 4:
                self.inbox.claim_recent()
        await self.inbox.remove([1, 3])
        await self.account.create("Sent", "\\Sent")
        await self.account.create("Archive/2025")

    def wire(self) -> Wire:
        server = self.factory.buildProtocol(None)
        server.takes_tokens = self.tokens
        return Wire(server, tls=self.tls)

    def logged_in(self, *more: bytes) -> Wire:
        """A connection after LOGIN and `more` commands; what was said is read."""
        wire = self.wire()
        for line in (b"l LOGIN ann secret", *more):
            wire.send(line + b"\r\n")
        wire.read()
        return wire


class Full:
    """An upload for which there is no room."""

    def __init__(self, status: str) -> None:
        self.status = status

    async def write(self, chunk: bytes) -> None:
        raise Trouble(self.status, "Insufficient system storage, try again later")

    async def abort(self) -> None: ...
