"""A POP3 service in memory: ann has three messages, bob has none."""

from typing import Any

from twisted.cred.checkers import ICredentialsChecker
from twisted.cred.credentials import IUsernamePassword
from twisted.cred.portal import IRealm, Portal
from twisted.internet.defer import Deferred
from zope.interface import implementer

from mailtwist.auth.api import LoginRefused, LoginUnavailable
from mailtwist.kit.spawn import started
from mailtwist.kit.trouble import Trouble
from mailtwist.protocols.pop3.server import POP3Server
from mailtwist.store.api import IMailAccount
from mailtwist.store.memory import MemoryStore
from mailtwist.testing.clock import ManualClock
from mailtwist.testing.wire import Wire

DOTS = b"Subject: dots\r\n\r\n.\r\n..hidden\r\na.b\r\nno line end"
LINES = (
    b"From: ann@example.org\r\nSubject: lines\r\n\r\n"
    b"one\r\ntwo\r\n\r\nfour\r\nfive \xc3\xa9\0\r\nsix\r\nseven\r\neight\r\nnine\r\n"
)
UTF8 = (
    "From: Jürgen <用户@例え.jp>\r\nTo: ann@example.org\r\n"
    "Subject: Grüße ✉\r\nX-Name: 日本語\r\n\r\nhallo\r\nß\r\n"
).encode()
BEARER = b"vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg=="
"""The access token of user@example.com (rfc7628#4.1)."""

LOGIN = b"USER ann\r\nPASS sec ret \r\n"


PEOPLE = {
    (b"ann", b"sec ret "),
    (b"bob", b"hunter2"),
    ("jürgen".encode(), "grüße 日本語".encode()),
}


@implementer(ICredentialsChecker)
class Checker:
    """`gate`, when it is set, holds everybody up."""

    credentialInterfaces = (IUsernamePassword,)

    def __init__(self) -> None:
        self.requests: list[Any] = []
        self.gate: Deferred[None] | None = None

    def requestAvatarId(self, credentials: Any) -> Deferred[bytes]:
        self.requests.append(credentials.request)
        if credentials.request.bearer:
            return started(self.decided_by_token(credentials.username, credentials.password))
        return started(self.decided(credentials.username, credentials.password))

    async def decided_by_token(self, user: bytes, token: bytes) -> bytes:
        if (user, token) != (b"user@example.com", BEARER):
            raise LoginRefused("wrong")
        return user

    async def decided(self, user: bytes, password: bytes) -> bytes:
        if self.gate is not None:
            await self.gate
        if user == b"away":
            raise LoginUnavailable("away")
        if user == b"broken":
            raise Trouble("5.3.5", "System incorrectly configured")
        if (user, password) not in PEOPLE:
            raise LoginRefused("wrong")
        return user


@implementer(IRealm)
class Realm:
    """Accounts of a store; `out` is who has been logged out.  `gate` holds up the way in."""

    def __init__(self, store: Any) -> None:
        self.store = store
        self.out: list[bytes] = []
        self.gate: Deferred[None] | None = None

    def requestAvatar(self, avatar: bytes, mind: object, *interfaces: object) -> Deferred[Any]:
        assert interfaces[0] is IMailAccount
        return started(self._account(avatar))

    async def _account(self, avatar: bytes) -> Any:
        account = await self.store.account(avatar.decode())
        if self.gate is not None:
            await self.gate
        return IMailAccount, account, lambda: self.out.append(avatar)


class Scene:
    """`connect` gives the wire of a new connection."""

    def __init__(self, store: Any = None, *, messages: tuple[bytes, ...] = (DOTS, b"", LINES)) -> None:
        self.clock = ManualClock()
        self.store = store or MemoryStore(self.clock)
        self.checker = Checker()
        self.realm = Realm(self.store)
        self.servers: list[POP3Server] = []
        for message in messages:
            self.arrives(message)

    def arrives(self, message: bytes) -> None:
        async def work() -> None:
            upload = (await self.store.account("ann")).upload("INBOX")
            await upload.write(message)
            await upload.commit()

        started(work())

    def uids(self) -> list[int]:
        """Of ann's messages, as they are now."""
        found: list[int] = []

        async def work() -> None:
            found.extend(e.uid for e in (await (await self.store.account("ann")).open("INBOX")).entries())

        started(work())
        return found

    def connect(self, kind: type[POP3Server] = POP3Server, *, tls: bool = True, **attributes: Any) -> Wire:
        server = kind()
        server.portal = Portal(self.realm, [self.checker])
        server.clock = self.clock
        server.ctx = object()
        for name, value in attributes.items():
            setattr(server, name, value)
        self.servers.append(server)
        return Wire(server, tls=tls)

    def greeted(self, **how: Any) -> Wire:
        """A connection whose greeting has been read."""
        wire = self.connect(**how)
        greeting = wire.read()
        assert greeting == b"+OK POP3 ready\r\n", greeting
        return wire

    def logged_in(self, **how: Any) -> Wire:
        wire = self.greeted(**how)
        wire.send(LOGIN)
        answer = wire.read()
        assert answer == b"+OK Send PASS\r\n+OK Logged in\r\n", answer
        return wire
