"""What can be wrong with the mail that a store keeps, and who mends it: `mailtwist store`."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

Progress = Callable[[str, int, int], None]
"""(where, messages looked at, of so many): called in whatever thread."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is not as it should be.  `kind` is one word for programs; `words` a sentence about
    `where`, `mending` what fsck does about it, '' when nothing can be done by a program.  A `note` is nothing
    wrong: something that nobody has looked at yet, or that is not ours."""

    kind: str
    where: str
    words: str
    mending: str = ""
    note: bool = False


@dataclass(frozen=True, slots=True)
class Mended:
    """What was found, and what is still there after the mending."""

    found: Sequence[Problem]
    left: Sequence[Problem]


@runtime_checkable
class SupportsRepair(Protocol):
    """A store that can look its own mail over.  All of it is safe while servers work on the same mail."""

    async def kept(self) -> Sequence[str]:
        """A name for each account that has mail here, sorted."""

    def kept_as(self, account: str) -> str:
        """That name, for an account id."""

    async def verify(self, kept: str, *, quick: bool, progress: Progress) -> Sequence[Problem]:
        """Nothing is changed.  `quick`: without reading messages."""

    async def fsck(self, kept: str, *, quick: bool, progress: Progress) -> Mended:
        """What can be mended is; no message is lost by it."""

    async def reindex(self, kept: str, *, progress: Progress) -> int:
        """What can be worked out again from the mail itself is; so many messages there are."""
