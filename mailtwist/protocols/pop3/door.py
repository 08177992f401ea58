"""What commands may ask of the server.  rfc1939#3"""

from collections.abc import Mapping, Sequence
from typing import Protocol

from mailtwist.protocols.pop3.command import State
from mailtwist.protocols.pop3.delays import Delays
from mailtwist.protocols.pop3.language import Language
from mailtwist.protocols.pop3.limits import Limits
from mailtwist.protocols.pop3.maildrop import Maildrop
from mailtwist.protocols.pop3.readable import Utf8Headers
from mailtwist.protocols.sasl.exchange import Credentials, Foreign, Mechanism


class Door(Protocol):
    """The connection, and what it has reached."""

    user: bytes | None
    """Whom USER named, until PASS or TLS."""

    utf8: bool
    """The client has said UTF8."""

    language: Language
    """In which words are told."""

    @property
    def languages(self) -> Sequence[Language]: ...

    @property
    def preferred_language(self) -> Language:
        """The operator's choice."""

    @property
    def utf8_headers(self) -> Utf8Headers:
        """What happens to messages that a client which did not say UTF8 cannot read."""

    @property
    def retention(self) -> float | None:
        """For how many seconds messages are kept, `math.inf` for ever; None when it is not known."""

    @property
    def delays(self) -> Delays: ...

    @property
    def reached(self) -> State:
        """One of the two, never a combination."""

    @property
    def limits(self) -> Limits: ...

    @property
    def may_sign_in(self) -> bool:
        """Passwords may be sent: TLS is spoken, or the peer's network is trusted."""

    @property
    def may_start_tls(self) -> bool:
        """TLS is not yet spoken and could be."""

    @property
    def capabilities(self) -> Sequence[bytes]:
        """What CAPA tells now."""

    @property
    def maildrop(self) -> Maildrop:
        """Only in the state TRANSACTION."""

    @property
    def mechanisms(self) -> Mapping[str, Mechanism]:
        """What AUTH takes, by upper-case name."""

    async def sign_in(self, credentials: Credentials | Foreign) -> None:
        """The state is TRANSACTION.  `Trouble` where that fails."""

    async def ask(self, challenge: bytes) -> bytes:
        """`+ challenge`, and the line that the client says then."""

    async def update(self) -> None:
        """The maildrop's deletions are carried out, also when the client has gone meanwhile, and it is closed
        (rfc1939#6).  `Trouble` where that fails."""

    def start_tls(self) -> None:
        """For `Answer.then`.  What the client has already sent is forgotten (rfc2595#4)."""
