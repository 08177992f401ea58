"""The words of delivery: where mail goes, and a message on its way there, all or nothing."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from mailtwist.mail.address import Address

if TYPE_CHECKING:
    from mailtwist.delivery.recipients import Recipients


@dataclass(frozen=True, slots=True)
class Place:
    """Where one copy goes.  `account` is an account id; `detail` what stood behind the `+` of its address, in
    lower case, '' for nothing; `head` are lines that this copy alone begins with."""

    account: str
    detail: str = ""
    head: bytes = b""


class Transfer(Protocol):
    """One message on its way to all of its places.  Every transfer ends with `commit` or `abort`."""

    async def write(self, chunk: bytes) -> None:
        """The next octets, lines ended by CRLF."""

    async def prepare(self) -> None:
        """What fails for want of room has failed now.  `commit` calls it too."""

    async def commit(self) -> None:
        """Returns when it is in each place and on the disk; else `Trouble`, and it is in none."""

    async def abort(self) -> None:
        """Nothing is left of it.  May be called at any time, also after `commit`, then it does nothing."""

    async def take_back(self) -> None:
        """After `commit`: as if it had not been, because others who were to get the same message did not.
        Whoever has seen it meanwhile has seen it; what cannot be taken back is logged."""


class Target(Protocol):
    """A place for mail: one section `[target:...]`.  The first that serves a domain gets its mail."""

    async def serves(self, domain: str) -> bool:
        """`domain` (lower case, A-labels) has its mail here."""

    async def places(self, address: Address) -> Sequence[Place]:
        """Who gets mail for `address`, each account once; `address` has a domain that is served, or is the
        bare `postmaster` (rfc5321#4.5.1).  `Trouble` 5.1.1 when that is nobody."""

    async def owns(self, account: str, address: Address) -> bool:
        """This account may call itself so: who gets the mail for an address may send under it."""

    async def must_have_room(self, places: Sequence[Place], size: int) -> None:
        """`Trouble` x.2.2 when one of them has no room for `size` octets; 0 is a message of unknown size."""

    async def begin(self, places: Sequence[Place]) -> Transfer:
        """A message for these places, no account twice."""


@runtime_checkable
class SupportsRecipients(Protocol):
    """A target whose mail is for the people of our directories: `mailtwist alias` asks it whom it reaches."""

    @property
    def recipients(self) -> "Recipients": ...
