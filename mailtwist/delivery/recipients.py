"""Whose mail it is: addresses become accounts, and postmaster is always somebody.  rfc5321#4.5.1"""

from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import TypeVar

from mailtwist.auth.api import Directory, LoginUnavailable, Person, SupportsDomains
from mailtwist.auth.names import BadName, canonical
from mailtwist.kit.trouble import Trouble
from mailtwist.mail.address import Address

T = TypeVar("T")

POSTMASTER = "postmaster"


class NoSuchRecipient(Trouble):
    def __init__(self, address: Address) -> None:
        super().__init__("5.1.1", "No such recipient here", str(address))


class RecipientDisabled(Trouble):
    def __init__(self, address: Address) -> None:
        super().__init__("5.2.1", "The mailbox is disabled", str(address))


class RecipientsUnknown(Trouble):
    """A directory is away."""

    def __init__(self, detail: str) -> None:
        super().__init__("4.4.3", "Recipients cannot be looked up now, try again later", detail)


class Recipients:
    """`domains` are those that mail is taken for; none: those of the directories.

    `postmaster` is the canonical login name or address of who gets the mail for postmaster.  While nobody is
    called so, it goes to an account of its own, named `postmaster`: it is never refused and never lost.
    """

    def __init__(
        self, directories: Sequence[Directory], domains: Collection[str] = (), postmaster: str = ""
    ) -> None:
        self._directories = tuple(directories)
        self._domains = frozenset(domains)
        self._postmaster = postmaster

    async def serves(self, domain: str) -> bool:
        """`domain` (lower case, A-labels) is ours."""
        if self._domains:
            return domain in self._domains
        for directory in self._directories:
            if isinstance(directory, SupportsDomains) and domain in await _told(directory.domains()):
                return True
        return False

    async def account(self, address: Address) -> str:
        """The account id.  `NoSuchRecipient`, `RecipientDisabled`, `RecipientsUnknown`."""
        person = None
        if (is_postmaster := address.local.lower() == POSTMASTER) and self._postmaster:
            person = await self._first(lambda directory: directory.find(self._postmaster))
        if person is None and address.domain:
            person = await self.person(address)
        if person is None and is_postmaster:
            return POSTMASTER
        if person is None:
            raise NoSuchRecipient(address)
        if not (person.enabled or is_postmaster):
            raise RecipientDisabled(address)
        return person.account

    async def person(self, address: Address) -> Person | None:
        """Whose address that is."""
        try:
            name = canonical(str(address))
        except BadName:
            return None
        return await self._first(lambda directory: directory.recipient(name))

    async def _first(self, ask: Callable[[Directory], Awaitable[Person | None]]) -> Person | None:
        for directory in self._directories:
            person = await _told(ask(directory))
            if person is not None:
                return person
        return None


async def _told(answer: Awaitable[T]) -> T:
    try:
        return await answer
    except LoginUnavailable as away:
        raise RecipientsUnknown(away.reason) from away
