"""What a connection asks of the server around it.  rfc3501#2.2"""

from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from typing import Any, Protocol

from mailtwist.kit.clock import Clock
from mailtwist.protocols.imap.extension import Dialect
from mailtwist.protocols.imap.frames import Frame
from mailtwist.protocols.imap.limits import Limits
from mailtwist.protocols.sasl.exchange import Credentials, Foreign, Mechanism
from mailtwist.store.api import Account, Mailbox


class Lines(Protocol):
    """What is asked of `protocols.turns.Turns`."""

    async def line(self, limit: int = ..., patience: float | None = ...) -> bytes: ...

    async def line_or_told(self, limit: int = ..., patience: float | None = ...) -> bytes | None: ...

    def literal(self, count: int) -> AsyncIterator[bytes]: ...

    async def drained(self) -> None: ...

    @property
    def takes_files(self) -> bool: ...

    async def send_file(self, file: int, start: int, count: int) -> int: ...

    async def pause(self, seconds: float) -> None: ...

    def write(self, data: bytes) -> None: ...


class Host(Protocol):
    """The server.  `state` is "unauth", "auth" or "select", and a subclass for twisted.mail may set it."""

    state: str
    limits: Limits
    dialect: Dialect
    clock: Clock
    dismissed: bool

    @property
    def lines(self) -> Lines: ...

    @property
    def may_sign_in(self) -> bool: ...

    @property
    def may_start_tls(self) -> bool: ...

    @property
    def mechanisms(self) -> Mapping[str, Mechanism]: ...

    @property
    def belongs_to(self) -> Account:
        """Whom the connection belongs to since login."""

    def words(self) -> list[str]:
        """What CAPABILITY tells now, whatever a subclass adds to the dialect's."""

    def entry(self, name: str) -> Any:
        """A subclass's table `state_NAME`, or None."""

    async def run_entry(self, frame: Frame, entry: Any) -> None:
        """Runs it; it answers by itself."""

    def ours(self) -> None:
        """A command of ours begins."""

    async def log_in(self, credentials: Credentials | Foreign) -> None:
        """`belongs_to` is set, `state` is "auth".  `Trouble` where that fails."""

    def chosen(self, mailbox: Mailbox | None) -> None:
        """`mailbox` is selected; None: none is."""

    def tell_soon(self) -> None:
        """`lines.line_or_told` returns, when all that happens now has happened."""

    def look_in(self, seconds: float, look: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """`look` begins then, unless `stop_looking` comes first."""

    def stop_looking(self) -> None: ...

    def begin_tls(self) -> None: ...

    def heard(self, program: str) -> None:
        """What the client calls itself: it may say so after its login."""

    def hang_up(self) -> None: ...

    def cut(self) -> None: ...
