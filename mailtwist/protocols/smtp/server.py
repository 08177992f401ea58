"""The SMTP and LMTP server: twisted.mail's class with our engine and commands in it.  rfc5321 rfc2033"""

from collections.abc import Callable, Sequence
from functools import cache, partial
from inspect import isawaitable
from typing import Any

from twisted.internet.interfaces import IDelayedCall
from twisted.internet.protocol import connectionDone
from twisted.mail import smtp
from twisted.python.failure import Failure

from mailtwist.kit.events import Event
from mailtwist.kit.spawn import spawn
from mailtwist.kit.trouble import Trouble
from mailtwist.protocols.browsers import no_browser
from mailtwist.protocols.errors import LineTooLong, Malformed, Unframed
from mailtwist.protocols.server import encrypted
from mailtwist.protocols.smtp import replies
from mailtwist.protocols.smtp.command import Command, Refusal, Reply
from mailtwist.protocols.smtp.conduct import Conduct
from mailtwist.protocols.smtp.door import Asker, Session
from mailtwist.protocols.smtp.extension import Dialect, whole
from mailtwist.protocols.smtp.limits import Limits
from mailtwist.protocols.smtp.taking import TakesMail
from mailtwist.protocols.stock import keeps
from mailtwist.protocols.turns import TakesTurns

REFUSED = Event("smtp.refused", "{address}: {command} is refused: {reply} {detail}")
EARLY = Event("smtp.early", "{address}: spoke before it was greeted, {octets} octets")

KEPT = "sendCode sendSyntaxError listExtensions _cbAnonymousAuthentication _cbAuthenticated"
"""What of `smtp.ESMTP` is used."""

OVERRIDABLE = """validateFrom validateTo receivedHeader greeting extensions lookupMethod do_UNKNOWN
do_EHLO do_HELO do_MAIL do_RCPT do_DATA do_RSET do_QUIT ext_STARTTLS ext_AUTH"""
"""What a subclass may override, besides adding a `do_X` or `ext_X` of its own.  `super().do_MAIL(rest)` is
part of the same turn: it has been answered before the next command is read."""


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


@cache
def _theirs(ours: type) -> dict[str, str]:
    """The `do_X` and `ext_X` that third parties have added to the class, by X."""
    found: dict[str, str] = {}
    for word in ("ext_", "do_"):
        for name in dir(ours):
            method = getattr(ours, name) if name.startswith(word) else None
            if method is not None and not (hasattr(method, "spoken") or hasattr(method, "stock")):
                found[name.removeprefix(word)] = name
    return found


@keeps(smtp.ESMTP, KEPT, OVERRIDABLE)
class ESMTPServer(Spoken, TakesMail, TakesTurns, smtp.ESMTP):
    """A factory sets `portal` or `delivery`, and what it likes of `host`, `ctx` (TLS for STARTTLS),
    `challengers` (mechanisms of twisted.mail), `limits`, `dialect` (which may be LMTP's), `clock`, `trusted`
    (whether an address needs no TLS to log in), `auth_offered` (False on port 25), `login_required` (True for
    submission), `vrfy` (who may ask with VRFY and EXPN who exists) and `reports` (False where nobody sends
    those that DSN asks for)."""

    alpn = (b"smtp",)
    limits = Limits()
    login_required = False
    vrfy: Asker = "nobody"
    reports = True
    address = service = ""
    dismissed = False
    delivery: Any
    deliveryFactory: Any
    timeout: Any
    _dialect: Dialect | None = None

    def __init__(self, chal: Any = None, contextFactory: Any = None) -> None:
        super().__init__(chal, contextFactory)
        self.session = Session(self)
        self.conduct = Conduct()
        self._said = ""
        self._greeting: IDelayedCall | None = None

    # -- the connection
    def makeConnection(self, transport: Any) -> None:
        self.address = self.address or getattr(transport.getPeer(), "host", "")
        super().makeConnection(transport)

    def connectionMade(self) -> None:
        self.startedTLS = encrypted(self.transport)  # stock forgets implicit TLS
        self._given = self.delivery, self.deliveryFactory
        if self.timeout == smtp.SMTP.timeout:
            self.timeout = self.limits.idle_time
        self.turns.limit = max(self.limits.command, self.limits.answer)
        self.turns.progress = self.limits.progress_time
        if self.limits.greet_delay and not self.trusted(self.address):
            vars(self)["dataReceived"] = self._spoke_early
            self._greeting = self.callLater(self.limits.greet_delay, self._greet)
        else:
            self._greet()

    def _greet(self) -> None:
        vars(self).pop("dataReceived", None)
        if not self.turns.over:
            super().connectionMade()

    def _spoke_early(self, data: bytes) -> None:
        """A client waits for its greeting (rfc5321#3.1); one that does not, will not wait for answers."""
        if not self.turns.over:
            EARLY.log(address=self.address, octets=len(data))
            self.say(replies.TOO_EARLY)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if self._greeting is not None and self._greeting.active():
            self._greeting.cancel()
        super().connectionLost(reason)
        mail = self.session.mail
        if mail is not None and mail.incoming is not None:
            spawn(self.session.forget(), "dropping half a message")

    def greeting(self) -> bytes:
        return bytes(self.host) + (b" LMTP" if self.dialect.protocol == "lmtp" else b" ESMTP")

    def refuse(self, error: Malformed) -> bool:
        framed = isinstance(error, LineTooLong)
        self.say(Reply(500 if framed else 521, "5.5.2", str(error), last=not framed))
        return framed

    def crashed(self) -> None:
        self.say(replies.CRASHED)

    def farewell(self) -> None:
        self.say(replies.DISMISSED if self.dismissed else replies.LEAVING)

    def timeoutConnection(self) -> None:
        self.say(replies.TOO_SLOW)

    # -- a turn
    async def turn(self, line: bytes) -> None:
        no_browser(line)
        verb, _, rest = line.strip(b" \t").partition(b" ")
        name = verb.decode("ascii", "replace").upper()
        if len(line) > self.limits.command and name != "AUTH":
            raise LineTooLong("Line too long")
        method = self.lookupMethod(name) or self.do_UNKNOWN
        rest = rest.strip(b" \t")
        if isinstance(method, partial):
            await method(rest)
        else:
            await self._their_turn(method, rest)

    async def _their_turn(self, method: Callable[[bytes], Any], rest: bytes) -> None:
        self.turns.flush()  # a third party may write to the transport
        answer = method(rest)
        if isawaitable(answer):
            await answer

    def lookupMethod(self, command: Any) -> Any:
        """A third party's `do_X` or `ext_X`, or else our command."""
        name = (command.decode("ascii", "replace") if isinstance(command, bytes) else command).upper()
        ours: Any = type(self)
        theirs = _theirs(ours).get(name)
        if theirs is not None:
            return getattr(self, theirs)
        kind = self.dialect.commands.get(name)
        return None if kind is None else partial(self.perform, kind)

    async def perform(self, kind: type[Command], rest: bytes) -> None:
        """One command of ours, answered."""
        self.turns.ours()
        self._said = kind.name
        reply, command = self._understood(kind, rest)
        if command is not None:
            try:
                reply = await command.run(self.session)
            except (Refusal, Trouble) as error:
                reply = self.refused(error)
        if reply is not None:
            self.say(reply)

    def _understood(self, kind: type[Command], rest: bytes) -> tuple[Reply | None, Command | None]:
        """A command that may come now, or why not."""
        try:
            command = kind.parse(rest)
        except Unframed:
            raise
        except Malformed as error:
            return replies.malformed(error), None
        if command.vain and (enough := self.conduct.was_useless(self.limits)) is not None:
            return enough, None
        if self.session.state not in kind.states:
            return replies.out_of_order(self.session.state, self.dialect.hello), None
        return None, command

    def refused(self, error: Refusal | Trouble) -> Reply:
        if isinstance(error, Refusal):
            return error.reply
        reply = replies.refusal(error)
        REFUSED.log(address=self.address, command=self._said, reply=reply.code, detail=str(error))
        return reply

    def do_UNKNOWN(self, rest: bytes) -> None:
        self.say(self.conduct.was_unknown(self.limits) or replies.UNKNOWN)

    def say(self, reply: Reply, *, blames: bool = True) -> None:
        """`reply` is on its way; one error too many is the last."""
        if blames and reply.code >= 500 and not reply.last:
            reply = self.conduct.erred(self.limits) or reply
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
        if type(self).extensions is ESMTPServer.extensions:
            return self.dialect.keywords(self)
        return bytes(self.listExtensions()).decode("ascii", "replace").split("\n")

    def extensions(self) -> dict[bytes, list[bytes] | None]:
        words = [keyword.encode("ascii").split() for keyword in self.dialect.keywords(self)]
        return {name: rest or None for name, *rest in words}

    # -- TLS, and who is here
    @property
    def may_start_tls(self) -> bool:
        return bool(self.canStartTLS and not self.startedTLS)

    def start_tls(self) -> None:
        self.turns.start_tls(self.ctx)
        self.startedTLS = True
        self._log_out()
        self.authenticated = False
        self.delivery, self.deliveryFactory = self._given
        self.session = Session(self)

    def _keep(self, interface: Any, avatar: Any, logout: Any) -> None:
        self._cbAuthenticated((interface, avatar, logout))
        self.authenticated = False
