"""What commands may ask of the server, and what the server asks of whoever takes the mail.  rfc5321#3.3"""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol, runtime_checkable

from zope.interface import Interface

from mailtwist.kit.trouble import Trouble
from mailtwist.mail.address import Address
from mailtwist.mail.envelope import Envelope, Recipient
from mailtwist.protocols.sasl.exchange import Credentials, Foreign, Mechanism
from mailtwist.protocols.smtp.command import Refusal, Reply, State
from mailtwist.protocols.smtp.extension import Dialect
from mailtwist.protocols.smtp.limits import Limits

if TYPE_CHECKING:
    from mailtwist.protocols.smtp.incoming import Incoming

Asker = Literal["nobody", "accounts", "anybody"]


class Transfer(Protocol):
    """One message on its way in.  Ends with `commit` or `abort`; when it fails by `Trouble` it has ended."""

    async def write(self, chunk: bytes) -> None:
        """The next octets, dots undone; all together they have lines ended by CRLF, unless the envelope's
        body is BINARYMIME."""

    async def commit(self) -> str | Reply:
        """The message is safe; the answer is its name, for the client's log, or all that the client is told.
        `Refusal` and `Trouble` say why it is not.  Once begun, it is not called off when the client goes."""

    async def abort(self) -> None:
        """Nothing is left of it.  May be called at any time, also after `commit`, then it does nothing."""


@runtime_checkable
class SupportsOutcomes(Protocol):
    """A `Transfer` whose recipients need not share one fate; LMTP asks for it (rfc2033#4.2)."""

    async def commit_each(self) -> Sequence[str | Reply | Refusal | Trouble]:
        """In the place of `commit`: for each recipient of the envelope, in its order, what `commit` would
        answer, or why this one does not have it.  Once begun, this is not called off either."""


class Reception(Protocol):
    """Who takes the mail of one client: the avatar for `IReception`.  `Trouble` refuses; a status of the form
    4.x.x asks the client to come again."""

    @property
    def login(self) -> str:
        """The account id of who logged in, '' for strangers."""

    async def sender(self, address: Address, size: int = 0) -> None:
        """A new mail begins, from `address`; the one before is forgotten.  The client says that it is going
        to have `size` octets, 0 where it says nothing (rfc1870#4)."""

    async def recipient(self, address: Address) -> None:
        """It is for `address` too; `Address("postmaster", "")` for a bare postmaster."""

    async def begin(self, envelope: Envelope, protocol: str) -> Transfer:
        """The message is about to come.  Trace lines are the reception's, `protocol` is the word for "with"
        (rfc5321#4.4, rfc3848, rfc6531#4.3)."""


@runtime_checkable
class SupportsParameters(Protocol):
    """A `Reception` that hands the mail on while it comes, so it has to know all that the client says.
    `Refusal` and `Trouble` refuse."""

    async def mail_from(self, mail: "Mail") -> None:
        """In the place of `sender`."""

    async def rcpt_to(self, recipient: Recipient) -> None:
        """In the place of `recipient`."""


@runtime_checkable
class SupportsVerify(Protocol):
    """A `Reception` that says who somebody is (rfc5321#3.5)."""

    async def verified(self, name: str) -> Sequence[str]:
        """The mailboxes, `local@domain` or `Full Name <local@domain>`, that `name` may mean: several when it
        is ambiguous, none when that cannot be said.  `Trouble` 5.1.1 when it is nobody."""


@runtime_checkable
class SupportsExpand(Protocol):
    """A `Reception` that has lists."""

    async def expanded(self, name: str) -> Sequence[str]:
        """The mailboxes on the list `name`.  `Trouble` 5.1.1 when there is no such list."""


class IReception(Interface):
    """An avatar of twisted.cred that is a `Reception`: what our server asks a portal for before the
    interfaces of twisted.mail."""


class Door(Protocol):
    """The connection, and what it has reached."""

    @property
    def hostname(self) -> str: ...

    @property
    def limits(self) -> Limits: ...

    @property
    def dialect(self) -> Dialect: ...

    @property
    def keywords(self) -> Sequence[str]:
        """What EHLO tells now, whatever a subclass adds to the dialect's."""

    @property
    def may_start_tls(self) -> bool:
        """TLS is not yet spoken and could be."""

    @property
    def may_sign_in(self) -> bool:
        """Secrets may be sent: TLS is spoken, or the peer's network is trusted."""

    @property
    def mechanisms(self) -> Mapping[str, Mechanism]:
        """What AUTH takes, by upper-case name; none where nobody can log in."""

    @property
    def authenticated(self) -> bool: ...

    @property
    def login_required(self) -> bool:
        """Mail is taken from those who logged in only (rfc6409#4.3)."""

    @property
    def vrfy(self) -> Asker:
        """Who may ask who exists."""

    @property
    def reports(self) -> bool:
        """Whoever takes the mail sends the reports that DSN asks for."""

    def say(self, reply: Reply, *, blames: bool = True) -> None:
        """An answer before the answer: 354.  One that `blames` counts as an error, where it is one."""

    def refused(self, error: Refusal | Trouble) -> Reply:
        """The answer that says so; the log has the rest."""

    async def ask(self, challenge: bytes) -> bytes:
        """334 with `challenge`, and the line that the client says then."""

    async def sign_in(self, credentials: Credentials | Foreign) -> None:
        """`authenticated` is true; else `Refusal`."""

    def start_tls(self) -> None:
        """For `Reply.then`.  What the client has said is forgotten (rfc3207#4.2)."""

    async def reception(self) -> object:
        """Whoever takes this client's mail; a `Reception`, or what a third party has in its place.
        `Refusal`, when nobody does."""

    async def accept_sender(self, mail: "Mail") -> None:
        """`Refusal` or `Trouble`, when whoever takes the mail does not want it."""

    async def accept_recipient(self, recipient: Recipient) -> Any:
        """The same; the answer belongs into `Mail.takers`."""

    async def begin(self) -> Transfer:
        """The message of `Session.mail` is about to come."""

    def block(self) -> AsyncIterator[bytes]:
        """The message, as `received.Block` gives it."""

    def chunk(self, size: int) -> AsyncIterator[bytes]:
        """The next `size` octets, whatever they are."""

    def for_each(self, reply: Reply) -> Sequence[Reply]:
        """The same answer as often as the client waits for one at the end of the message of `Session.mail`:
        once, or in LMTP once for each recipient."""

    async def commit(self, transfer: Transfer) -> Sequence[Reply]:
        """`transfer.commit()`, which goes on to its end also when the client has gone; the answer to it, or
        to LMTP one for each recipient."""


@dataclass(slots=True)
class Mail:
    """A transaction: what MAIL and RCPT have said.  `facts` is what the parameters of MAIL mean, fields of
    the envelope; `takers` is what the door made of the recipients, `put_off` how many were not taken for now;
    `chunked`: the message comes in chunks, and `incoming` is what has come of it."""

    sender: Address
    parameters: Mapping[str, str | None]
    facts: Mapping[str, Any] = field(default_factory=dict)
    recipients: list[Recipient] = field(default_factory=list)
    takers: list[Any] = field(default_factory=list)
    put_off: int = 0
    chunked: bool = False
    incoming: "Incoming | None" = None

    @property
    def size(self) -> int:
        """What the client says that it will have, 0 where it says nothing (rfc1870#4)."""
        return int(self.parameters.get("SIZE") or 0)

    @property
    def binary(self) -> bool:
        return self.facts.get("body") == "BINARYMIME"

    @property
    def utf8(self) -> bool:
        return bool(self.facts.get("utf8"))


@dataclass(slots=True)
class Session:
    """What the client has said since it connected or began TLS.  `helo` is its name for itself, '' before it
    has said it; `extended`: it said EHLO; `mails` is how often it said MAIL."""

    door: Door
    helo: str = ""
    extended: bool = False
    mail: Mail | None = None
    mails: int = 0

    @property
    def state(self) -> State:
        mail = self.mail
        if mail is None:
            return State.READY if self.helo else State.NEW
        if mail.incoming is not None:
            return State.CHUNKS
        return State.RECIPIENTS if mail.recipients else State.SENDER

    async def forget(self) -> None:
        """No mail is under way; nothing is left of one that was."""
        mail, self.mail = self.mail, None
        if mail is not None and mail.incoming is not None:
            await mail.incoming.abort()
