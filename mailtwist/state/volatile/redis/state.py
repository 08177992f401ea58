"""State in Redis that all nodes share: limits, bans, used codes, logins under way, words for everybody."""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from hashlib import sha256
from typing import Any

from twisted.internet.defer import CancelledError

from mailtwist.kit.clock import Clock
from mailtwist.kit.ids import new_id
from mailtwist.kit.spawn import spawn
from mailtwist.state.api import StateAway
from mailtwist.state.records import Ban, Bucket, Charge, Denied, Use
from mailtwist.state.volatile.hearing import Listeners
from mailtwist.state.volatile.leading import HEARD
from mailtwist.state.volatile.redis import scripts
from mailtwist.state.volatile.redis.calls import Calls
from mailtwist.state.volatile.redis.words import Words
from mailtwist.state.volatile.rules import KEPT, MEMBERS

POLL = 0.25  # seconds; a follower is told, and looks by himself if that was lost
LONGEST = 10 * 365 * 86400.0  # a ban without an end is deleted then if nobody looks at it
OWED = 10_000  # refunds that wait for Redis
PAGE = 500

USES = {1: Use.NEW, 2: Use.JOINED}


class RedisState:
    """`state.api.Volatile`.  Every call ends in time, with `StateAway` if need be; `refund` and `keep` never
    fail: what Redis cannot be told now it is told when it is back.  Nor does `settle`: leases end by
    themselves."""

    def __init__(self, calls: Calls, words: Words, prefix: bytes, clock: Clock) -> None:
        self.calls = calls
        self._words = words
        self._prefix = prefix
        self._clock = clock
        self._owed: OrderedDict[str, tuple[str, list[bytes]]] = OrderedDict()
        self._stopped = False
        calls.on_back.append(lambda: spawn(self._pay(), "what Redis is owed"))

    @property
    def is_here(self) -> bool:
        return self.calls.connection.is_here

    @property
    def listeners(self) -> Listeners:
        return self._words.listeners

    async def start(self) -> None:
        """It has been tried; if it was not there, the log says so, and it is tried on."""
        self.calls.connection.start()
        await self.calls.connection.outcome()
        await self._words.start()

    async def stop(self) -> None:
        self._stopped = True
        self._words.wake_all()
        await self._words.connection.stop()
        await self.calls.connection.stop()

    # -- limits
    async def charge(self, buckets: Sequence[Bucket], lease: float) -> Charge | Denied:
        id = new_id()
        keys = [self._key("bucket", bucket.key) for bucket in buckets]
        each = [n for b in buckets for n in (b"%d" % b.limit, _ms(b.window), b"%d" % b.cost)]
        if not keys:
            return Charge(id, ())
        try:
            answer = await self.calls.run(scripts.CHARGE, keys, id.encode(), _ms(lease), *each)
        except (StateAway, CancelledError):
            await self._settle_later(id, scripts.REFUND, keys)  # perhaps it was charged
            raise
        if answer[0] == 0:
            _, at, retry, waiting = answer
            return Denied(buckets[at - 1].key, float(retry) / 1000, waiting == 1)
        numbers: list[int] = answer[1:]
        return Charge(id, tuple((b.key, n, b.cost) for b, n in zip(buckets, numbers, strict=True)))

    async def refund(self, charge: Charge) -> None:
        await self._told_in_the_end(charge, scripts.REFUND)

    async def keep(self, charge: Charge) -> None:
        await self._told_in_the_end(charge, scripts.KEEP)

    async def spent(self, key: str, window: float) -> float:
        return float(await self.calls.run(scripts.SPENT, [self._key("bucket", key)], _ms(window)))

    async def clear(self, keys: Sequence[str]) -> None:
        if keys:
            await self.calls.run(scripts.DELETE, [self._key("bucket", key) for key in keys])

    async def blame(self, key: str, window: float, cost: int, ago: float) -> None:
        """What failed elsewhere, so many seconds ago, is charged without asking whether there is room."""
        keys = [self._key("bucket", key)]
        await self.calls.run(scripts.BLAME, keys, _ms(window), b"%d" % cost, _ago(ago))

    async def _told_in_the_end(self, charge: Charge, body: str) -> None:
        keys = [self._key("bucket", key) for key, _, _ in charge.entries]
        if not keys:
            return
        try:
            await self.calls.run(body, keys, charge.id.encode())
        except (StateAway, CancelledError) as error:
            await self._settle_later(charge.id, body, keys)
            if isinstance(error, CancelledError):
                raise

    async def _settle_later(self, id: str, body: str, keys: list[bytes]) -> None:
        """When Redis is back; at once if it is here, and only the caller has gone."""
        self._owed[id] = (body, keys)
        if len(self._owed) > OWED:
            self._owed.popitem(last=False)
        if self.is_here:
            spawn(self._pay(), "what Redis is owed")

    async def _pay(self) -> None:
        while self._owed:
            id, (body, keys) = self._owed.popitem(last=False)
            try:
                await self.calls.run(body, keys, id.encode())
            except StateAway:
                if not self.is_here:
                    self._owed[id] = (body, keys)
                    return

    # -- how many different ones
    async def add_distinct(self, key: str, member: bytes, window: float) -> int:
        short = sha256(member).digest()[:12]
        keys = [self._key("distinct", key)]
        return int(await self.calls.run(scripts.ADD_DISTINCT, keys, short, _ms(window), b"%d" % MEMBERS))

    async def count_distinct(self, key: str, window: float) -> int:
        return int(await self.calls.run(scripts.COUNT_DISTINCT, [self._key("distinct", key)], _ms(window)))

    # -- codes and wrong secrets
    async def use_once(self, code: str, step: int, floor: int, by: bytes, address: str, join: float) -> Use:
        numbers = (b"%d" % step, b"%d" % floor)
        whose = (by, address.encode("utf-8", "backslashreplace"))
        keys = [self._key("used", code)]
        answer = await self.calls.run(scripts.USE_ONCE, keys, *numbers, *whose, _ago(join), _ms(KEPT))
        return USES.get(answer, Use.REPLAY)

    async def refuse(self, secret: bytes, seconds: float, ago: float = 0.0) -> None:
        await self.calls.run(scripts.REFUSE, [self._key("refused", secret)], _ms(seconds), _ago(ago))

    async def refused(self, secret: bytes) -> float | None:
        ago = await self.calls.run(scripts.REFUSED, [self._key("refused", secret)])
        return None if ago < 0 else ago / 1000

    async def forgive(self, secret: bytes) -> None:
        await self.calls.run(scripts.DELETE, [self._key("refused", secret)])

    # -- logins under way
    async def lead(self, work: bytes, lease: float) -> str | None:
        leader = new_id()
        keys = [self._key("work", work)]
        try:
            leads = await self.calls.run(scripts.LEAD, keys, leader.encode(), _ms(lease))
        except CancelledError:
            spawn(self.settle(work, leader, None), "giving up work that nobody waits for")
            raise
        return leader if leads else None

    async def renew(self, work: bytes, leader: str, lease: float) -> bool:
        keys = [self._key("work", work)]
        return bool(await self.calls.run(scripts.RENEW, keys, leader.encode(), _ms(lease)))

    async def settle(self, work: bytes, leader: str, word: bytes | None) -> None:
        key = self._key("work", work)
        said = (b"0", b"") if word is None else (b"1", word)
        where = (self._words.settled, key)
        try:
            await self.calls.run(scripts.SETTLE, [key], leader.encode(), *said, _ms(HEARD), *where)
        except StateAway:
            return

    async def follow(self, work: bytes) -> bytes | None:
        key = self._key("work", work)
        while not self._stopped:
            woken = self._words.wake(key)
            try:
                answer = await self.calls.run(scripts.FOLLOW, [key])
                if answer[0] != 1:
                    word: bytes | None = answer[1] if answer[0] == 2 else None
                    return word
                end = self._clock.later(POLL, _fire, woken)
                try:
                    await woken
                finally:
                    if end.active():
                        end.cancel()
            finally:
                self._words.sleep(key, woken)
        return None

    # -- bans
    async def ban(self, ban: Ban) -> bool:
        fields = (_text(ban.subject), _text(ban.reason), repr(float(ban.until)).encode(), _text(ban.by))
        return bool(await self.calls.run(scripts.BAN, self._ban_keys(ban.subject), *fields, _ms(LONGEST)))

    async def banned(self, subjects: Sequence[str]) -> Ban | None:
        if not subjects:
            return None
        found = await self.calls.run(scripts.BANNED, [self._key("ban", subject) for subject in subjects])
        return _ban(found) if found else None

    async def lift(self, subject: str) -> bool:
        return bool(await self.calls.run(scripts.LIFT, self._ban_keys(subject)))

    async def bans(self) -> Sequence[Ban]:
        found: list[Ban] = []
        at = 0
        while True:
            span = (b"%d" % at, b"%d" % (at + PAGE - 1))
            page = await self.calls.run(scripts.BANS, [self._key("bans", "")], *span)
            found += [_ban(one) for one in page if one]
            at += PAGE
            if len(page) < PAGE:
                return sorted(found, key=lambda ban: (ban.until, ban.subject))

    def _ban_keys(self, subject: str) -> list[bytes]:
        return [self._key("bans", ""), self._key("ban", subject)]

    # -- words for everybody
    async def announce(self, word: bytes) -> None:
        await self._words.announce(word)

    def listen(self, heard: Callable[[bytes], object]) -> None:
        self._words.listeners.add(heard)

    def _key(self, kind: str, name: str | bytes) -> bytes:
        """All keys lie on one node of a cluster; none is long."""
        octets = name.hex().encode() if isinstance(name, bytes) else _text(name)
        if len(octets) > 128:
            octets = b"#" + sha256(octets).hexdigest().encode()
        return self._prefix + kind.encode() + b":" + octets


def _ms(seconds: float) -> bytes:
    """A span that is not over at once."""
    return b"%d" % max(1, round(seconds * 1000))


def _ago(seconds: float) -> bytes:
    return b"%d" % max(0, round(seconds * 1000))


def _text(text: str) -> bytes:
    return text.encode("utf-8", "backslashreplace")


def _ban(fields: Sequence[Any]) -> Ban:
    subject, reason, until, by = (field.decode("utf-8", "replace") for field in fields)
    return Ban(subject, reason, float(until), by)


def _fire(one: Any) -> None:
    if not one.called:
        one.callback(None)
