"""Who is logged in: sessions end within a second when a device is revoked, or an account changes."""

from collections import deque
from collections.abc import Callable

from twisted.internet.interfaces import IDelayedCall

from mailtwist.auth.devices import Devices, the_devices
from mailtwist.config.part import Assembly
from mailtwist.kit.clock import Clock
from mailtwist.kit.events import Event
from mailtwist.kit.spawn import spawn
from mailtwist.kit.trouble import Trouble
from mailtwist.state.api import Durable, Volatile
from mailtwist.state.process import durable, volatile
from mailtwist.state.records import Ending

ENDED = Event("session.ended", "{account}: session {session} of device {device} ends: {why}")
NOT_SEEN = Event("session.not_seen", "which sessions have to end cannot be read: {error}", "error")

WORD = b"sessions"
"""Announced by whoever has written an ending: it is looked for at once."""

EVERY = 0.25
"""Seconds between two looks at whether the durable state has changed; that costs next to nothing."""

PATIENCE = 5.0
"""Seconds between two lines about the same trouble."""

STILL_HERE = 3600.0
"""Seconds after which a session that goes on counts as a use of its device."""

TOKEN_OVER = "token-over"
"""Why a session ends that was opened by an access token, where it is to end with that."""

LATELY = 10_000
"""Endings that are remembered for logins under way."""


class Session:
    """One login that goes on: `login` is its id in the log.  `close` is called once, with why, when it has to
    end; whoever holds it says `left` when it has ended by itself."""

    timer: IDelayedCall | None = None
    """For one that ends by itself."""

    def __init__(
        self, sessions: "Sessions", account: str, device: str, login: str, close: Callable[[str], object]
    ) -> None:
        self.account = account
        self.device = device
        self.login = login
        self._sessions = sessions
        self._close = close

    def left(self) -> None:
        if self.timer is not None and self.timer.active():
            self.timer.cancel()
        self._sessions.forget(self)

    def heard(self, client: str) -> None:
        """What its program calls itself, as it has just said."""
        if self.device:
            self._sessions.heard(self, client)

    def end(self, why: str) -> None:
        self.left()
        ENDED.log(account=self.account, device=self.device or "-", session=self.login, why=why)
        self._close(why)


class Sessions:
    """All of this process.  What has to end is written into the durable state by whatever process, and read
    here: when it changes, which is looked at four times a second, or when somebody says `WORD`.  It is
    `assembly.one(the_sessions)`."""

    def __init__(self, durable: Durable, volatile: Volatile, clock: Clock, devices: Devices) -> None:
        self._durable = durable
        self._clock = clock
        self._devices = devices
        self._of: dict[str, set[Session]] = {}
        self._lately: deque[Ending] = deque(maxlen=LATELY)
        self._number = 0
        self._seen: int | None = None
        self._quiet_until = self._used_until = 0.0
        self._tick: IDelayedCall | None = None
        self._looking = False
        volatile.listen(self._announced)

    async def start(self) -> None:
        self._seen = self._durable.version()
        for last in await self._durable.endings(-1):
            self._number = last.number
        self._used_until = self._clock.seconds() + STILL_HERE
        self._tick = self._clock.later(EVERY, self._watch)

    async def stop(self) -> None:
        tick, self._tick = self._tick, None
        if tick is not None and tick.active():
            tick.cancel()

    # -- who is here
    async def mark(self) -> int:
        """What to `register` with.  It is asked for before anything about the account or its device is: then
        nothing that ends after that is missed."""
        if self._changed:
            await self._look()
        return self._number

    def register(
        self,
        account: str,
        device: str,
        login: str,
        mark: int,
        close: Callable[[str], object],
        until: float = 0.0,
    ) -> Session:
        """A login has succeeded, and goes on until it has `left`, or it is `until` (seconds since 1970; 0:
        for ever).  It ends at once when what let it in has ended since its `mark`."""
        session = Session(self, account, device, login, close)
        if until:
            left = max(0.0, until - self._clock.now())
            session.timer = self._clock.later(left, session.end, TOKEN_OVER)
        self._of.setdefault(account, set()).add(session)
        if 0 <= mark < self._number:
            late = [one for one in self._lately if one.number > mark and _meets(one, session)]
            if late:
                session.end(late[0].why)
        return session

    def forget(self, session: Session) -> None:
        of = self._of.get(session.account, set())
        of.discard(session)
        if not of:
            self._of.pop(session.account, None)

    def of(self, account: str) -> list[Session]:
        """Those that are here."""
        return list(self._of.get(account, ()))

    def heard(self, session: Session, client: str) -> None:
        self._devices.heard(session.account, session.device, client)

    # -- who has to leave
    def _watch(self) -> None:
        self._tick = self._clock.later(EVERY, self._watch)
        if self._changed:
            self._look_soon()
        if self._clock.seconds() >= self._used_until:
            self._used_until = self._clock.seconds() + STILL_HERE
            self._still_here()

    def _announced(self, word: bytes) -> None:
        if word == WORD and self._tick is not None:
            self._look_soon()

    @property
    def _changed(self) -> bool:
        version = self._durable.version()
        return version is None or version != self._seen

    def _look_soon(self) -> None:
        if not self._looking:
            self._looking = True
            spawn(self._look(), "looking which sessions have to end").addBoth(self._looked)

    def _looked(self, result: object) -> None:
        self._looking = False

    async def _look(self) -> None:
        version = self._durable.version()
        try:
            found = await self._durable.endings(self._number)
        except Trouble as error:
            if self._clock.seconds() >= self._quiet_until:
                self._quiet_until = self._clock.seconds() + PATIENCE
                NOT_SEEN.log(error=str(error))
            return
        self._seen = version
        for ending in found:
            self._ended(ending)

    def _ended(self, ending: Ending) -> None:
        if ending.number <= self._number:
            return  # another look was faster
        self._number = ending.number
        self._lately.append(ending)
        for session in self.of(ending.account):
            if _meets(ending, session):
                session.end(ending.why)

    def _still_here(self) -> None:
        """A phone that stays in IDLE for days is not idle."""
        for account, here in self._of.items():
            for device in {session.device for session in here if session.device}:
                self._devices.still_here(account, device)


def _meets(ending: Ending, session: Session) -> bool:
    return ending.account == session.account and ending.device in ("", session.device)


def the_sessions(assembly: Assembly) -> Sessions:
    """For `assembly.one`."""
    devices = assembly.one(the_devices)
    return Sessions(durable(assembly), volatile(assembly), assembly.clock, devices)
