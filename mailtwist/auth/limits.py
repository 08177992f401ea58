"""How many guesses there are: an attempt is charged before it is judged, and paid back if it was right."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

from mailtwist.auth.alarm import Alarm
from mailtwist.auth.api import Source, TooManyAttempts
from mailtwist.auth.bans import Bans
from mailtwist.auth.buckets import NO_LIMIT, Attempt, Conditions, Limit, limits_of, member_of
from mailtwist.auth.names import BadName, canonical
from mailtwist.auth.places import client_of
from mailtwist.auth.queue import LineFull, Lines, WaitedLong
from mailtwist.auth.spent import LatelySpent
from mailtwist.auth.spray import Spray
from mailtwist.config.limits import LimitsSettings
from mailtwist.config.network import Networks
from mailtwist.config.part import Assembly
from mailtwist.kit.clock import Clock
from mailtwist.kit.events import Event
from mailtwist.kit.spawn import shield, spawn, started, together, uninterrupted
from mailtwist.kit.trouble import Trouble
from mailtwist.state.api import Durable, Volatile
from mailtwist.state.keys import Keys
from mailtwist.state.process import durable, keys, volatile
from mailtwist.state.records import Ban, Bucket, Charge, Denied

__all__ = ["Admission", "Attempt", "Limits", "the_limits"]

LEASE = 90.0
"""An attempt that takes longer has failed: nobody waits for it.  No login does."""

BUSY_AGAIN = 1.0  # seconds after which who was sent away from a line may try again

DENIED = Event(
    "limits.denied", "{subject}: {bucket}, for {retry} s; the attempt was by {account} from {address}", "warn"
)
BANNED = Event("limits.banned", "{subject} is banned for {retry} s; {account} from {address}", "warn")
LOCKED = Event("limits.locked", "{subject}: {bucket} is used up for {retry} s", "warn")
NOT_SETTLED = Event("limits.not_settled", "what {account} was charged stays: {error}", "warn")


@dataclass(frozen=True, slots=True)
class Paid:
    """What an attempt was charged, and to which buckets."""

    charge: Charge
    buckets: tuple[Bucket, ...]

    @property
    def back(self) -> list[Bucket]:
        """What gives it back once it was kept."""
        return [replace(bucket, limit=NO_LIMIT, cost=-bucket.cost) for bucket in self.buckets]


@dataclass(slots=True)
class Admission:
    """An attempt that may be judged.  Exactly one of `failed` and `forgiven` has to be called, and the first
    call is the one that counts: others wait for its end.  Neither raises."""

    _limits: "Limits"
    _attempt: Attempt
    _paid: Paid | None = None
    _client: str = ""
    _settled: bool = False
    _held: bool = False

    async def failed(self) -> None:
        """It was wrong, or nobody knows (the client left while it was judged): it stays charged."""
        await self._settle(failed=True)

    async def forgiven(self) -> None:
        """It was right, or never judged: its own charge is taken back, and nobody else's."""
        await self._settle(failed=False)

    async def held(self) -> None:
        """It is not wrong so far, and somebody is asked elsewhere: until he has said yes it counts as one
        that was, so that nobody learns from what is charged that it is not; and it stands in no line."""
        if not (self._settled or self._held):
            self._held = True
            client, self._client = self._client, ""
            await uninterrupted(self._limits.held(self._attempt, self._paid, client))

    async def _settle(self, *, failed: bool) -> None:
        if not self._settled:
            self._settled = True
            settle = self._limits.settled_late if self._held else self._limits.settled
            await uninterrupted(settle(self._attempt, self._paid, self._client, failed))


class Limits:
    """One per process: `assembly.one(the_limits)`."""

    def __init__(
        self,
        *,
        durable: Durable,
        volatile: Volatile,
        keys: Keys,
        clock: Clock,
        settings: LimitsSettings,
        trusted: Networks,
    ) -> None:
        self._volatile = volatile
        self._clock = clock
        self._settings = settings
        self._trusted = trusted
        self._bans = Bans(durable, clock)
        self._spray = Spray(volatile, keys, clock, settings)
        self._alarm = Alarm(volatile, clock, settings)
        self._spent = LatelySpent(clock)
        self._in_flight = Lines(clock, settings.in_flight, settings.waiting)
        self._lines = Lines(clock, 1, settings.waiting)
        self._honeypots = frozenset(filter(None, map(_name, settings.honeypots)))

    async def start(self) -> None:
        await self._bans.against("", "")

    async def let_in(self, account: str, address: str) -> None:
        """`TooManyAttempts` when an admin has banned the account or where it comes from; before anything
        else, devices included."""
        ban = await self._bans.against(account, address)
        if ban is not None:
            retry = ban.until - self._clock.now()
            words = {"subject": ban.subject, "account": account or "-", "address": address or "-"}
            BANNED.log(bucket="banned", retry=round(retry), **words)
            raise TooManyAttempts("banned", retry, "banned")

    async def admitted(self, attempt: Attempt) -> Admission:
        """The attempt may be judged now; it waited in line if it had to.  `TooManyAttempts` when a limit is
        reached, or the line is too long; nothing is charged then."""
        if attempt.source is Source.TRUSTED:
            return Admission(self, attempt)
        self._known_as_spent(attempt)
        until = self._clock.seconds() + self._settings.longest_wait
        client = "" if self._trusted.contains(attempt.address) else client_of(attempt.address)
        if client:
            await self._entered(self._in_flight, client, until, attempt)
        try:
            paid = await self._charged(attempt, until)
        except BaseException:
            if client:
                self._in_flight.leave(client)
            raise
        return Admission(self, attempt, paid, client)

    # -- for `Admission`
    async def settled(self, attempt: Attempt, paid: Paid | None, client: str, failed: bool) -> None:
        async with self._settling(attempt, paid, client):
            if paid is not None and failed:
                await together(self._volatile.keep(paid.charge), self._noted(attempt))
            elif paid is not None:
                await self._volatile.refund(paid.charge)

    async def held(self, attempt: Attempt, paid: Paid | None, client: str) -> None:
        async with self._settling(attempt, paid, client):
            if paid is not None:
                await together(self._volatile.keep(paid.charge), self._noted(attempt))

    async def settled_late(self, attempt: Attempt, paid: Paid | None, client: str, failed: bool) -> None:
        async with self._settling(attempt, paid, client):
            if paid is not None and not failed:
                self._alarm.forgiven()
                given = await self._volatile.charge(paid.back, LEASE)
                if isinstance(given, Charge):
                    await self._volatile.keep(given)

    @asynccontextmanager
    async def _settling(self, attempt: Attempt, paid: Paid | None, client: str) -> AsyncIterator[None]:
        try:
            yield
        except Trouble as error:
            NOT_SETTLED.log(account=attempt.account, error=str(error))
        finally:
            if client:
                self._in_flight.leave(client)
            for bucket in paid.buckets if paid is not None else ():
                self._lines.tell(bucket.key)

    async def _noted(self, attempt: Attempt) -> None:
        self._alarm.failed()
        if attempt.source is Source.UNTRUSTED and attempt.password:
            await self._spray.failed(attempt.account, attempt.password)

    # -- charging
    async def _charged(self, attempt: Attempt, until: float) -> Paid | None:
        """None when there is nothing to be charged."""
        limits = limits_of(attempt, self._settings, await self._conditions(attempt))
        if not limits:
            return None
        line = next((one.bucket.key for one in limits if one.bucket.key in self._lines), "")
        while True:
            outcome = await self._in_line(line, limits, attempt, until) if line else await self._tried(limits)
            if isinstance(outcome, Charge):
                return Paid(outcome, tuple(limit.bucket for limit in limits))
            if not outcome.waiting:
                raise await self._denial(attempt, limits, outcome)
            line = outcome.key

    async def _in_line(
        self, line: str, limits: Sequence[Limit], attempt: Attempt, until: float
    ) -> Charge | Denied:
        """What became of it at the head of the line, unless it was to wait there."""
        await self._entered(self._lines, line, until, attempt)
        try:
            while True:
                outcome = await self._tried(limits)
                if isinstance(outcome, Charge) or not outcome.waiting or outcome.key != line:
                    return outcome
                await self._lines.news(line, until)
        except WaitedLong:
            raise self._sent_away(attempt) from None
        finally:
            self._lines.leave(line)

    async def _tried(self, limits: Sequence[Limit]) -> Charge | Denied:
        """Who goes away meanwhile has not been here."""
        work = started(self._volatile.charge([limit.bucket for limit in limits], LEASE))
        outcome: Charge | Denied = await shield(work, self._too_late)
        return outcome

    def _too_late(self, outcome: Charge | Denied) -> None:
        if isinstance(outcome, Charge):
            spawn(self._volatile.refund(outcome), "giving back what a client who has left was charged")

    async def _entered(self, lines: Lines, key: str, until: float, attempt: Attempt) -> None:
        try:
            await lines.enter(key, until)
        except (LineFull, WaitedLong):
            raise self._sent_away(attempt) from None

    async def _conditions(self, attempt: Attempt) -> Conditions:
        alarm = self._alarm.sounds
        exempt = self._trusted.contains(attempt.address)
        if exempt or attempt.source is not Source.UNTRUSTED or not client_of(attempt.address):
            return Conditions(exempt=exempt, halved=alarm)
        member = member_of(attempt, self._settings)
        spent, cost = await together(
            self._volatile.spent(member, self._settings.network.seconds), self._cost(attempt)
        )
        return Conditions(cost=int(cost), halved=alarm, counted=spent > 0)

    async def _cost(self, attempt: Attempt) -> int:
        costs = [1]
        if not attempt.known and {attempt.login, attempt.login.partition("@")[0]} & self._honeypots:
            costs.append(self._settings.honeypot_cost)
        if attempt.password and await self._spray.hot(attempt.password):
            costs.append(self._settings.spray_cost)
        return max(costs)

    # -- denying
    def _known_as_spent(self, attempt: Attempt) -> None:
        exempt = self._trusted.contains(attempt.address)
        usual = Conditions(exempt=exempt, halved=self._alarm.sounds, counted=True)
        if spent := self._spent.among(limits_of(attempt, self._settings, usual)):
            raise self._told(attempt, *spent, began=False)

    async def _denial(self, attempt: Attempt, limits: Sequence[Limit], denied: Denied) -> TooManyAttempts:
        limit = next(limit for limit in limits if limit.bucket.key == denied.key)
        self._spent.note(limit, denied.retry)
        try:
            until = self._clock.now() + denied.retry
            began = await self._volatile.ban(Ban(limit.subject, limit.name, until))
        except Trouble:
            began = False
        return self._told(attempt, limit, denied.retry, began=began)

    def _told(self, attempt: Attempt, limit: Limit, retry: float, *, began: bool) -> TooManyAttempts:
        words = {"subject": limit.subject, "bucket": limit.name, "retry": round(retry)}
        if began:
            LOCKED.log(**words)
        DENIED.log(account=attempt.account, address=attempt.address or "-", **words)
        return TooManyAttempts("too-many-attempts", retry, limit.name, began)

    def _sent_away(self, attempt: Attempt) -> TooManyAttempts:
        words = {"account": attempt.account, "address": attempt.address or "-"}
        DENIED.log(subject="the line", bucket="waiting", retry=round(BUSY_AGAIN), **words)
        return TooManyAttempts("too-many-attempts", BUSY_AGAIN, "waiting")


def _name(text: str) -> str:
    try:
        return canonical(text)
    except BadName:  # nobody can be called so
        return ""


def the_limits(assembly: Assembly) -> Limits:
    """For `assembly.one`."""
    return Limits(
        durable=durable(assembly),
        volatile=volatile(assembly),
        keys=keys(assembly),
        clock=assembly.clock,
        settings=assembly.settings(LimitsSettings),
        trusted=assembly.trusted,
    )
