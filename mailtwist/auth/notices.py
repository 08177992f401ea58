"""What an account's owner is told by mail: put into a spool here, written and sent by who delivers."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, replace

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall

from mailtwist.auth.names import canonical
from mailtwist.config.notices import NoticesSettings
from mailtwist.config.part import Assembly
from mailtwist.kit.clock import Clock
from mailtwist.kit.events import Event, login_id
from mailtwist.kit.ids import new_id
from mailtwist.kit.spawn import spawn
from mailtwist.kit.trouble import Trouble
from mailtwist.state.api import Durable
from mailtwist.state.process import durable
from mailtwist.state.records import Notice

NOT_SPOOLED = Event("notice.not_spooled", "{account}: nobody is told of {notice}: {error}", "error")
LATE = Event("notice.late", "{account}: who is to be told of {notice} will be, later: {error}", "error")
ENOUGH = Event("notice.enough", "{account}: there were enough mails about {notice} today", "debug")

DAY = 86400.0
PATIENCE = 10.0
"""Seconds until a disk that was full is tried again."""

MOST = 1_000
"""Notices that wait for the disk."""

LONGEST = 200
"""Characters of one fact."""

KINDS: Mapping[str, int] = {
    "new-device": 10,
    "new-network": 3,
    "out-of-context": 1,
    "locked": 1,
    "recovery-used": 10,
    "factor-added": 10,
    "factor-removed": 10,
    "factor-reset": 10,
    "device-evicted": 3,
    "app-password-added": 10,
    "factor-coming": 1,
    "approval-denied": 3,
    "approval-enough": 1,
}
"""What people are told of, and in how many mails a day: an attack fills no mailbox."""


@dataclass(slots=True)
class _Told:
    """`may`: it was not too many for a day."""

    notice: Notice
    retried: bool = False
    may: bool = False


class Notices:
    """The spool is the durable state: commands put into it too, the server sends."""

    def __init__(
        self, durable: Durable, clock: Clock, on: bool = True, second: Mapping[str, str] | None = None
    ) -> None:
        """`on`: anybody is told at all; `second` addresses are by canonical login names."""
        self._durable = durable
        self._clock = clock
        self._on = on
        self._second = second or {}
        self._waiting: deque[_Told] = deque()
        self._working: Deferred[object] | None = None
        self._again: IDelayedCall | None = None

    def tell(self, account: str, kind: str, **facts: object) -> None:
        """The owner of `account` gets a mail about `kind`, one of `KINDS`, unless he had enough of them.
        `facts` say more: name (his login name), address, network, protocol, client, device, label, factor,
        by, why, date, until.  Never a secret.  Never waits, never fails."""
        notice = self._notice(account, kind, facts)
        if notice is None:
            return
        alike = [one for one in self._waiting if (one.notice.account, one.notice.kind) == (account, kind)]
        if len(alike) >= KINDS.get(kind, 1):
            ENOUGH.log(account=account, notice=kind)
            return
        if len(self._waiting) >= MOST:
            NOT_SPOOLED.log(account=account, notice=kind, error="too many wait")
            return
        self._waiting.append(_Told(notice))
        if self._again is None or not self._again.active():
            self._work()

    async def put(self, account: str, kind: str, **facts: object) -> None:
        """The same, for commands: it is in the spool when this returns; `StateAway` when it cannot be."""
        notice = self._notice(account, kind, facts)
        if notice is not None:
            await self._spool(_Told(notice))

    async def stop(self) -> None:
        """What was told is in the spool, or else in the log."""
        if self._again is not None and self._again.active():
            self._again.cancel()
        working = self._working
        if working is not None:
            await working
        await self._work_off()
        if self._again is not None and self._again.active():
            self._again.cancel()
        for told in self._waiting:
            NOT_SPOOLED.log(account=told.notice.account, notice=told.notice.kind, error="the server ends")
        self._waiting.clear()

    def _notice(self, account: str, kind: str, facts: Mapping[str, object]) -> Notice | None:
        """None for names that nobody has, and when nobody is to be told."""
        if not self._on or not account or account.startswith("?"):
            return None
        now = self._clock.now()
        told = {"login": login_id.get(), **{key: _plain(value) for key, value in facts.items()}}
        return Notice(new_id(), account, kind, {key: text for key, text in told.items() if text}, now, now)

    # -- into the spool
    def _work(self) -> None:
        if self._working is None:
            self._working = spawn(self._work_off(), "telling people")
            if self._working is not None:
                self._working.addCallback(self._done)

    def _done(self, result: object) -> None:
        self._working = None

    async def _work_off(self) -> None:
        while self._waiting:
            told = self._waiting[0]
            try:
                await self._spool(told)
            except Trouble as trouble:
                if not told.retried:
                    LATE.log(account=told.notice.account, notice=told.notice.kind, error=str(trouble))
                    told.retried = True
                self._again = self._clock.later(PATIENCE, self._work)
                return
            self._waiting.popleft()

    async def _spool(self, told: _Told) -> None:
        """Unless there were enough.  When it is done again after trouble, it is one still."""
        told.may = told.may or await self._may(told.notice)
        if told.may:
            await self._add(told.notice)
        else:
            ENOUGH.log(account=told.notice.account, notice=told.notice.kind)

    async def _may(self, notice: Notice) -> bool:
        for number in range(KINDS.get(notice.kind, 1)):
            what = f"notice {notice.kind} {notice.account} {number}"
            if await self._durable.tell_once(what, notice.created, DAY):
                return True
        return False

    async def _add(self, notice: Notice) -> None:
        """One mail to each of the owner's addresses, so that trouble with one is no trouble of the other."""
        mails = [notice]
        if second := self._second.get(str(notice.facts.get("name", ""))):
            mails.append(replace(notice, id=f"{notice.id}-2", facts={**notice.facts, "to": second}))
        for one in mails:
            if not await self._durable.add_notice(one):
                NOT_SPOOLED.log(account=one.account, notice=one.kind, error="too many wait to be sent")


def _plain(value: object) -> str:
    """One line, whoever's words they are."""
    text = ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
    return "".join(c if c.isprintable() else "?" for c in text[:LONGEST])


def the_notices(assembly: Assembly) -> Notices:
    """For `assembly.one`."""
    settings = assembly.settings(NoticesSettings)
    domain = assembly.login.default_domain or ""
    second = {canonical(name, domain): address for name, address in settings.second_addresses}
    return Notices(durable(assembly), assembly.clock, settings.send, second)
