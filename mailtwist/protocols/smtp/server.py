"""The SMTP server: twisted.mail's class with our engine, grammar and commands in it.  rfc5321 rfc6409"""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from functools import partial
from inspect import isawaitable
from typing import Any

from twisted.cred.credentials import Anonymous, IUsernamePassword
from twisted.cred.error import LoginFailed
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.interfaces import ISSLTransport
from twisted.mail import smtp

from mailtwist.auth.api import LoginRefused, LoginRequest
from mailtwist.auth.credentials import MailLogin
from mailtwist.kit.events import Event, login_id
from mailtwist.kit.ids import new_id
from mailtwist.kit.spawn import shield, started
from mailtwist.kit.trouble import Trouble
from mailtwist.mail.address import Address
from mailtwist.mail.envelope import Envelope, Recipient
from mailtwist.protocols.errors import LineTooLong, Malformed
from mailtwist.protocols.sasl.exchange import Credentials, Foreign, Mechanism, mechanisms
from mailtwist.protocols.sasl.legacy import of_challengers
from mailtwist.protocols.smtp import replies
from mailtwist.protocols.smtp.command import Command, Refusal, Reply
from mailtwist.protocols.smtp.door import IReception, Mail, Reception, Session, Transfer
from mailtwist.protocols.smtp.extension import Dialect, whole
from mailtwist.protocols.smtp.legacy import (
    ReceptionDelivery,
    StockAddress,
    StockTransfer,
    Taken,
    Together,
    asked,
    received_header,
)
from mailtwist.protocols.smtp.limits import Limits
from mailtwist.protocols.stock import keeps
from mailtwist.protocols.turns import TakesTurns

REFUSED = Event("smtp.refused", "{address}: {command} is refused: {reply} {detail}")

KEPT = "sendCode sendSyntaxError listExtensions _cbAnonymousAuthentication _cbAuthenticated"
"""What of `smtp.ESMTP` is used."""

OVERRIDABLE = """validateFrom validateTo receivedHeader greeting extensions lookupMethod do_UNKNOWN
do_EHLO do_HELO do_MAIL do_RCPT do_DATA do_RSET do_QUIT ext_STARTTLS ext_AUTH"""
"""What a subclass may override, besides adding a `do_X` or `ext_X` of its own.  `super().do_MAIL(rest)` is
part of the same turn: it has been answered before the next command is read."""

WANTED = (IReception, smtp.IMessageDeliveryFactory, smtp.IMessageDelivery)


class Spoken:
    """Stock's names for the commands that are ours."""


def _spoken(name: str) -> Callable[["ESMTPServer", bytes], None]:
    def do(self: "ESMTPServer", rest: bytes) -> None:
        self.turns.also(self.perform(self.dialect.commands[name], rest))

    do.spoken = True  # type: ignore[attr-defined]
    return do


for _name in OVERRIDABLE.split():
    if _name.partition("_")[0] in ("do", "ext"):
        setattr(Spoken, _name, _spoken(_name.partition("_")[2]))


@keeps(smtp.ESMTP, KEPT, OVERRIDABLE)
class ESMTPServer(Spoken, TakesTurns, smtp.ESMTP):
    """A factory sets `portal` or `delivery`, and what it likes of `host`, `ctx` (TLS for STARTTLS),
    `challengers` (mechanisms of twisted.mail), `limits`, `dialect`, `clock`, `trusted` (whether an address
    needs no TLS to log in), `auth_offered` (False on port 25) and `login_required` (True for submission)."""

    alpn = (b"smtp",)
    limits = Limits()
    auth_offered = True
    login_required = False
    address = ""
    portal: Any
    delivery: Any
    deliveryFactory: Any
    timeout: Any
    _helo: Any
    _from: Any
    _onLogout: Any
    _dialect: Dialect | None = None

    def __init__(self, chal: Any = None, contextFactory: Any = None) -> None:
        super().__init__(chal, contextFactory)
        self.session = Session(self)
        self._errors = self._failed_logins = 0

    def trusted(self, address: str) -> bool:
        """Addresses that may log in without TLS."""
        return False

    # -- the connection
    def makeConnection(self, transport: Any) -> None:
        self.address = self.address or getattr(transport.getPeer(), "host", "")
        super().makeConnection(transport)

    def connectionMade(self) -> None:
        self.startedTLS = ISSLTransport.providedBy(self.transport)  # stock forgets implicit TLS
        self._given = self.delivery, self.deliveryFactory
        if self.timeout == smtp.SMTP.timeout:
            self.timeout = self.limits.idle_time
        self.turns.limit = max(self.limits.command, self.limits.answer)
        self.turns.progress = self.limits.progress_time
        super().connectionMade()

    def greeting(self) -> bytes:
        return bytes(self.host) + b" ESMTP"

    def refuse(self, error: Malformed) -> bool:
        framed = isinstance(error, LineTooLong)
        self.say(Reply(500 if framed else 521, "5.5.2", str(error), last=not framed))
        return framed

    def crashed(self) -> None:
        self.say(replies.CRASHED)

    def farewell(self) -> None:
        self.say(replies.LEAVING)

    def timeoutConnection(self) -> None:
        self.say(replies.TOO_SLOW)

    # -- a turn
    async def turn(self, line: bytes) -> None:
        verb, _, rest = line.strip(b" \t").partition(b" ")
        name = verb.decode("ascii", "replace").upper()
        if len(line) > self.limits.command and name != "AUTH":
            raise LineTooLong("Line too long")
        method = self.lookupMethod(name) or self.do_UNKNOWN
        if not isinstance(method, partial):
            self.turns.flush()  # a third party may write to the transport
        answer = method(rest.strip(b" \t"))
        if isawaitable(answer):
            await answer

    def lookupMethod(self, command: Any) -> Any:
        """A third party's `do_X` or `ext_X`, or else our command."""
        name = (command.decode("ascii", "replace") if isinstance(command, bytes) else command).upper()
        for word in ("do_", "ext_"):
            method = getattr(self, word + name, None)
            if method is not None and not (hasattr(method, "spoken") or hasattr(method, "stock")):
                return method
        kind = self.dialect.commands.get(name)
        return None if kind is None else partial(self.perform, kind)

    async def perform(self, kind: type[Command], rest: bytes) -> None:
        """One command of ours, answered."""
        self.turns.ours()
        self.say(await self._answer(kind, rest))

    async def _answer(self, kind: type[Command], rest: bytes) -> Reply:
        try:
            command = kind.parse(rest)
        except Malformed as error:
            return Reply(501, "5.5.4", str(error))
        if self.session.state not in kind.states:
            return replies.out_of_order(self.session.state)
        try:
            return await command.run(self.session)
        except Refusal as refusal:
            return refusal.reply
        except Trouble as trouble:
            reply = replies.refusal(trouble)
            REFUSED.log(address=self.address, command=kind.name, reply=reply.code, detail=str(trouble))
            return reply

    def do_UNKNOWN(self, rest: bytes) -> None:
        self.say(replies.UNKNOWN)

    def say(self, reply: Reply) -> None:
        """`reply` is on its way; one error too many is the last."""
        self._errors += reply.code >= 500
        if self._errors > self.limits.errors and not reply.last:
            reply = replies.TOO_MANY_ERRORS
        self.turns.write(bytes(reply))
        if reply.then is not None:
            reply.then()
        if reply.last:
            self.turns.close()

    # -- what EHLO tells
    @property
    def hostname(self) -> str:
        return bytes(self.host).decode("ascii", "replace")

    @hostname.setter
    def hostname(self, name: str) -> None:
        self.host = name

    @property
    def dialect(self) -> Dialect:
        return self._dialect or whole()

    @dialect.setter
    def dialect(self, dialect: Dialect) -> None:
        self._dialect = dialect

    @property
    def keywords(self) -> Sequence[str]:
        return bytes(self.listExtensions()).decode("ascii", "replace").split("\n")

    def extensions(self) -> dict[bytes, list[bytes] | None]:
        words = [keyword.encode("ascii").split() for keyword in self.dialect.keywords(self)]
        return {name: rest or None for name, *rest in words}

    @property
    def may_start_tls(self) -> bool:
        return bool(self.canStartTLS and not self.startedTLS)

    @property
    def may_sign_in(self) -> bool:
        return self.startedTLS or self.trusted(self.address)

    @property
    def mechanisms(self) -> Mapping[str, Mechanism]:
        if not self.auth_offered or self.portal is None:
            return {}
        theirs = of_challengers(self.challengers)
        takes_passwords = IUsernamePassword in self.portal.listCredentialsInterfaces()
        found = {**theirs, **mechanisms()} if takes_passwords else theirs
        return dict(sorted(found.items(), key=lambda one: one[0] == "LOGIN"))  # clients take the first

    # -- TLS and login
    def start_tls(self) -> None:
        self.turns.start_tls(self.ctx)
        self.startedTLS = True
        self._log_out()
        self.authenticated = False
        self.delivery, self.deliveryFactory = self._given
        self.session = Session(self)

    async def ask(self, challenge: bytes) -> bytes:
        self.turns.write(b"334 " + challenge + b"\r\n")
        return await self.turns.line(self.limits.answer)

    async def sign_in(self, credentials: Credentials | Foreign) -> None:
        login_id.set(new_id())
        try:
            found = await self._login(self._asked_for(credentials))
        except (Trouble, LoginFailed) as error:
            login_id.set("")
            raise Refusal(self._login_refused(error)) from None
        self._let_in(found)
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
            )
        )

    def _login(self, credentials: Any) -> Deferred[Any]:
        """An avatar that comes when the client has gone is logged out."""
        login = maybeDeferred(partial(self.portal.login, credentials, None, *WANTED))
        return shield(login, lambda found: found[2]())

    def _login_refused(self, error: Exception) -> Reply:
        trouble = error if isinstance(error, Trouble) else LoginRefused(str(error))
        reply = replies.login_refusal(trouble)
        self._failed_logins += reply.code == 535
        return replies.TOO_MANY_LOGINS if self._failed_logins >= self.limits.failed_logins else reply

    def _let_in(self, found: Any) -> None:
        interface, avatar, logout = found
        self._log_out()
        if interface is IReception:
            interface, avatar = smtp.IMessageDelivery, ReceptionDelivery(avatar)
        self._cbAuthenticated((interface, avatar, logout))
        self.authenticated = False

    def _log_out(self) -> None:
        logout, self._onLogout = self._onLogout, None
        if logout is not None:
            logout()

    # -- a mail
    async def accept_sender(self, address: Address) -> None:
        self._helo = (self.session.helo.encode("ascii"), self.address.encode("ascii", "replace"))
        origin = StockAddress(address, self.host)
        answer = await asked(self.validateFrom, self._helo, origin)
        self._from = answer if isinstance(answer, smtp.Address) else origin

    def validateFrom(self, helo: Any, origin: Any) -> Deferred[Any]:
        return started(self._validated(helo, origin))

    async def _validated(self, helo: Any, origin: Any) -> Any:
        if self.delivery is None and self.deliveryFactory is None:
            await self._stranger(origin)
        if self.deliveryFactory is not None:
            self.delivery = self.deliveryFactory.getMessageDelivery()
        return await maybeDeferred(self.delivery.validateFrom, helo, origin)

    async def _stranger(self, origin: Any) -> None:
        """Who has not logged in may be let in all the same."""
        if self.portal is None:
            raise smtp.SMTPBadSender(origin, 550, "5.7.1 No mail is taken here")
        try:
            self._let_in(await self._login(Anonymous()))
        except LoginFailed:
            raise smtp.SMTPBadSender(origin, 530, "5.7.0 Authentication required") from None

    async def accept_recipient(self, recipient: Recipient) -> tuple[Any, Any]:
        user = smtp.User(StockAddress(recipient.address, self.host), self._helo, self, self._from)
        return user, await asked(self.validateTo, user)

    def receivedHeader(self, helo: Any, origin: Any, recipients: Any) -> Any:
        if self.delivery is None:
            return received_header(helo, self.host, self.clock.now())
        return self.delivery.receivedHeader(helo, origin, recipients)

    async def begin(self) -> Transfer:
        mail = self.session.mail
        assert mail is not None
        ours: list[Recipient] = []
        theirs: list[Any] = []
        reception: Reception | None = None
        for recipient, (user, taker) in zip(mail.recipients, mail.takers, strict=True):
            if isinstance(taker, Taken):
                reception = taker.reception
                ours.append(recipient)
            else:
                theirs.append((user, taker))
        both = Together()
        try:
            if reception is not None:
                both.add(await reception.begin(self._envelope(mail, ours, reception), self._protocol()))
            if theirs:
                both.add(stock := StockTransfer())
                await self._add(stock, theirs)
        except BaseException:
            await both.abort()
            raise
        return both.only or both

    async def _add(self, stock: StockTransfer, theirs: Sequence[tuple[Any, Any]]) -> None:
        for user, make in theirs:
            await stock.add(make, await asked(self.receivedHeader, self._helo, self._from, [user]))

    def _envelope(self, mail: Mail, recipients: Sequence[Recipient], reception: Reception) -> Envelope:
        return Envelope(
            sender=mail.sender,
            recipients=tuple(recipients),
            parameters=mail.parameters,
            helo=self.session.helo,
            peer=self.address,
            login=reception.login,
        )

    def _protocol(self) -> str:
        """rfc3848"""
        if not self.session.extended:
            return "SMTP"
        return f"ESMTP{'S' if self.startedTLS else ''}{'A' if self.authenticated else ''}"

    def block(self) -> AsyncIterator[bytes]:
        return self.turns.block()

    async def commit(self, transfer: Transfer) -> str:
        name = await shield(started(_committed(transfer)), lambda name: None)
        if isinstance(name, Refusal):
            raise name
        self._errors = 0
        return str(name)


async def _committed(transfer: Transfer) -> str | Refusal:
    try:
        return await transfer.commit()
    except Refusal as refusal:
        return refusal  # and no failure, should nobody wait for it any more
    except Exception:
        await transfer.abort()
        raise
