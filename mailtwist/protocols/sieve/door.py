"""What commands may ask of the server.  rfc5804#2"""

from collections.abc import Mapping, Sequence
from typing import Protocol

from mailtwist.protocols.sasl.exchange import Credentials, Foreign, Mechanism
from mailtwist.protocols.sieve.command import Capability, State
from mailtwist.protocols.sieve.limits import Limits


class Door(Protocol):
    """The connection, and what it has reached."""

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
    def capabilities(self) -> Sequence[Capability]:
        """What CAPABILITY tells now."""

    @property
    def mechanisms(self) -> Mapping[str, Mechanism]:
        """What AUTHENTICATE takes, by upper-case name."""

    async def sign_in(self, credentials: Credentials | Foreign) -> None:
        """The state is AUTHENTICATED.  `Trouble` where that fails."""

    async def ask(self, challenge: bytes) -> bytes:
        """A challenge, already base64, and the string that the client says then."""

    def start_tls(self) -> None:
        """For `Answer.then`.  What the client has already sent is forgotten, and the client hears the
        capabilities again (rfc5804#2.2)."""
