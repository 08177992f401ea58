"""A connection that is kept: made again whenever it is lost, and never waited for without end."""

from collections.abc import Awaitable, Callable
from random import uniform

from twisted.internet.defer import Deferred

from mailtwist.kit.clock import Clock
from mailtwist.kit.spawn import spawn
from mailtwist.state.api import StateAway
from mailtwist.state.redis.link import ErrorReply, Link

SOON, LATE = 0.1, 5.0  # seconds before the second attempt, and at most before any
LOOKED_AFTER = 5.0  # how often an idle connection is tried
NOT_YET = "it has not been reached yet"


class Supervised:
    """The one connection that `reach` makes.

    While it is there, `link` is at once.  When it was lost, callers wait for the attempt that follows;
    while that and later ones fail, they hear `StateAway` at once.  txredisapi's own reconnecting is not
    used: it ends for good after a failed sign-in."""

    def __init__(
        self,
        reach: Callable[[], Awaitable[Link]],
        tried: Callable[[Link], Awaitable[object]],
        clock: Clock,
        patience: float,
        here: Callable[[], object],
        away: Callable[[str], object],
    ) -> None:
        self.why = NOT_YET
        self._reach = reach
        self._tried = tried
        self._clock = clock
        self._patience = patience
        self._here = here
        self._away = away
        self._link: Link | None = None
        self._trying = True
        self._stopped = False
        self._waiting: list[Deferred[None]] = []
        self._over: Deferred[None] = Deferred()
        self._life: Deferred[object] | None = None

    def start(self) -> None:
        self._life = spawn(self._live(), "the connection to Redis")

    async def stop(self) -> None:
        """Nothing is left: no connection, no timer; who waits hears `StateAway`."""
        life, self._life = self._life, None
        self._stopped = True
        self._trying = False
        self.why = "it has been stopped"
        link, self._link = self._link, None
        if life is not None:
            life.cancel()
            await life
        if link is not None:
            link.give_up(self.why)
            await link.lost()
        self._tell_waiting()

    @property
    def is_here(self) -> bool:
        return self._link is not None and self._link.is_usable

    async def link(self) -> Link:
        """`StateAway` when there is none."""
        if self._link is None and self._trying and self._life is not None:
            await self.outcome()
        if self._link is None:
            raise StateAway(f"Redis is away: {self.why}")
        return self._link

    async def outcome(self) -> None:
        """The attempt under way has ended, or has taken too long."""
        waiting: Deferred[None] = Deferred()
        self._waiting.append(waiting)
        late = self._clock.later(self._patience, _fire, waiting)
        try:
            await waiting
        finally:
            if late.active():
                late.cancel()
            if waiting in self._waiting:
                self._waiting.remove(waiting)

    async def _live(self) -> None:
        failures = 0
        while not self._stopped:
            try:
                link = await self._reach()
            except StateAway as away:
                self._is_away(away.detail)
            else:
                since = self._clock.seconds()
                self._is_here(link)
                why = await self._looked_after(link)
                self._link = None
                if self._clock.seconds() - since > LATE:
                    failures, self._trying = 0, True
                    continue
                self._is_away(why)
            failures += 1
            await self._pause(min(LATE, SOON * 2.0 ** min(failures - 1, 10)) * uniform(0.5, 1.0))

    def _is_here(self, link: Link) -> None:
        self._link = link
        self._trying = False
        self._tell_waiting()
        self._here()

    def _is_away(self, why: str) -> None:
        self.why = why
        self._trying = False
        self._tell_waiting()
        self._away(why)

    def _tell_waiting(self) -> None:
        waiting, self._waiting = self._waiting, []
        for one in waiting:
            _fire(one)

    async def _looked_after(self, link: Link) -> str:
        """Why it was lost, once it is.  An idle connection is tried now and then, so that it is not a login
        that finds out."""
        spawn(self._until_lost(link), "the loss of a connection")
        while link.connected:
            await self._pause(LOOKED_AFTER)
            if link.connected:
                await self._try(link)
        return link.why

    async def _until_lost(self, link: Link) -> None:
        await link.lost()
        _fire(self._over)

    async def _try(self, link: Link) -> None:
        try:
            await self._tried(link)
        except (StateAway, ErrorReply) as error:
            link.give_up(str(getattr(error, "detail", error)))
            await link.lost()

    async def _pause(self, seconds: float) -> None:
        """Over after `seconds`, or when the connection was lost."""
        self._over = Deferred()
        end = self._clock.later(seconds, _fire, self._over)
        try:
            await self._over
        finally:
            if end.active():
                end.cancel()


def _fire(one: Deferred[None]) -> None:
    if not one.called:
        one.callback(None)
