"""What becomes of a mail that comes: who may send it, whose it is, which mailboxes it goes into."""

from collections.abc import Sequence
from dataclasses import dataclass

from mailtwist.delivery.api import Target, Transfer
from mailtwist.delivery.trace import Hops, received, return_path, written
from mailtwist.kit.clock import Clock
from mailtwist.kit.events import Event
from mailtwist.kit.ids import new_id
from mailtwist.kit.trouble import Trouble
from mailtwist.mail.address import Address
from mailtwist.mail.envelope import Envelope

TAKEN = Event("mail.taken", "{message}: from {sender} for {count} recipients, {size} octets, by {account}")
NOT_TAKEN = Event("mail.not_taken", "{message}: from {sender}: {reason}", "warn")


class NoRelaying(Trouble):
    def __init__(self, address: Address) -> None:
        super().__init__("5.7.1", "We do not take mail for this domain", str(address))


class NoQueueYet(Trouble):
    def __init__(self, address: Address) -> None:
        words = "Mail for other domains cannot be sent yet: this server delivers to its own mailboxes only"
        super().__init__("5.7.1", words, str(address))


class NotYours(Trouble):
    def __init__(self, address: Address) -> None:
        super().__init__("5.7.1", "This sender address does not belong to your account", str(address))


class TooManyHops(Trouble):
    def __init__(self, count: int) -> None:
        super().__init__("5.4.6", "The message has been through too many servers", f"{count} Received lines")


@dataclass(frozen=True)
class Pipeline:
    """For all services of the process.  `hops` is the most Received lines that a message may have."""

    targets: Sequence[Target]
    hostname: str
    clock: Clock
    hops: int = 100

    async def target(self, address: Address) -> Target | None:
        """Where mail for `address` goes; None: not to us.  A bare `postmaster` is the first target's."""
        if not address.domain:
            return next(iter(self.targets), None)
        for target in self.targets:
            if await target.serves(address.domain):
                return target
        return None


class Reception:
    """One client's mails, one after the other.  `login` is the account of who logged in, '' for strangers;
    with `own_sender` it may send under its own addresses only."""

    def __init__(self, pipeline: Pipeline, login: str = "", own_sender: bool = True) -> None:
        self.login = login
        self._pipeline = pipeline
        self._own_sender = own_sender
        self._places: dict[Address, _Place] = {}

    async def sender(self, address: Address) -> None:
        """A new mail, from `address`; `NotYours`."""
        self._places.clear()
        if address.null or not (self.login and self._own_sender):
            return
        target = await self._pipeline.target(address)
        if target is None or not await target.owns(self.login, address):
            raise NotYours(address)

    async def recipient(self, address: Address) -> None:
        """It can be for `address` too.  5.1.1 when that is nobody; `NoRelaying`, `NoQueueYet`."""
        if address not in self._places:
            self._places[address] = await self._place(address)

    async def begin(self, envelope: Envelope, protocol: str) -> "Mail":
        """The message is about to come; `protocol` is a word for its Received line (rfc3848)."""
        places = [self._places.get(to.address) or await self._place(to.address) for to in envelope.recipients]
        accounts: dict[int, dict[str, None]] = {}
        targets = {id(place.target): place.target for place in places}
        for place in places:
            accounts.setdefault(id(place.target), {})[place.account] = None
        mail = Mail(self._pipeline, envelope, protocol)
        try:
            for key, target in targets.items():
                mail.add(await target.begin(list(accounts[key])))
            await mail.mark()
        except BaseException:
            await mail.abort()
            raise
        return mail

    async def _place(self, address: Address) -> "_Place":
        target = await self._pipeline.target(address)
        if target is None:
            raise NoQueueYet(address) if self.login else NoRelaying(address)
        return _Place(target, await target.account(address))


@dataclass(frozen=True)
class _Place:
    target: Target
    account: str


class Mail:
    """One message coming in, under trace lines of ours.  Ends with `commit` or `abort`."""

    def __init__(self, pipeline: Pipeline, envelope: Envelope, protocol: str) -> None:
        self.id = new_id()
        self._pipeline = pipeline
        self._envelope = envelope
        self._protocol = protocol
        self._transfers: list[Transfer] = []
        self._hops = Hops()
        self._size = 0

    def add(self, transfer: Transfer) -> None:
        self._transfers.append(transfer)

    async def mark(self) -> None:
        """The trace lines, once all transfers are there."""
        trace = received(
            self._envelope,
            by=self._pipeline.hostname,
            protocol=self._protocol,
            id=self.id,
            now=self._pipeline.clock.now(),
        )
        await self._pass_on(return_path(self._envelope) + trace)

    async def write(self, chunk: bytes) -> None:
        self._hops.see(chunk)
        self._size += len(chunk)
        await self._pass_on(chunk)

    async def commit(self) -> str:
        """Everybody has it, on the disk; its name for the answer and the log.  Else `Trouble`, and nobody."""
        sender = written(self._envelope.sender)
        try:
            if self._hops.count > self._pipeline.hops:
                raise TooManyHops(self._hops.count)
            if len(self._transfers) > 1:
                for transfer in self._transfers:
                    await transfer.prepare()
            for transfer in self._transfers:
                await transfer.commit()
        except Trouble as trouble:
            NOT_TAKEN.log(message=self.id, sender=sender, reason=str(trouble))
            await self.abort()
            raise
        count, account = len(self._envelope.recipients), self._envelope.login or "a stranger"
        TAKEN.log(message=self.id, sender=sender, count=count, size=self._size, account=account)
        return self.id

    async def abort(self) -> None:
        for transfer in self._transfers:
            await transfer.abort()

    async def _pass_on(self, chunk: bytes) -> None:
        for transfer in self._transfers:
            await transfer.write(chunk)
