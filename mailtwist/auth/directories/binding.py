"""Directories that can be asked more than who somebody is: for factors that stand on the same server."""

from collections.abc import Mapping, Sequence
from typing import Protocol, runtime_checkable

from mailtwist.auth.api import Person


@runtime_checkable
class SupportsBinding(Protocol):
    """A directory whose people can be bound with any secret, such as password and code in one string."""

    async def bound(self, person: Person, secret: bytes) -> bool:
        """A bind as this person went well.  Nothing of it is remembered, and nothing that was remembered
        counts.  False when the secret is wrong or policy refuses it, and for an empty one; for somebody who
        is not here after the same work.  `LoginUnavailable` for everything else."""

    async def attributes(self, person: Person, names: Sequence[str]) -> Mapping[str, tuple[bytes, ...]]:
        """What the person's entry has of these, by their names in lower case; nothing for somebody who is not
        here.  `LoginUnavailable`."""
