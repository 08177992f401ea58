"""The words of delivery: where mail goes, and a message on its way there, all or nothing."""

from collections.abc import Sequence
from typing import Protocol


class Transfer(Protocol):
    """One message on its way to all of its recipients.  Every transfer ends with `commit` or `abort`."""

    async def write(self, chunk: bytes) -> None:
        """The next octets, lines ended by CRLF."""

    async def commit(self) -> None:
        """Returns when each recipient has it and it is on the disk; else `Trouble`, and none has it."""

    async def abort(self) -> None:
        """Nothing is left of it.  May be called at any time, also after `commit`, then it does nothing."""


class Target(Protocol):
    """A place for mail.  Every target passes `testing.target.TargetContract`."""

    async def begin(self, accounts: Sequence[str]) -> Transfer:
        """A message for these account ids, none twice."""
