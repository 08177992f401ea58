"""The IMAP server: twisted.mail's class, with our engine, grammar and commands in it.  rfc3501"""

from collections.abc import Callable, Coroutine, Mapping
from inspect import isawaitable
from io import BytesIO
from typing import Any

from twisted.cred.error import LoginFailed, UnauthorizedLogin, UnhandledCredentials
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.protocol import connectionDone
from twisted.mail import imap4
from twisted.python.failure import Failure

from mailtwist.auth.api import LoginRefused, LoginRequest, LoginUnavailable
from mailtwist.auth.credentials import MailLogin, Presence, call_off
from mailtwist.kit.events import Event
from mailtwist.kit.spawn import spawn
from mailtwist.protocols.browsers import no_browser
from mailtwist.protocols.errors import Malformed
from mailtwist.protocols.imap.arguments import LITERAL, Arguments
from mailtwist.protocols.imap.connection import Connection
from mailtwist.protocols.imap.extension import Dialect, whole
from mailtwist.protocols.imap.frames import Frame, TooBig
from mailtwist.protocols.imap.legacy import LegacyAccount, LegacyMailbox, in_our_words
from mailtwist.protocols.imap.limits import Limits
from mailtwist.protocols.sasl.exchange import Credentials, Foreign, Mechanism, mechanisms
from mailtwist.protocols.sasl.legacy import of_challengers
from mailtwist.protocols.server import encrypted, peer
from mailtwist.protocols.stock import keeps
from mailtwist.protocols.turns import TakesTurns, Turns, shield
from mailtwist.store.api import Account, IMailAccount, Mailbox

NOBODY_CHECKS = Event("imap.nobody_checks", "No checker of the portal takes these credentials", "error")

KEPT = """listCapabilities sendServerGreeting sendPositiveResponse sendNegativeResponse sendBadResponse
sendUntaggedResponse sendContinuationRequest _respond arg_atom arg_line arg_plist arg_flaglist opt_plist
opt_datetime"""
"""What of `imap4.IMAP4Server` is used, by us or by the tables of subclasses."""

OVERRIDABLE = "capabilities lookupCommand authenticateLogin newMessages flagsChanged modeChanged"
"""What a subclass may override, besides adding tables `state_COMMAND` of its own; the rest is closed."""


@keeps(imap4.IMAP4Server, KEPT, OVERRIDABLE)
class IMAP4Server(TakesTurns, imap4.IMAP4Server):
    """A factory sets `portal`, and what it likes of `ctx` (for STARTTLS), `challengers` (SASL as twisted.mail
    has it), `limits`, `dialect`, `trusted` (may an address log in without TLS?), `address` (the client's,
    where the transport does not know it) and `clock`."""

    alpn = (b"imap",)
    IDENT = b"mailtwist ready"
    limits = Limits()
    asked_for: tuple[Any, ...] = (IMailAccount, imap4.IAccount)
    dialect: Dialect
    address = service = ""
    dismissed = takes_tokens = False
    presence: Presence | None = None
    portal: Any
    ctx: Any
    account: Any
    mbox: Any
    challengers: Any
    _offered: object = None
    timeOut: Any
    startedTLS: bool
    canStartTLS: bool

    def __init__(self, chal: Any = None, contextFactory: Any = None, scheduler: Any = None) -> None:
        super().__init__(chal, contextFactory, scheduler)
        self._adapted: tuple[Any, Account] | None = None
        self._listens: LegacyMailbox | None = None
        self._literals: list[bytes] = []
        self._telling: IDelayedCall | None = None
        self._looking: IDelayedCall | None = None

    def trusted(self, address: str) -> bool:
        """Addresses that may log in without TLS."""
        return False

    # -- the connection's life
    def makeConnection(self, transport: Any) -> None:
        self.address = self.address or getattr(transport.getPeer(), "host", "")
        super().makeConnection(transport)

    def connectionMade(self) -> None:
        self.startedTLS = encrypted(self.transport)
        if not hasattr(self, "dialect"):
            self.dialect = whole()
        self.connection = Connection(self)
        self.timeOut = self.limits.login_time  # stock's connectionMade sets it
        self._bound()
        super().connectionMade()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.turns.lost()
        if hasattr(
            self, "connection"
        ):  # a subclass whose clients speak with somebody else now has dropped it
            spawn(self.connection.unselect(), "leaving a mailbox")
        super().connectionLost(reason)

    def timeoutConnection(self) -> None:
        self.connection.bye("Too long without a command")
        self.connection.flush()

    def refuse(self, error: Malformed) -> None:
        self.connection.bye(str(error), "TOOBIG" if isinstance(error, TooBig) else "")
        self.connection.flush()

    def crashed(self) -> None:
        self.connection.crashed()

    def farewell(self) -> None:
        self.connection.farewell()

    def finish(self) -> None:
        self.connection.ending = True
        super().finish()
        self.turns.tell()  # IDLE ends now

    async def turn(self, line: bytes) -> None:
        no_browser(line)
        await self.connection.turn(line)
        self._bound()

    def _bound(self) -> None:
        early, limits = self.state == "unauth", self.limits
        self.turns.limit = limits.early_line if early else limits.line
        self.turns.idle = limits.login_time if early else limits.idle_time
        self.turns.progress = limits.progress_time

    # -- what the connection asks (`host.Host`)
    @property
    def lines(self) -> Turns:
        return self.turns

    @property
    def encrypted(self) -> bool:
        return self.startedTLS

    @property
    def may_sign_in(self) -> bool:
        return self.encrypted or self.trusted(self.address)

    @property
    def may_start_tls(self) -> bool:
        return self.ctx is not None and self.canStartTLS and not self.startedTLS

    @property
    def mechanisms(self) -> Mapping[str, Mechanism]:
        ours = mechanisms(tokens=self.takes_tokens and self.encrypted)
        return {**ours, **of_challengers(self.challengers)}

    @property
    def belongs_to(self) -> Account:
        if self._adapted is None or self._adapted[0] is not self.account:
            ours = IMailAccount.providedBy(self.account)
            self._adapted = self.account, self.account if ours else LegacyAccount(self.account, self)
        return self._adapted[1]

    def words(self) -> list[str]:
        return [word.decode("ascii") for word in self.listCapabilities()]

    def ours(self) -> None:
        self.turns.ours()

    def chosen(self, mailbox: Mailbox | None) -> None:
        self._listens = mailbox if isinstance(mailbox, LegacyMailbox) else None
        self.mbox = mailbox if self._listens is None else self._listens.stock
        self.state = "auth" if mailbox is None else "select"

    def tell_soon(self) -> None:
        if self._telling is None or not self._telling.active():
            self._telling = self.callLater(0, self.turns.tell)

    def look_in(self, seconds: float, look: Callable[[], Coroutine[Any, Any, None]]) -> None:
        if self._looking is not None and self._looking.active():
            self._looking.cancel()  # an earlier IDLE still looked when this one began
        self._looking = self.callLater(seconds, lambda: spawn(look(), "looking for changes"))

    def stop_looking(self) -> None:
        for call in (self._telling, self._looking):
            if call is not None and call.active():
                call.cancel()

    def begin_tls(self) -> None:
        self.turns.start_tls(self.ctx)
        self.startedTLS = True

    def heard(self, program: str) -> None:
        if self.presence is not None:
            self.presence.heard(program)

    def hang_up(self) -> None:
        self.turns.close()

    def cut(self) -> None:
        self.turns.over = True
        self.transport.abortConnection()

    # -- login
    async def log_in(self, credentials: Credentials | Foreign) -> None:
        asked = maybeDeferred(self._ask_portal, credentials)
        try:
            interface, avatar, logout = await shield(
                asked, lambda late: late[2](), lambda: call_off(self._offered)
            )
        except UnhandledCredentials:
            NOBODY_CHECKS.log()
            raise LoginUnavailable("no checker") from None
        except LoginFailed as failed:
            raise LoginRefused(str(failed)) from None
        self.account, self._onLogout, self.state = avatar, logout, "auth"
        if interface is IMailAccount:
            self._adapted = avatar, avatar

    def _ask_portal(self, credentials: Credentials | Foreign) -> Any:
        if isinstance(credentials, Credentials):
            if not (credentials.authzid or credentials.bearer):
                return self.authenticateLogin(credentials.user, credentials.secret)
            return self._log_in_by_portal(MailLogin(self._request(credentials), self))
        return self._log_in_by_portal(credentials.credentials)

    def authenticateLogin(self, user: bytes, passwd: bytes) -> Any:
        """(interface, avatar, logout), or a Deferred of that; the interface is `IMailAccount` or
        `imap4.IAccount`.  A subclass may override it."""
        return self._log_in_by_portal(MailLogin(self._request(Credentials(user, passwd)), self))

    def _log_in_by_portal(self, credentials: Any) -> Deferred[Any]:
        if self.portal is None:
            raise UnauthorizedLogin()
        self._offered = credentials
        asked: Deferred[Any] = self.portal.login(credentials, None, *self.asked_for)
        return asked

    def _request(self, credentials: Credentials) -> LoginRequest:
        return LoginRequest(
            protocol="imap",
            user=credentials.user,
            secret=credentials.secret,
            address=self.address,
            tls=self.encrypted,
            trusted=self.trusted(self.address),
            authzid=credentials.authzid,
            client=self.connection.program,
            connection=self.turns.id,
            service=self.service,
            bearer=credentials.bearer,
            peer=peer(self.transport, self.connection.hops),
        )

    # -- for subclasses written for twisted.mail
    def capabilities(self) -> dict[bytes, Any]:
        found: dict[bytes, Any] = {}
        for word in self.connection.dialect.capabilities(self.connection):
            name, _, value = word.encode("ascii").partition(b"=")
            if not value:
                found[name] = None
            else:
                found.setdefault(name, []).append(value)
        del found[b"IMAP4rev1"]  # listCapabilities has it
        return found

    def entry(self, name: str) -> Any:
        found = self.lookupCommand(name.encode("ascii"))
        return found if isinstance(found, tuple) and found and callable(found[0]) else None

    async def run_entry(self, frame: Frame, entry: Any) -> None:
        handler, *wants = entry
        given: list[Any] = []
        rest = frame.text.removeprefix(b" ")
        self._literals = list(frame.literals)
        with in_our_words():
            for want in wants:
                value = want
                if callable(want):
                    value, rest = await maybeDeferred(self._own(want), rest or b"")
                given.append(value)
            if rest or self._literals:
                raise Malformed("Unexpected text behind the command")
            answer = handler(self, frame.opening.tag, *given)
            if isawaitable(answer):
                await answer

    def _own(self, want: Callable[..., Any]) -> Callable[[bytes], Any]:
        """A table holds the functions of its class body: stock's are replaced by ours."""
        name = want.__name__
        if want is getattr(imap4.IMAP4Server, name, None):
            want = getattr(type(self), name)
        return lambda line: want(self, line)

    def arg_astring(self, line: bytes, final: bool = False) -> tuple[bytes, bytes]:
        if line.startswith(LITERAL):
            return self._literals.pop(0), line[1:].removeprefix(b" ")
        arguments = Arguments(line)
        return arguments.astring(), arguments.rest().removeprefix(b" ")

    def arg_finalastring(self, line: bytes) -> tuple[bytes, bytes]:
        return self.arg_astring(line)

    def arg_literal(self, line: bytes) -> tuple[BytesIO, bytes]:
        if not line.startswith(LITERAL):
            raise Malformed("Expected a literal")
        octets, rest = self.arg_astring(line)
        return BytesIO(octets), rest

    # -- IMailboxIMAPListener: what a stock mailbox tells
    def newMessages(self, exists: Any, recent: Any) -> None:
        self._heard()

    def flagsChanged(self, newFlags: Any) -> None:
        self._heard()

    def modeChanged(self, writeable: Any) -> None:
        self._heard()

    def _heard(self) -> None:
        if self._listens is not None:
            spawn(self._listens.refresh(), "reading a mailbox again")
