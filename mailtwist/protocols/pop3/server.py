"""The POP3 server: twisted.mail's class with our engine and commands in it.  rfc1939 rfc2449"""

import math
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from inspect import isawaitable, signature
from typing import Any, NoReturn

from twisted.cred.error import LoginDenied, LoginFailed, UnauthorizedLogin, UnhandledCredentials
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.protocol import connectionDone
from twisted.mail import pop3
from twisted.python.failure import Failure

from mailtwist.auth.api import LoginRefused, LoginRequest, LoginUnavailable
from mailtwist.auth.credentials import MailLogin, call_off
from mailtwist.kit.events import Event
from mailtwist.kit.spawn import spawn, started
from mailtwist.kit.trouble import Trouble
from mailtwist.protocols.browsers import no_browser
from mailtwist.protocols.errors import Closed, LineTooLong, Malformed
from mailtwist.protocols.pop3.command import Answer, Command, State
from mailtwist.protocols.pop3.delays import Delays
from mailtwist.protocols.pop3.dots import Stuffing, stuffed
from mailtwist.protocols.pop3.extension import Dialect
from mailtwist.protocols.pop3.language import ENGLISH, Language
from mailtwist.protocols.pop3.legacy import LegacyMaildrop
from mailtwist.protocols.pop3.limits import Limits
from mailtwist.protocols.pop3.maildrop import Maildrop, StoreMaildrop, opened
from mailtwist.protocols.pop3.readable import Utf8Headers
from mailtwist.protocols.pop3.replies import err, ok, refusal
from mailtwist.protocols.sasl.exchange import Credentials, Foreign, Mechanism, mechanisms
from mailtwist.protocols.sasl.legacy import of_challengers
from mailtwist.protocols.server import encrypted, peer
from mailtwist.protocols.stock import keeps
from mailtwist.protocols.turns import TakesTurns, shield
from mailtwist.store.api import IMailAccount

NOBODY_CHECKS = Event("pop3.nobody_checks", "No checker of the portal takes these credentials", "error")
CUT = Event("pop3.cut", "An answer could not be sent whole: {reason}", "error")

KEPT = "successResponse failResponse"
"""What of `pop3.POP3` we call, and subclasses may."""

OVERRIDABLE = "authenticateUserPASS listCapabilities processCommand"
"""What a subclass may override, besides `do_X`; the rest is closed."""

SPOKEN = "AUTH CAPA DELE LIST NOOP PASS QUIT RETR RSET STAT TOP UIDL USER"
"""Of a subclass's `super().do_X()`, those that reach our command."""

_STOCK_CAPABILITIES = (b"TOP", b"USER", b"UIDL", b"PIPELINE", b"CELERITY", b"AUSPEX", b"POTENCE", b"SASL")


@keeps(pop3.POP3, KEPT, OVERRIDABLE)
class POP3Server(TakesTurns, pop3.POP3):
    """A factory sets `portal`, and what it likes of `ctx` (TLS for STLS), `limits`, `dialect`, `trusted`,
    `clock`, and what the door's commands ask of it: `preferred_language`, `utf8_headers`, `retention`,
    `delays` (shared by its connections).  `mbox` is a twisted.mail mailbox or a `Maildrop` of ours."""

    alpn = (b"pop3",)
    limits = Limits()
    address = service = ""
    ctx: Any = None
    portal: Any = None
    factory: Any = None
    asked_for: tuple[Any, ...] = (IMailAccount, pop3.IMailbox)
    mbox: Any = None
    timeOut: Any
    magic = b"POP3 ready"  # no <time stamp@host>: that would offer APOP (rfc1939#7)
    user: bytes | None = None
    utf8 = takes_tokens = False
    language = preferred_language = ENGLISH
    utf8_headers: Utf8Headers = "downgrade"
    retention: float | None = None
    delays = Delays()
    _dialect: Dialect | None = None
    _adapted: LegacyMaildrop | None = None
    _updated: Deferred[None] | None = None
    _offered: object = None
    _failed = _bad = 0

    def trusted(self, address: str) -> bool:
        """Addresses that may log in without TLS."""
        return False

    # -- the connection
    def makeConnection(self, transport: Any) -> None:
        self.address = self.address or getattr(transport.getPeer(), "host", "")
        super().makeConnection(transport)

    def connectionMade(self) -> None:
        self.timeOut = self.limits.login_time
        self.turns.progress = self.limits.progress_time
        self.turns.limit = max(self.limits.line, self.limits.answer)
        super().connectionMade()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        maildrop = None if self.mbox is None else self.maildrop
        logout, self._onLogout = self._onLogout, None
        super().connectionLost(reason)
        spawn(_left(maildrop, logout, self._updated), "leaving a maildrop")

    def timeoutConnection(self) -> None:
        """Nothing is said and nothing deleted (rfc1939#3)."""

    def refuse(self, error: Malformed) -> bool:
        self.turns.write(err(str(error), "", self.language))
        self._bad += 1
        return self._bad < self.limits.bad_commands

    def crashed(self) -> None:
        self.turns.write(err("Something went wrong here", "SYS/TEMP", self.language))

    # -- a command
    async def turn(self, line: bytes) -> None:
        no_browser(line)
        if len(line) > self.limits.line and line[:5].upper() != b"AUTH ":
            raise LineTooLong("Line too long")
        try:
            answer = self.processCommand(*line.split(b" "))
            if isawaitable(answer):
                await answer
        except pop3.POP3Error as error:
            self.failResponse(*error.args[:1])

    def processCommand(self, command: bytes, *args: bytes) -> Any:
        name = command.upper().decode("ascii", "replace")
        method = getattr(self, f"do_{name}", None) if name.isalnum() else None
        if method is None or hasattr(method, "stock") or hasattr(method, "spoken"):
            return self._run(name, b" ".join(args))
        if self.mbox is None and name.encode() not in self.AUTH_CMDS:
            raise pop3.POP3Error("Log in first")
        try:
            signature(method).bind(*args)
        except TypeError:
            raise pop3.POP3Error("Wrong number of arguments")
        self.turns.flush()
        return method(*args)

    async def _run(self, name: str, arguments: bytes) -> None:
        """A command of ours, answered.  `Malformed` is the engine's to refuse."""
        self.turns.ours()
        command = self._command(name, arguments)
        try:
            await self._say(await command.run(self))
        except Trouble as trouble:
            self.turns.write(refusal(trouble, self.language))
        self._bad = 0
        if command.last or self._failed >= self.limits.failed_logins:
            self.turns.close()

    def _command(self, name: str, arguments: bytes) -> Command:
        kind = self.dialect.commands.get(name)
        if kind is None:
            raise Malformed("Unknown command")
        if self.reached not in kind.states:
            raise Malformed("Not now")
        return kind.parse(arguments)

    async def _say(self, answer: Answer) -> None:
        self.turns.write(ok(answer, self.language))
        if isinstance(answer.body, bytes):
            self.turns.write(stuffed(answer.body))
        elif answer.body is not None:
            try:
                await self._send(answer.body)
            except Exception as error:
                self._cut(error)
        if answer.then is not None:
            answer.then()

    async def _send(self, body: AsyncGenerator[bytes, None]) -> None:
        stuffing = Stuffing()
        async with aclosing(body):
            async for chunk in body:
                self.turns.write(stuffing.stuffed(chunk))
                if self.turns.much:
                    await self.turns.drained()
        self.turns.write(stuffing.end())

    def _cut(self, error: Exception) -> NoReturn:
        """The connection ends in the middle of an answer: the client must not take what it has for all."""
        if not self.turns.over:
            self.turns.over = True
            self.transport.abortConnection()
        if isinstance(error, (Trouble, OSError)):
            CUT.log(reason=str(error))
            raise Closed
        raise error

    def successResponse(self, message: Any = "") -> None:
        self.turns.flush()
        super().successResponse(message)

    # -- what commands ask
    @property
    def reached(self) -> State:
        return State.AUTHORIZATION if self.mbox is None else State.TRANSACTION

    @property
    def dialect(self) -> Dialect:
        if self._dialect is None:
            self._dialect = Dialect.installed()
        return self._dialect

    @dialect.setter
    def dialect(self, dialect: Dialect) -> None:
        self._dialect = dialect

    @property
    def languages(self) -> Sequence[Language]:
        return self.dialect.languages

    @property
    def encrypted(self) -> bool:
        return encrypted(self.transport)

    @property
    def may_sign_in(self) -> bool:
        return self.encrypted or self.trusted(self.address)

    @property
    def may_start_tls(self) -> bool:
        return self.ctx is not None and not self.encrypted

    @property
    def capabilities(self) -> Sequence[bytes]:
        return self.listCapabilities()

    def listCapabilities(self) -> list[bytes]:
        """Ours, and before them what a factory that is an `IServerFactory` says of itself."""
        stock = {one.split(b" ")[0]: one for one in super().listCapabilities()}
        stock = {tag: one for tag, one in stock.items() if tag not in _STOCK_CAPABILITIES}
        ours = [one.encode("ascii") for one in self.dialect.capabilities(self)]
        return [one for one in ours if one.split(b" ")[0] not in stock] + list(stock.values())

    @property
    def mechanisms(self) -> Mapping[str, Mechanism]:
        ours = mechanisms(tokens=self.takes_tokens and self.encrypted)
        return {**ours, **of_challengers(getattr(self.factory, "challengers", None) or {})}

    @property
    def maildrop(self) -> Maildrop:
        if isinstance(self.mbox, StoreMaildrop):
            return self.mbox
        if self._adapted is None or self._adapted.mailbox is not self.mbox:
            self._adapted = LegacyMaildrop(self.mbox)
        return self._adapted

    async def ask(self, challenge: bytes) -> bytes:
        self.turns.write(b"+ %b\r\n" % challenge)
        return await self.turns.line(limit=self.limits.answer)

    def start_tls(self) -> None:
        self.user, self.utf8, self.language = None, False, ENGLISH
        self.turns.start_tls(self.ctx)

    # -- login and the end
    async def sign_in(self, credentials: Credentials | Foreign) -> None:
        try:
            arriving = shield(started(self.arrive(credentials)), self._too_late, self._call_off)
            self.mbox, self._onLogout = await arriving
        except LoginRefused:
            self._failed += 1
            raise
        self.setTimeout(self.limits.idle_time)

    def _call_off(self) -> None:
        call_off(self._offered)

    def _too_late(self, arrived: tuple[Any, Any]) -> None:
        mbox, logout = arrived
        maildrop = mbox if isinstance(mbox, StoreMaildrop) else None
        spawn(_left(maildrop, logout, None), "leaving a maildrop")

    async def arrive(self, credentials: Credentials | Foreign) -> tuple[Any, Any]:
        """(mailbox, logout); nobody is logged in when this raises.  What it asks for is `asked_for`."""
        interface, avatar, logout = await self.log_in(credentials)
        native = interface is IMailAccount
        account = avatar.id if native else _named(credentials)
        try:
            self.delays.check(account, self.clock)
            mbox = await opened(avatar, self._kept_since()) if native else avatar
        except BaseException:
            logout()
            raise
        self.delays.note(account, self.clock)
        return mbox, logout

    def _kept_since(self) -> float | None:
        kept_for = self.retention
        return None if kept_for is None or math.isinf(kept_for) else self.clock.now() - kept_for

    async def log_in(self, credentials: Credentials | Foreign) -> Any:
        """(interface, avatar, logout)."""
        try:
            if isinstance(credentials, Foreign):
                return await self._portal(credentials.credentials)
            if credentials.authzid or credentials.bearer:
                return await self._portal(self._mail_login(credentials))
            return await maybeDeferred(self.authenticateUserPASS, credentials.user, credentials.secret)
        except UnhandledCredentials:
            NOBODY_CHECKS.log()
            raise LoginUnavailable("no checker")
        except (LoginFailed, LoginDenied) as error:
            raise LoginRefused(type(error).__name__)

    def authenticateUserPASS(self, user: bytes, password: bytes) -> Any:
        """(interface, avatar, logout), now or later; a subclass may decide by itself."""
        return self._portal(self._mail_login(Credentials(user, password)))

    def _mail_login(self, credentials: Credentials) -> MailLogin:
        request = LoginRequest(
            protocol="pop3",
            user=credentials.user,
            secret=credentials.secret,
            authzid=credentials.authzid,
            address=self.address,
            tls=self.encrypted,
            trusted=self.trusted(self.address),
            connection=self.turns.id,
            service=self.service,
            bearer=credentials.bearer,
            peer=peer(self.transport),
        )
        return MailLogin(request, self)

    def _portal(self, credentials: Any) -> Deferred[Any]:
        if self.portal is None:
            raise UnauthorizedLogin
        self._offered = credentials
        login: Deferred[Any] = self.portal.login(credentials, None, *self.asked_for)
        return login

    async def update(self) -> None:
        self._updated = Deferred()
        await shield(started(self._update(self._updated)), lambda _: None)

    async def _update(self, updated: Deferred[None]) -> None:
        maildrop = self.maildrop
        try:
            await maildrop.commit()
            await maildrop.close()  # a client that comes back at once is not told IN-USE
        finally:
            updated.callback(None)


def _named(credentials: Credentials | Foreign) -> str:
    """Whose login it is, where the avatar does not say."""
    user = credentials.credentials if isinstance(credentials, Foreign) else credentials.user
    return str(getattr(user, "username", user))


async def _left(maildrop: Maildrop | None, logout: Callable[[], object] | None, updated: Any) -> None:
    """The deletions that QUIT began are through, the maildrop is free, the avatar is logged out."""
    if updated is not None:
        await updated
    try:
        if maildrop is not None:
            await maildrop.close()
    finally:
        if logout is not None:
            logout()


def _spoken(name: str) -> Callable[..., None]:
    def do(self: POP3Server, *words: bytes) -> None:
        self.turns.also(self._run(name, b" ".join(words)))

    do.__name__ = f"do_{name}"
    do.spoken = True  # type: ignore[attr-defined]
    return do


for _name in SPOKEN.split():
    setattr(POP3Server, f"do_{_name}", _spoken(_name))
