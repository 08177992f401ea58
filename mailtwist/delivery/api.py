"""The words of delivery: where mail goes, and a message on its way there, all or nothing."""

from collections.abc import Sequence
from typing import Protocol

from mailtwist.mail.address import Address


class Transfer(Protocol):
    """One message on its way to all of its recipients.  Every transfer ends with `commit` or `abort`."""

    async def write(self, chunk: bytes) -> None:
        """The next octets, lines ended by CRLF."""

    async def prepare(self) -> None:
        """What fails for want of room has failed now.  `commit` calls it too."""

    async def commit(self) -> None:
        """Returns when each recipient has it and it is on the disk; else `Trouble`, and none has it."""

    async def abort(self) -> None:
        """Nothing is left of it.  May be called at any time, also after `commit`, then it does nothing."""


class Target(Protocol):
    """A place for mail: one section `[target:...]`.  The first that serves a domain gets its mail."""

    async def serves(self, domain: str) -> bool:
        """`domain` (lower case, A-labels) has its mail here."""

    async def account(self, address: Address) -> str:
        """Whose mail it is, as an account id; `address` has a domain that is served, or is the bare
        `postmaster` (rfc5321#4.5.1).  `Trouble` 5.1.1 when it is nobody's."""

    async def owns(self, account: str, address: Address) -> bool:
        """This account may call itself so."""

    async def begin(self, accounts: Sequence[str]) -> Transfer:
        """A message for these account ids, none twice."""
