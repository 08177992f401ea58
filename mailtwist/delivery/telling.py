"""Mail about accounts is taken from its spool, written, and sent: to our own mailboxes or by a smarthost."""

from collections.abc import Awaitable, Callable, Sequence

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall

from mailtwist.auth.api import Directory, Person
from mailtwist.config.notices import NoticesSettings
from mailtwist.config.part import Assembly
from mailtwist.delivery.notice import mail
from mailtwist.delivery.outlets import BySmarthost, ByTargets
from mailtwist.delivery.remote.handing import NotReached
from mailtwist.kit.clock import Clock
from mailtwist.kit.events import Event
from mailtwist.kit.spawn import spawn
from mailtwist.kit.trouble import Trouble
from mailtwist.state.api import Durable
from mailtwist.state.process import durable
from mailtwist.state.records import Notice

SENT = Event("notice.sent", "{account}: {notice} ({id}) is told to {to}")
DELAYED = Event(
    "notice.delayed", "{account}: {notice} ({id}) is told to {to} again in {pause:g} s: {error}", "warn"
)
NOT_SENT = Event("notice.not_sent", "{account}: nobody is told of {notice} ({id}): {error}", "error")
SPOOL_AWAY = Event("notice.spool_away", "mail about accounts waits: {error}", "warn")

LOOK = 2.0
"""Seconds until the spool is looked at when something has changed in the state."""

LOOK_ANYHOW = 30.0

LEASE = 600.0
"""Seconds in which nobody else sends what this process has taken; longer than one attempt may last."""

AT_ONCE = 10

PAUSES = (60.0, 300.0, 900.0, 1800.0, 3600.0, 7200.0, 14400.0)
"""Seconds from one attempt to the next; the last one over and over."""

GIVEN_UP = 2 * 86400.0

Send = Callable[[str, bytes], Awaitable[None]]


class Telling:
    """Looks into the spool every few seconds.  `send` takes an address and a message; it raises `Trouble`."""

    def __init__(
        self,
        durable: Durable,
        directories: Sequence[Directory],
        clock: Clock,
        hostname: str,
        settings: NoticesSettings,
        send: Send,
    ) -> None:
        self._durable = durable
        self._directories = directories
        self._clock = clock
        self._hostname = hostname
        self._settings = settings
        self._send = send
        self._version: int | None = None
        self._look_at = 0.0
        self._next: IDelayedCall | None = None
        self._work: Deferred[object] | None = None
        self._away = False

    async def start(self) -> None:
        self._next = self._clock.later(LOOK, self._look)

    async def stop(self) -> None:
        """What is under way is sent by the next process, if it was not yet."""
        if self._next is not None and self._next.active():
            self._next.cancel()
        self._next = None
        work = self._work
        if work is not None:
            work.cancel()
            await work

    def _look(self) -> None:
        version, now = self._durable.version(), self._clock.seconds()
        if version is None or version != self._version or now >= self._look_at:
            self._version, self._look_at = version, now + LOOK_ANYHOW
            self._work = spawn(self._emptied(), "sending mail about accounts")
            self._work.addCallback(self._done)
        else:
            self._done(None)

    def _done(self, result: object) -> None:
        self._work = None
        if self._next is not None:
            self._next = self._clock.later(LOOK, self._look)

    async def _emptied(self) -> None:
        """All that is due was tried."""
        try:
            while await self._batch():
                pass
        except Trouble as trouble:
            if not self._away:
                SPOOL_AWAY.log(error=str(trouble))
            self._away = True
        else:
            self._away = False

    async def _batch(self) -> bool:
        """There may be more."""
        now = self._clock.now()
        notices = await self._durable.notices(now, now + LEASE, AT_ONCE)
        unreached: Trouble | None = None
        for notice in notices:
            if unreached is None:
                unreached = await self._tried(notice)
            else:
                await self._put_off(notice, unreached)
        return len(notices) == AT_ONCE

    async def _tried(self, notice: Notice) -> Trouble | None:
        """What is in the way of others too."""
        to = ""
        try:
            to = await self._address(notice)
            await self._send(to, self._written(notice, to))
        except Trouble as trouble:
            if trouble.temporary:
                await self._put_off(notice, trouble, to)
                return trouble if isinstance(trouble, NotReached) else None
            await self._gone(notice, str(trouble))
            return None
        SENT.log(to=to, **_facts(notice))
        await self._durable.notice_sent(notice.id)
        return None

    async def _put_off(self, notice: Notice, trouble: Trouble, to: str = "") -> None:
        now = self._clock.now()
        if now - notice.created >= GIVEN_UP:
            await self._gone(notice, f"for two days: {trouble}")
            return
        pause = PAUSES[min(notice.attempts, len(PAUSES)) - 1]
        DELAYED.log(to=to or "its owner", pause=pause, error=str(trouble), **_facts(notice))
        await self._durable.notice_failed(notice.id, now + pause)

    async def _gone(self, notice: Notice, error: str) -> None:
        NOT_SENT.log(error=error, **_facts(notice))
        await self._durable.notice_sent(notice.id)

    async def _address(self, notice: Notice) -> str:
        if second := notice.facts.get("to"):
            return str(second)
        person = await self._person(notice)
        if person is None or not person.addresses:
            raise Trouble("5.1.1", "Nobody has this account, or he has no address", notice.account)
        return person.addresses[0]

    async def _person(self, notice: Notice) -> Person | None:
        name = str(notice.facts.get("name", ""))
        for directory in self._directories:
            person = await directory.find(name) if name else None
            if person is not None and person.account == notice.account:
                return person
        return None

    def _written(self, notice: Notice, to: str) -> bytes:
        sender = self._settings.from_ or f"postmaster@{self._hostname}"
        try:
            return mail(notice, to, self._hostname, sender, self._settings.from_name, self._settings.contact)
        except KeyError:
            raise Trouble("5.6.0", "There are no words for this", notice.kind) from None


def _facts(notice: Notice) -> dict[str, str]:
    return {"account": notice.account, "notice": notice.kind, "id": notice.id}


def the_telling(assembly: Assembly) -> Telling | None:
    """For `assembly.one`; None when nobody is to be told, or another worker does it."""
    settings = assembly.settings(NoticesSettings)
    directories = tuple(assembly.parts("directory").values())
    if not (settings.send and directories and assembly.first):
        return None
    outlet: BySmarthost | ByTargets
    if settings.smarthost is not None:
        outlet = BySmarthost(settings, assembly.hostname, assembly.clock)
    else:
        outlet = ByTargets(tuple(assembly.parts("target").values()), assembly.hostname, assembly.clock)
    state = durable(assembly)
    return Telling(state, directories, assembly.clock, assembly.hostname, settings, outlet.send)
