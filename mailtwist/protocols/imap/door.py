"""What commands may ask of the server.  rfc3501#2.2"""

from collections.abc import AsyncIterator, Mapping
from typing import Protocol

from mailtwist.protocols.imap.changes import Selected
from mailtwist.protocols.imap.command import State
from mailtwist.protocols.imap.extension import Dialect
from mailtwist.protocols.imap.limits import Limits
from mailtwist.protocols.sasl.exchange import Credentials, Foreign, Mechanism
from mailtwist.store.api import Account, Mailbox


class Incoming(Protocol):
    """A literal that was announced and not yet read: the message of APPEND.  Who does not want it leaves it
    alone: the client is not asked for it, or what it sends is dropped."""

    @property
    def size(self) -> int: ...

    @property
    def waits(self) -> bool:
        """The client has not sent it yet, but waits to be asked: what is refused now costs nothing."""

    def chunks(self) -> AsyncIterator[bytes]:
        """All of it; the client is asked to go on if it waits for that (rfc3501#4.3)."""

    async def end(self, after: bytes = b"") -> None:
        """The command ends behind the literal and `after`, else `Malformed`."""


class Door(Protocol):
    """The connection."""

    @property
    def may_sign_in(self) -> bool:
        """Secrets may be sent: TLS is spoken, or the peer's network is trusted."""

    @property
    def may_start_tls(self) -> bool: ...

    @property
    def limits(self) -> Limits: ...

    # -- output: complete lines with CRLF
    def write(self, octets: bytes) -> None:
        """Gathered, and sent in batches, at the latest with the tagged answer."""

    async def drained(self) -> None:
        """There is room for more; call it after every message of an answer (it costs next to nothing)."""

    @property
    def takes_files(self) -> bool:
        """`send_file` is possible: nothing is between us and the client's socket."""

    async def send_file(self, file: int, start: int, count: int) -> int:
        """Octets of an open file, behind what was written; returns when they have left, or how many the file
        has not."""

    def now(self) -> float:
        """Seconds since 1970."""

    async def breathe(self) -> None:
        """Others have their turn.  Who works on without waiting for anything calls it every few
        milliseconds."""

    def cut(self) -> None:
        """What has been written cannot be completed (a literal, say): the connection ends here and now,
        without another octet.  Raise something afterwards."""

    # -- input
    def go_on(self, words: str = "") -> None:
        """`+ words`: the client may say what it has announced."""

    async def answer(self) -> bytes:
        """The line that the client says then, at most `limits.answer` octets."""

    async def answer_or_change(self) -> bytes | None:
        """What comes first: a line of the client, or (None) a change of the selected mailbox.  Waits for
        `limits.idle_command_time`, and looks every `limits.look_time` what other processes have done."""

    # -- the connection's life
    @property
    def mechanisms(self) -> Mapping[str, Mechanism]:
        """What AUTHENTICATE takes, by upper-case name."""

    async def sign_in(self, credentials: Credentials | Foreign) -> None:
        """The session belongs to an account.  `Trouble` where that fails."""

    def start_tls(self) -> None:
        """For `Answer.then`.  What the client has already sent is forgotten (rfc3501#6.2.1)."""

    def close(self) -> None:
        """For `Answer.then`."""


class Session(Door, Protocol):
    """The connection, and what it has reached."""

    client: dict[str, str | None]
    """What the client said about itself (rfc2971#3.3), empty until then."""

    def introduced(self, fields: dict[str, str | None]) -> None:
        """It says so now; only the first time counts."""

    enabled: set[str]
    """Upper-case names that ENABLE, or what counts as it, has switched on (rfc5161#3.1)."""

    @property
    def tag(self) -> bytes:
        """Of the command that is run."""

    @property
    def rev2(self) -> bool:
        """IMAP4rev2 is spoken (rfc9051#6.3.1)."""

    @property
    def state(self) -> State:
        """One of the three, never a combination."""

    @property
    def utf8_names(self) -> bool:
        """Names of mailboxes are UTF-8 in both directions, no modified UTF-7 (rfc6855#3 rfc9051#5.1)."""

    @property
    def dialect(self) -> Dialect: ...

    @property
    def capabilities(self) -> list[str]:
        """What CAPABILITY tells now."""

    @property
    def account(self) -> Account:
        """Only after login."""

    @property
    def selected(self) -> Selected:
        """Only in the state SELECTED."""

    @property
    def incoming(self) -> Incoming | None:
        """The literal behind which a command that `streams` was parsed."""

    def untagged(self, words: bytes) -> None:
        """`* words`, CRLF."""

    async def select(self, mailbox: Mailbox, *, read_only: bool) -> Selected:
        """The state is SELECTED; an earlier mailbox has been left."""

    async def unselect(self) -> None:
        """The state is AUTHENTICATED; nothing was expunged."""

    async def tell_changes(self, *, expunged: bool = True) -> None:
        """The client is told what has changed in the selected mailbox since it was last told."""
