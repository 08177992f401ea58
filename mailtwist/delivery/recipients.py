"""Whose mail it is: addresses become accounts, and postmaster is always somebody.  rfc5321#4.5.1"""

from collections.abc import Collection, Sequence

from mailtwist.auth.api import Alias, Directory, Person, SupportsDomains
from mailtwist.auth.names import BadName, canonical
from mailtwist.delivery.api import Place
from mailtwist.delivery.expansion import Astray, Expansion, Found, Names, first, told
from mailtwist.kit.events import Event
from mailtwist.kit.trouble import Trouble
from mailtwist.mail.address import Address

POSTMASTER = "postmaster"

LOST = Event("mail.alias_lost", "{address}: its aliases lead to nobody here by the names {names}", "warn")
ASTRAY = Event("mail.alias_astray", "{address}: {reason}", "error")


class NoSuchRecipient(Trouble):
    def __init__(self, address: Address) -> None:
        super().__init__("5.1.1", "No such recipient here", str(address))


class RecipientDisabled(Trouble):
    def __init__(self, address: Address) -> None:
        super().__init__("5.2.1", "The mailbox is disabled", str(address))


class Recipients:
    """`domains` are those that mail is taken for; none: those of the directories.

    `postmaster` is the canonical login name or address of who gets the mail for postmaster.  While nobody is
    called so, it goes to an account of its own, named `postmaster`: it is never refused and never lost.
    `detail` is what divides `user+detail`, '' for nothing.
    """

    def __init__(
        self,
        directories: Sequence[Directory],
        domains: Collection[str] = (),
        postmaster: str = "",
        detail: str = "",
    ) -> None:
        self._names = Names(directories, detail)
        self._domains = frozenset(domains)
        self._postmaster = postmaster
        self._serving = [one for one in directories if isinstance(one, SupportsDomains)]

    def trying(self, alias: Alias) -> "Recipients":
        """As if there were this alias, in the place of another one of that address."""
        directories = (_Trying(alias), *self._names.directories)
        return Recipients(directories, self._domains, self._postmaster, self._names.detail)

    async def serves(self, domain: str) -> bool:
        """`domain` (lower case, A-labels) is ours."""
        if self._domains:
            return domain in self._domains
        for directory in self._serving:
            if domain in await told(directory.domains()):
                return True
        return False

    async def domains(self) -> Collection[str]:
        """All that are ours."""
        if self._domains:
            return self._domains
        found: set[str] = set()
        for directory in self._serving:
            found.update(await told(directory.domains()))
        return found

    async def places(self, address: Address) -> Sequence[Place]:
        """Who gets it, each account once.  `NoSuchRecipient`, `RecipientDisabled`, `RecipientsUnknown`,
        `Astray`."""
        if _is_postmaster(address):
            return await self._postmasters(address)
        found = await self._found(address)
        places = [Place(person.account, detail) for person, detail in found.people.values() if person.enabled]
        if not places:
            raise _nobody(address, found)
        return places

    async def owns(self, account: str, address: Address) -> bool:
        """`account` has this address, or gets the mail for it."""
        person = await self.person(address)
        if person is not None and person.account == account:
            return True
        return account in (await self._found(address)).people

    async def members(self, address: Address) -> Sequence[str]:
        """The first addresses of those whom an alias reaches; none when it is no alias."""
        own = await self.person(address)
        people = [person for person, _ in (await self._found(address)).people.values()]
        alone = [own] if own else []
        return [] if people == alone else [next(iter(one.addresses), one.name) for one in people]

    async def person(self, address: Address) -> Person | None:
        """Whose own address that is, whatever aliases say."""
        name = _name(address)
        return await first(self._names.directories, lambda one: one.recipient(name)) if name else None

    async def expanded(self, name: str, path: tuple[str, ...] = ()) -> Found:
        """Whoever is behind a name; `path` says by whose words (`Expansion.add`).  '' is nobody's."""
        expansion = Expansion(self._names)
        if name:
            await expansion.add(name, path)
        return expansion.found

    async def _found(self, address: Address) -> Found:
        if self._postmaster and _is_postmaster(address):
            found = await self.expanded(self._postmaster, (POSTMASTER,))
            if found.people:
                return found
        found = await self.expanded(_name(address))
        if found.lost or found.in_circles:
            LOST.log(address=str(address), names=", ".join(found.lost + found.in_circles))
        return found

    async def _postmasters(self, address: Address) -> Sequence[Place]:
        try:
            people = (await self._found(address)).people
        except Astray as astray:
            ASTRAY.log(address=str(address), reason=str(astray))
            people = {}
        return [Place(account, detail) for account, (_, detail) in people.items()] or [Place(POSTMASTER)]


def _is_postmaster(address: Address) -> bool:
    return address.local.lower() == POSTMASTER


def _name(address: Address) -> str:
    """Its canonical form; '' when it has no domain or can be nobody's."""
    try:
        return canonical(str(address)) if address.domain else ""
    except BadName:
        return ""


def _nobody(address: Address, found: Found) -> Trouble:
    if found.people:
        return RecipientDisabled(address)
    if found.in_circles:
        return Astray(str(address), "leads in circles")
    return NoSuchRecipient(address)


class _Trying:
    """A directory of one alias."""

    def __init__(self, alias: Alias) -> None:
        self._alias = alias

    async def find(self, name: str) -> Person | None:
        return None

    async def recipient(self, address: str) -> Person | None:
        return None

    async def accepts(self, person: Person, password: bytes) -> bool:
        return False

    async def domains(self) -> Collection[str]:
        return (self._alias.address.rpartition("@")[2],)

    async def alias(self, address: str) -> Sequence[str]:
        return self._alias.targets if address == self._alias.address else ()
