"""The ManageSieve server, up to the login: twisted.mail has none, so nothing is below it.  rfc5804"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from twisted.cred.error import LoginDenied, LoginFailed, UnauthorizedLogin, UnhandledCredentials
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure

from mailtwist.auth.api import LoginRefused, LoginRequest, LoginUnavailable
from mailtwist.auth.credentials import MailLogin, call_off
from mailtwist.kit.events import Event
from mailtwist.kit.spawn import started
from mailtwist.kit.trouble import Trouble
from mailtwist.protocols.browsers import no_browser
from mailtwist.protocols.errors import LineTooLong, Malformed, Unframed
from mailtwist.protocols.sasl.exchange import Credentials, Foreign, Mechanism, mechanisms
from mailtwist.protocols.server import encrypted, peer
from mailtwist.protocols.sieve.command import Answer, Capability, Command, State
from mailtwist.protocols.sieve.extension import Dialect
from mailtwist.protocols.sieve.limits import Limits
from mailtwist.protocols.sieve.replies import bye, challenged, no, ok, refusal
from mailtwist.protocols.sieve.words import Bounds, Frame, Frames
from mailtwist.protocols.turns import TakesTurns, shield

NOBODY_CHECKS = Event("sieve.nobody_checks", "No checker of the portal takes these credentials", "error")


class SieveServer(TakesTurns):
    """A factory sets `portal`, and what it likes of `ctx` (TLS for STARTTLS), `limits`, `dialect`, `trusted`,
    `clock`.  `asked_for` are the interfaces that a portal is asked for; a subclass says with them, and with
    its own `turn`, what a login is good for."""

    alpn = (b"managesieve",)
    limits = Limits()
    address = service = ""
    ctx: Any = None
    portal: Any = None
    factory: Any = None
    asked_for: tuple[Any, ...] = ()
    avatar: Any = None
    takes_tokens = False
    _dialect: Dialect | None = None
    _left: Callable[[], object] | None = None
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
        self.turns.idle = self.limits.login_time
        self.turns.progress = self.limits.progress_time
        self.turns.limit = self.limits.line
        self.frames = Frames(self.turns)
        self._greet("Ready")
        super().connectionMade()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        left, self._left = self._left, None
        super().connectionLost(reason)
        if left is not None:
            left()

    def timeoutConnection(self) -> None:
        self.turns.write(bye("You were silent for too long"))

    def refuse(self, error: Malformed) -> bool:
        """Behind a line that nobody has seen whole there may be a literal that nobody knows of."""
        self._bad += 1
        if isinstance(error, (LineTooLong, Unframed)) or self._bad >= self.limits.bad_commands:
            self.turns.write(bye(str(error)))
            return False
        self.turns.write(no(str(error)))
        return True

    def crashed(self) -> None:
        self.turns.write(bye("Something went wrong here", "TRYLATER"))

    def farewell(self) -> None:
        self.turns.write(bye("The service ends", "TRYLATER"))

    def _greet(self, words: str) -> None:
        self.turns.write(ok(Answer(words, capabilities=self.capabilities)))

    # -- a command
    async def turn(self, line: bytes) -> None:
        no_browser(line)
        await self._run(await self.frames.read(line, self.bounds))

    async def _run(self, frame: Frame) -> None:
        """A command of ours, answered.  `Malformed` is the engine's to refuse."""
        command = self._command(frame)
        try:
            answer = await command.run(self)
        except Trouble as trouble:
            self.turns.write(refusal(trouble))
        else:
            self.turns.write(ok(answer))
            if answer.then is not None:
                answer.then()
        self._bad = 0
        if command.last:
            self.turns.close()
        elif self._failed >= self.limits.failed_logins:
            self.turns.write(bye("Too many failed logins"))
            self.turns.close()

    def _command(self, frame: Frame) -> Command:
        kind = self.dialect.commands.get(frame.name)
        if kind is None:
            raise Malformed("Unknown command, or not before login")
        if self.reached not in kind.states:
            raise Malformed("Not now")
        return kind.parse(frame.words)

    @property
    def bounds(self) -> Bounds:
        limits = self.limits
        return Bounds(limits.line, limits.literal, limits.words, limits.dropped)

    # -- what commands ask
    @property
    def reached(self) -> State:
        return State.NOT_AUTHENTICATED if self.avatar is None else State.AUTHENTICATED

    @property
    def dialect(self) -> Dialect:
        if self._dialect is None:
            self._dialect = Dialect.installed()
        return self._dialect

    @dialect.setter
    def dialect(self, dialect: Dialect) -> None:
        self._dialect = dialect

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
    def capabilities(self) -> Sequence[Capability]:
        """A subclass adds SIEVE, without which no client goes on (rfc5804#1.7)."""
        return (("IMPLEMENTATION", "mailtwist"), *self.dialect.capabilities(self), ("VERSION", "1.0"))

    @property
    def mechanisms(self) -> Mapping[str, Mechanism]:
        return mechanisms(tokens=self.takes_tokens and self.encrypted)

    async def ask(self, challenge: bytes) -> bytes:
        self.turns.write(challenged(challenge))
        return await self.frames.string(await self.turns.line(), self.bounds)

    def start_tls(self) -> None:
        self.turns.start_tls(self.ctx)
        self._greet("TLS begins")

    # -- login and the end
    async def sign_in(self, credentials: Credentials | Foreign) -> None:
        try:
            work = started(self._arrive(credentials))
            arriving = shield(work, lambda late: late[1](), lambda: call_off(self._offered))
            self.avatar, self._left = await arriving
        except LoginRefused:
            self._failed += 1
            raise
        self.turns.idle = self.limits.idle_time

    async def _arrive(self, credentials: Credentials | Foreign) -> tuple[Any, Callable[[], object]]:
        """(avatar, logout); nobody is logged in when this raises."""
        if self.portal is None:
            raise LoginUnavailable("no portal")
        if isinstance(credentials, Foreign):
            offered = credentials.credentials
        else:
            offered = MailLogin(self._request(credentials), self)
        self._offered = offered
        try:
            _, avatar, logout = await self.portal.login(offered, None, *self.asked_for)
        except UnhandledCredentials:
            NOBODY_CHECKS.log()
            raise LoginUnavailable("no checker")
        except (UnauthorizedLogin, LoginFailed, LoginDenied) as error:
            raise LoginRefused(type(error).__name__)
        return avatar, logout

    def _request(self, credentials: Credentials) -> LoginRequest:
        return LoginRequest(
            protocol="sieve",
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
