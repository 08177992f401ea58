"""One message on its way to its recipients: all of them or none, or each for himself."""

from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass

from mailtwist.delivery.api import Transfer
from mailtwist.delivery.authors import authors
from mailtwist.delivery.header import Header
from mailtwist.delivery.trace import received, written
from mailtwist.kit.clock import Clock
from mailtwist.kit.events import Event
from mailtwist.kit.ids import new_id
from mailtwist.kit.spawn import together
from mailtwist.kit.trouble import Trouble
from mailtwist.mail.address import Address
from mailtwist.mail.envelope import Envelope

TAKEN = Event("mail.taken", "{message}: from {sender} for {count} recipients, {size} octets, by {account}")
NOT_TAKEN = Event("mail.not_taken", "{message}: from {sender}: {reason}", "warn")
NOT_FOR = Event("mail.not_for", "{message}: from {sender} for {recipient}: {reason}", "warn")

Key = tuple[int, str]
"""One copy: which target, and which of its accounts."""


class NotYourName(Trouble):
    """rfc6409#6.3"""

    def __init__(self, sender: str) -> None:
        super().__init__("5.7.1", "The From field of the message does not belong to your account", sender)


class ComeAgain(Trouble):
    """One of several has no room: when the client comes again, that one is refused, and not the others."""

    def __init__(self, trouble: Trouble) -> None:
        super().__init__("4.2.2", "A mailbox is full, try again later", str(trouble))


@dataclass(eq=False)
class _Way:
    """`keys` are the copies that one transfer is for."""

    transfer: Transfer
    keys: Collection[Key]


class Mail:
    """Under trace lines of ours.  Ends with `commit`, `commit_each` or `abort`.

    `keys` are the copies of each recipient of the envelope; `one_by_one`: what one of them cannot take, the
    others still can, and it will be `commit_each`.  `own_from` says whether who sends it may say that
    it is from these addresses."""

    def __init__(
        self,
        envelope: Envelope,
        keys: Sequence[Collection[Key]],
        clock: Clock,
        one_by_one: bool = False,
        own_from: Callable[[Sequence[Address]], Awaitable[bool]] | None = None,
    ) -> None:
        self.id = new_id()
        self._envelope = envelope
        self._keys = keys
        self._clock = clock
        self._one_by_one = one_by_one
        self._own_from = own_from
        self._ways: list[_Way] = []
        self._lost: dict[Key, Trouble] = {}
        self._header = Header()
        self._size = 0

    async def add(self, keys: Collection[Key], begin: Awaitable[Transfer]) -> None:
        """One transfer more, for these copies."""
        try:
            self._ways.append(_Way(await begin, keys))
        except Trouble as trouble:
            if not self._one_by_one:
                raise
            self._lost.update(dict.fromkeys(keys, trouble))

    async def mark(self, hostname: str, protocol: str) -> None:
        """The trace line, once all transfers are there."""
        now = self._clock.now()
        await self._pass_on(received(self._envelope, by=hostname, protocol=protocol, id=self.id, now=now))

    async def write(self, chunk: bytes) -> None:
        self._size += len(chunk)
        await self._pass_on(self._header.see(chunk))

    async def commit(self) -> str:
        """Everybody has it, on the disk; its name for the answer and the log.  Else `Trouble`, and nobody."""
        try:
            await self._end()
            if len(self._ways) > 1:
                await together(*(way.transfer.prepare() for way in self._ways))
            await self._committed(self._ways)
        except Trouble as trouble:
            NOT_TAKEN.log(message=self.id, sender=self._sender, reason=str(trouble))
            await self.abort()
            several = len({key for keys in self._keys for key in keys}) > 1
            raise ComeAgain(trouble) if several and trouble.status == "5.2.2" else trouble
        except BaseException:
            await self.abort()
            raise
        self._log_taken(len(self._envelope.recipients))
        return self.id

    async def commit_each(self) -> Sequence[str | Trouble]:
        """What became of it for each recipient: its name, or why he has it not.  An address that stands for
        several has it when all of them have."""
        wanted: list[_Way] = []
        try:
            await self._end()
            await self._all(self._ways, lambda transfer: transfer.prepare())
            wanted = self._wanted()
            await self._all(wanted, lambda transfer: transfer.commit())
            still = self._wanted()
            await self._take_back([way for way in wanted if way not in still])
        except Trouble as trouble:
            self._lost.update({key: trouble for keys in self._keys for key in keys})
        except BaseException:
            await self._take_back(wanted)
            raise
        finally:
            await self.abort()
        outcomes = [self._trouble(keys) or self.id for keys in self._keys]
        self._log_each(outcomes)
        return outcomes

    async def abort(self) -> None:
        for way in self._ways:
            await way.transfer.abort()

    @property
    def _sender(self) -> str:
        return written(self._envelope.sender)

    async def _end(self) -> None:
        """All octets are with the transfers, and nothing speaks against the message."""
        await self._pass_on(self._header.finish())
        if self._own_from is None:
            return
        names = authors(self._header.octets) if self._header.whole else None
        if names is None or not await self._own_from(names):
            raise NotYourName(self._sender)

    async def _pass_on(self, chunk: bytes) -> None:
        if not chunk:
            return
        if self._one_by_one:
            await self._all(self._ways, lambda transfer: transfer.write(chunk))
        else:
            for way in self._ways:
                await way.transfer.write(chunk)

    async def _all(self, ways: Sequence[_Way], do: Callable[[Transfer], Awaitable[None]]) -> None:
        """It is done by each that has had no trouble yet."""
        await together(*(self._tried(way, do) for way in ways if self._trouble(way.keys) is None))

    async def _tried(self, way: _Way, do: Callable[[Transfer], Awaitable[None]]) -> None:
        try:
            await do(way.transfer)
        except Trouble as trouble:
            self._lost.update(dict.fromkeys(way.keys, trouble))
            await way.transfer.abort()

    async def _committed(self, ways: Sequence[_Way]) -> None:
        """All transfers have; or none, and the error."""
        done: list[_Way] = []
        try:
            for way in ways:
                await way.transfer.commit()
                done.append(way)
        except BaseException:
            await self._take_back(done)
            raise

    async def _take_back(self, ways: Sequence[_Way]) -> None:
        for way in ways:
            await way.transfer.take_back()

    def _wanted(self) -> list[_Way]:
        """Those by which somebody gets all that he is to get."""
        wanted = {key for keys in self._keys if self._trouble(keys) is None for key in keys}
        return [way for way in self._ways if not wanted.isdisjoint(way.keys)]

    def _trouble(self, keys: Collection[Key]) -> Trouble | None:
        return next((self._lost[key] for key in keys if key in self._lost), None)

    def _log_each(self, outcomes: Sequence[str | Trouble]) -> None:
        for to, outcome in zip(self._envelope.recipients, outcomes, strict=True):
            if isinstance(outcome, Trouble):
                recipient = written(to.address)
                NOT_FOR.log(message=self.id, sender=self._sender, recipient=recipient, reason=str(outcome))
        if count := outcomes.count(self.id):
            self._log_taken(count)

    def _log_taken(self, count: int) -> None:
        account = self._envelope.login or "a stranger"
        TAKEN.log(message=self.id, sender=self._sender, count=count, size=self._size, account=account)
