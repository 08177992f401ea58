"""What an account or a mailbox may know about itself beyond `store.api`.  rfc2342#5 rfc3501#6.3.1"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable


@runtime_checkable
class SupportsReadOnly(Protocol):
    """A mailbox that whoever opened it may perhaps not change."""

    @property
    def read_only(self) -> bool: ...


@runtime_checkable
class SupportsSearch(Protocol):
    """A mailbox that may have an index of its own."""

    async def search(self, words: Sequence[Any], *, by_uid: bool) -> Collection[int] | None:
        """The UIDs of all that fit; None when it does not know and we are to look.  `words` are those of the
        command behind CHARSET: octets, and sequences of what stands in parentheses."""


Namespace = Sequence[tuple[str, str]]
"""(prefix, separator) of each."""


@dataclass(frozen=True, slots=True)
class Namespaces:
    """rfc2342#5"""

    personal: Namespace = (("", "/"),)
    others: Namespace = ()
    shared: Namespace = ()


@runtime_checkable
class SupportsNamespaces(Protocol):
    """An account that has more than one namespace, or another."""

    async def namespaces(self) -> Namespaces: ...


@runtime_checkable
class Lacking(Protocol):
    """An account that cannot do all that an `Account` does: extensions named in `lacks` are not for it."""

    @property
    def lacks(self) -> Collection[str]: ...
