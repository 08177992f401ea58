"""An SMTP service in memory: ann and bob may log in, and whoever takes the mail keeps it in a list."""

from typing import Any

from twisted.cred.checkers import AllowAnonymousAccess, ICredentialsChecker
from twisted.cred.credentials import IUsernamePassword
from twisted.cred.portal import IRealm, Portal
from twisted.internet.defer import Deferred
from zope.interface import implementer

from mailtwist.auth.api import LoginRefused, LoginUnavailable
from mailtwist.kit.spawn import started
from mailtwist.kit.trouble import Trouble
from mailtwist.protocols.smtp.door import IReception
from mailtwist.protocols.smtp.server import ESMTPServer
from mailtwist.testing.clock import ManualClock
from mailtwist.testing.wire import Wire

PLAIN_ANN = b"AUTH PLAIN AGFubgBzZXNhbWU="  # \0ann\0sesame
PEER = "192.0.2.1"


BEARER = b"vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg=="
"""The access token of user@example.com (rfc7628#4.1)."""


@implementer(ICredentialsChecker)
class Checker:
    """`gate`, when it is set, holds everybody up."""

    credentialInterfaces = (IUsernamePassword,)

    def __init__(self) -> None:
        self.requests: list[Any] = []
        self.gate: Deferred[None] | None = None

    def requestAvatarId(self, credentials: Any) -> Deferred[bytes]:
        self.requests.append(credentials.request)
        return started(self.decided(credentials.username, credentials.password))

    async def decided(self, user: bytes, password: bytes) -> bytes:
        if self.gate is not None:
            await self.gate
        if user == b"away":
            raise LoginUnavailable("away")
        if user == b"weak":
            raise Trouble("5.7.9", "This mechanism is too weak")
        if user == b"old":
            raise Trouble("4.7.12", "A password transition is needed")
        if user == b"user@example.com" and password == BEARER and self.requests[-1].bearer:
            return user
        if (user, password) not in ((b"ann", b"sesame"), (b"bob", b"p@123456"), (b"test", b"1234")):
            raise LoginRefused("wrong")
        return user


class Reception:
    """`gate`, when it is set, holds up whatever is asked."""

    def __init__(self, scene: "Scene", login: str) -> None:
        self.scene = scene
        self.login = login

    async def sender(self, address: Any, size: int = 0) -> None:
        await self.scene.wait()
        self.scene.senders.append((address, size))
        if address.local == "evil":
            raise Trouble("5.7.1", "This sender is not welcome")
        if address.local == "later":
            raise Trouble("4.7.1", "Come again")
        if address.local == "bug":
            raise ZeroDivisionError

    async def recipient(self, address: Any) -> None:
        await self.scene.wait()
        if address.local == "nobody":
            raise Trouble("5.1.1", "No such recipient here", "the log only")
        if address.local == "full":
            raise Trouble("4.2.2", "The mailbox is full")

    async def verified(self, name: str) -> list[str]:
        people = {
            "Crispin": ["Mark Crispin <Admin.MRC@foo.com>"],
            "Smith": ["Joe <js@foo.com>", "hs@foo.com"],
        }
        people |= {"elsewhere@x": [], "müller": ["Jürgen Müller <müller@example.org>"]}
        if name not in people:
            raise Trouble("5.1.1", "String does not match anything")
        return people[name]

    async def expanded(self, name: str) -> list[str]:
        if name == "empty":
            return []
        if name != "Example-People":
            raise Trouble("5.1.1", "There is no such list")
        return ["Jon Postel <Postel@isi.edu>", "Fred Fonebone <Fonebone@physics.foo-u.edu>"]

    async def begin(self, envelope: Any, protocol: str) -> "Transfer":
        await self.scene.wait()
        if any(to.address.local == "busy" for to in envelope.recipients):
            raise Trouble("4.3.1", "No room now")
        return Transfer(self.scene, envelope, protocol)


class Transfer:
    def __init__(self, scene: "Scene", envelope: Any, protocol: str) -> None:
        self.scene, self.envelope, self.protocol = scene, envelope, protocol
        self.chunks: list[bytes] = []
        self.over = ""

    @property
    def message(self) -> bytes:
        return b"".join(self.chunks)

    async def write(self, chunk: bytes) -> None:
        self.chunks.append(chunk)
        if b"DISK FULL" in self.message:
            raise Trouble("4.3.1", "Insufficient system storage, try again later")

    async def commit(self) -> str:
        await self.scene.wait()
        if b"BUG" in self.message:
            raise ZeroDivisionError
        if b"VIRUS" in self.message:
            raise Trouble("5.6.0", "The message is not wanted")
        self.over = "taken"
        self.scene.mails.append(self)
        return f"m{len(self.scene.mails)}"

    async def commit_each(self) -> list[Any]:
        """green's mailbox is full."""
        name = await self.commit()
        outcomes: dict[str, Any] = {"green": Trouble("4.2.2", "The mailbox is temporarily over quota")}
        return [outcomes.get(to.address.local, name) for to in self.envelope.recipients]

    async def abort(self) -> None:
        if not self.over:
            self.over = "dropped"
            self.scene.dropped.append(self)


@implementer(IRealm)
class Realm:
    """`out` is who has been logged out.  `gate` holds up the way in."""

    def __init__(self, scene: "Scene") -> None:
        self.scene = scene
        self.out: list[str] = []
        self.gate: Deferred[None] | None = None

    def requestAvatar(self, avatar: Any, mind: object, *interfaces: object) -> Deferred[Any]:
        assert interfaces[0] is IReception
        return started(self._avatar(avatar.decode() if avatar else ""))

    async def _avatar(self, name: str) -> Any:
        if self.gate is not None:
            await self.gate
        return IReception, Reception(self.scene, name), lambda: self.out.append(name)


class Scene:
    """`connect` gives the wire of a new connection.  `mails` were taken, `dropped` were not."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.mails: list[Transfer] = []
        self.dropped: list[Transfer] = []
        self.senders: list[Any] = []
        self.checker = Checker()
        self.realm = Realm(self)
        self.servers: list[ESMTPServer] = []
        self.gate: Deferred[None] | None = None

    async def wait(self) -> None:
        if self.gate is not None:
            await self.gate

    def portal(self, strangers: bool = True) -> Portal:
        anonymous = [AllowAnonymousAccess()] if strangers else []
        return Portal(self.realm, [self.checker, *anonymous])

    def connect(
        self,
        kind: type[ESMTPServer] = ESMTPServer,
        *,
        tls: bool = False,
        strangers: bool = True,
        **attributes: Any,
    ) -> Wire:
        server = kind()
        server.portal = self.portal(strangers)
        server.clock = self.clock
        server.host = "mx.example.org"
        server.ctx = object()
        for name, value in attributes.items():
            setattr(server, name, value)
        self.servers.append(server)
        return Wire(server, address=PEER, tls=tls)

    def greeted(self, **how: Any) -> Wire:
        """A connection that has said EHLO and heard the answer."""
        wire = self.connect(**how)
        wire.send(b"EHLO me.example\r\n")
        heard = wire.read()
        assert heard.startswith(b"220 mx.example.org ESMTP\r\n250-mx.example.org\r\n"), heard
        return wire

    def over(self) -> bool:
        """All wires are gone, and nothing is left of them."""
        for server in self.servers:
            server.transport.hang_up()
        return not self.clock.reactor.getDelayedCalls()


def codes(wire: Wire) -> list[bytes]:
    """The reply codes that have come, one for each reply."""
    return [line[:3] for line in wire.read().split(b"\r\n") if line[3:4] == b" "]
