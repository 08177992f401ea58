"""People who come from another server with the hashes of their passwords."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable


@dataclass(frozen=True, slots=True)
class Hashed:
    """Somebody with the canonical `name`, and what his password is made to (`auth.directories.hashes`).
    `account` is that of who is here already, and has this password from now on; '' makes a new one."""

    name: str
    stored: str = field(repr=False)
    enabled: bool = True
    account: str = ""


@runtime_checkable
class SupportsHashed(Protocol):
    """A directory that takes hashes which others have made: `mailtwist user import`."""

    def useless(self, stored: str) -> str:
        """Why no password could be checked against it here, without repeating it; '' when one can."""

    async def take(self, people: Sequence[Hashed]) -> None:
        """All of them are here, or nothing has changed.  Passwords that are no hashes are made to hashes.
        `Trouble` 5.1.4 when a name means somebody else by now, 5.1.1 when an account has gone."""
