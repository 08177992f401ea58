"""What becomes of a mail that comes: who may send it, whose it is, which mailboxes it goes into."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from mailtwist.auth.names import BadName, canonical_domain
from mailtwist.delivery.api import Place, SupportsRecipients, Target
from mailtwist.delivery.incoming import Key, Mail
from mailtwist.delivery.trace import delivered_to, mailbox, return_path
from mailtwist.kit.clock import Clock
from mailtwist.kit.trouble import Trouble
from mailtwist.mail.address import Address
from mailtwist.mail.envelope import Envelope

TRACE = 4096
"""More octets than the lines have that we put on top of a message."""


class NoRelaying(Trouble):
    def __init__(self, address: Address) -> None:
        super().__init__("5.7.1", "We do not take mail for this domain", str(address))


class NoQueueYet(Trouble):
    def __init__(self, address: Address) -> None:
        words = "Mail for other domains cannot be sent yet: this server delivers to its own mailboxes only"
        super().__init__("5.7.1", words, str(address))


class OnItsOwn(Trouble):
    """Who may have no room shares no mail with others: they would never get it either, however often the
    client came again with it for all (rfc5321#4.5.3.1.10)."""

    def __init__(self, address: Address) -> None:
        super().__init__("4.5.3", "There is little room here, send this one a mail of its own", str(address))


class NotYours(Trouble):
    """rfc6409#6.1"""

    def __init__(self, address: Address) -> None:
        super().__init__("5.7.1", "This sender address does not belong to your account", str(address))


@dataclass(frozen=True)
class Rules:
    """Those of one service.  Who logged in may send under his own addresses only (`own_sender`), also in the
    From field of the message (`own_from`).  Recipients get it each for himself (`one_by_one`, LMTP), or all
    or none.  No message has more octets than the `largest`."""

    own_sender: bool = True
    own_from: bool = False
    one_by_one: bool = False
    largest: int = 50 << 20


@dataclass(frozen=True)
class Pipeline:
    """For all services of the process."""

    targets: Sequence[Target]
    hostname: str
    clock: Clock

    async def target(self, address: Address) -> Target | None:
        """Where mail for `address` goes; None: not to us.  A bare `postmaster` is the first target's."""
        if not address.domain:
            return next(iter(self.targets), None)
        for target in self.targets:
            if await target.serves(address.domain):
                return target
        return None

    async def owns(self, account: str, address: Address) -> bool:
        """`account` may send under `address`."""
        target = await self.target(address)
        return target is not None and await target.owns(account, address)


class Reception:
    """One client's mails, one after the other.  `login` is the account of who logged in, '' for strangers."""

    def __init__(self, pipeline: Pipeline, login: str = "", rules: Rules = Rules()) -> None:
        self.login = login
        self._pipeline = pipeline
        self._rules = rules
        self._size = 0
        self._tight = False
        self._routes: dict[Address, _Route] = {}

    async def sender(self, address: Address, size: int = 0) -> None:
        """A new mail, from `address`, of `size` octets or of unknown size; `NotYours`."""
        self._routes.clear()
        self._size, self._tight = size, False
        if address.null or not (self.login and self._rules.own_sender):
            return
        if not await self._pipeline.owns(self.login, address):
            raise NotYours(address)

    async def recipient(self, address: Address) -> None:
        """It can be for `address` too.  5.1.1 when that is nobody, x.2.2 when there is no room; `OnItsOwn`,
        `NoRelaying`, `NoQueueYet`."""
        if address in self._routes:
            return
        route = await self._route(address)
        await route.target.must_have_room(route.places, self._size)
        tight = self._tight or not (self._rules.one_by_one or await self._has_room_for_sure(route))
        others = {key for one in self._routes.values() for key in one.keys} if tight else set()
        if others and not others.issuperset(route.keys):
            raise OnItsOwn(address)
        self._tight = tight
        self._routes[address] = route

    async def _has_room_for_sure(self, route: "_Route") -> bool:
        """Whatever size the message turns out to have, it fits."""
        most = (self._size or self._rules.largest) + TRACE
        try:
            await route.target.must_have_room(route.places, most)
        except Trouble as trouble:
            if trouble.status not in ("4.2.2", "5.2.2"):
                raise
            return False
        return True

    async def begin(self, envelope: Envelope, protocol: str) -> Mail:
        """The message is about to come; `protocol` is a word for its Received line (rfc3848)."""
        routes = [self._routes.get(to.address) or await self._route(to.address) for to in envelope.recipients]
        targets = {id(route.target): route.target for route in routes}
        keys = [route.keys for route in routes]
        own_from = self._own_from if self._rules.own_from and self.login else None
        mail = Mail(envelope, keys, self._pipeline.clock, self._rules.one_by_one, own_from)
        try:
            for lot in self._lots(_places(envelope, routes)):
                (target,) = {key[0] for key in lot}
                await mail.add(lot, targets[target].begin(list(lot.values())))
            await mail.mark(self._pipeline.hostname, protocol)
        except BaseException:
            await mail.abort()
            raise
        return mail

    async def verified(self, name: str) -> Sequence[str]:
        """The mailbox of that name, if it has one here; without a domain nobody can say."""
        address = _asked_for(name)
        target = None if address is None else await self._pipeline.target(address)
        if address is None or target is None:
            return ()
        await target.places(address)
        return [mailbox(address)]

    async def expanded(self, name: str) -> Sequence[str]:
        """Who is behind an alias; 5.1.1 when it is none."""
        address = _asked_for(name)
        target: object = None if address is None else await self._pipeline.target(address)
        people: Sequence[str] = ()
        if address is not None and isinstance(target, SupportsRecipients):
            people = await target.recipients.members(address)
        if not people:
            raise Trouble("5.1.1", "There is no such list here", name)
        return people

    def _lots(self, places: dict[Key, Place]) -> list[dict[Key, Place]]:
        """What goes together: all of a target, or each place alone."""
        lots: dict[object, dict[Key, Place]] = {}
        for key, place in places.items():
            lots.setdefault(key if self._rules.one_by_one else key[0], {})[key] = place
        return list(lots.values())

    async def _own_from(self, addresses: Sequence[Address]) -> bool:
        for address in addresses:
            if not await self._pipeline.owns(self.login, address):
                return False
        return True

    async def _route(self, address: Address) -> "_Route":
        target = await self._pipeline.target(address)
        if target is None:
            raise NoQueueYet(address) if self.login else NoRelaying(address)
        return _Route(target, await target.places(address))


def _asked_for(name: str) -> Address | None:
    """The address that VRFY or EXPN means."""
    bare = name.strip(" ").removeprefix("<").removesuffix(">")
    local, at, domain = bare.rpartition("@")
    try:
        return Address(local, canonical_domain(domain)) if at and local else None
    except BadName:
        return None


@dataclass(frozen=True)
class _Route:
    target: Target
    places: Sequence[Place]

    @property
    def keys(self) -> tuple[Key, ...]:
        return tuple((id(self.target), place.account) for place in self.places)


def _places(envelope: Envelope, routes: Sequence[_Route]) -> dict[Key, Place]:
    """Each account once, however many addresses lead to it; under the first of them, and with a detail if all
    have the same."""
    found: dict[Key, Place] = {}
    for to, route in zip(envelope.recipients, routes, strict=True):
        head = return_path(envelope) + delivered_to(to.address)
        for place in route.places:
            key = id(route.target), place.account
            before = found.setdefault(key, replace(place, head=head))
            if before.detail != place.detail:
                found[key] = replace(before, detail="")
    return found
