"""What `mailtwist oauth` asks of a source of access tokens whose accounts can be connected."""

from typing import Protocol, runtime_checkable

from mailtwist.gateway.oauth.connecting import Connecting
from mailtwist.gateway.oauth.refreshing import Tokens


@runtime_checkable
class SupportsConnecting(Protocol):
    """A `TokenSource` that keeps refresh tokens of accounts.  `Trouble` says in `detail` why not."""

    @property
    def name(self) -> str:
        """That of its section."""

    @property
    def connecting(self) -> Connecting:
        """How an account's owner is asked."""

    async def connect(self, account: str, name: str, refresh_token: str) -> None:
        """It is kept for the account, in the place of an older one, and used from now on."""

    async def disconnect(self, account: str) -> bool:
        """None is kept for it; False when none was."""

    async def tokens(self, account: str, name: str, *, refused: str = "", fresh: bool = False) -> Tokens:
        """`TokenSource.access_token` with what else is known; `fresh`: one that nobody had before."""
