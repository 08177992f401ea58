"""Is this an attack on everybody?  The failures of a minute beside those of a usual one."""

from mailtwist.auth.buckets import NO_LIMIT
from mailtwist.config.limits import DAY, MINUTE, LimitsSettings
from mailtwist.kit.clock import Clock
from mailtwist.kit.events import Event
from mailtwist.kit.spawn import spawn
from mailtwist.state.api import Volatile
from mailtwist.state.records import Bucket, Charge

WEEK = 7 * DAY
THIS_MINUTE, THIS_WEEK = "failures:minute", "failures:week"
LOOK_EVERY = 5.0
LEASE = 10.0

ALARM = Event("limits.alarm", "{failures} failed logins in a minute; {usual} are usual", "error")
CALM = Event("limits.calm", "{failures} failed logins in a minute; the alarm is over")


class Alarm:
    """Counts failures of all processes together.

    What is usual is the mean of the last 7 days.  Before there are 7 days it is too low, never too high: then
    `alarm_least` alone decides, and all that an alarm does is to halve what new places may try.  An attack
    counts for no more than `alarm` times the usual, so that it does not become usual itself.
    """

    def __init__(self, volatile: Volatile, clock: Clock, settings: LimitsSettings) -> None:
        self._volatile = volatile
        self._clock = clock
        self._settings = settings
        self._failures = 0
        self._looked = clock.seconds()
        self._looking = False
        self._sounding = False

    def failed(self) -> None:
        self._failures += 1

    def forgiven(self) -> None:
        """What was said to have failed has not."""
        self._failures -= 1

    @property
    def sounds(self) -> bool:
        """As of a few seconds ago; nothing is waited for."""
        ago = self._clock.seconds() - self._looked
        if ago >= LOOK_EVERY and not self._looking:
            spawn(self._look(ago), "comparing failed logins with those of a usual minute")
        return self._sounding and ago < MINUTE

    async def _look(self, ago: float) -> None:
        self._looking = True
        try:
            await self._compare(ago)
        finally:
            self._looked = self._clock.seconds()
            self._looking = False

    async def _compare(self, ago: float) -> None:
        usual = await self._volatile.spent(THIS_WEEK, WEEK) * MINUTE / WEEK
        most = max(float(self._settings.alarm_least), usual * self._settings.alarm)
        failures, self._failures = max(0, self._failures), min(0, self._failures)
        if failures:
            learned = max(1, min(failures, int(most * min(ago, MINUTE) / MINUTE)))
            await self._count(failures, learned)
        now = await self._volatile.spent(THIS_MINUTE, MINUTE)
        if (now > most) is not self._sounding:
            self._sounding = now > most
            (ALARM if self._sounding else CALM).log(failures=round(now), usual=round(usual, 1))

    async def _count(self, failures: int, learned: int) -> None:
        charge = await self._volatile.charge(
            (Bucket(THIS_MINUTE, NO_LIMIT, MINUTE, failures), Bucket(THIS_WEEK, NO_LIMIT, WEEK, learned)),
            LEASE,
        )
        if isinstance(charge, Charge):
            await self._volatile.keep(charge)
