"""Words for everybody who shares this Redis, and wake-up calls for those who wait for a leader's word."""

import re
from collections import OrderedDict

from twisted.internet.defer import Deferred

from mailtwist.kit.clock import Clock
from mailtwist.kit.spawn import spawn
from mailtwist.state.api import StateAway
from mailtwist.state.redis.connection import Reach
from mailtwist.state.redis.supervised import Supervised
from mailtwist.state.volatile.hearing import Listeners
from mailtwist.state.volatile.redis import scripts
from mailtwist.state.volatile.redis.calls import Calls

KEPT = 1_000  # words, for who was away for a moment
KEPT_FOR = 3600.0
_ID = re.compile(rb"[0-9]{1,20}-[0-9]{1,20}")


class Words:
    """A connection of its own hears what is announced.  Whoever was away hears what he missed when he is
    back: the last thousand words of the last hour."""

    def __init__(self, calls: Calls, reach: Reach, prefix: bytes, clock: Clock) -> None:
        self.listeners = Listeners()
        self.settled = prefix + b"settled"
        self._channel = prefix + b"words"
        self._calls = calls
        self._waiting: dict[bytes, list[Deferred[None]]] = {}
        self._heard: OrderedDict[bytes, None] = OrderedDict()
        self._last: bytes | None = None
        self.connection = Supervised(
            lambda: reach.channels((self._channel, self.settled), self._told),
            reach.still_right,
            clock,
            reach.timeout,
            self._here,
            lambda why: None,
        )
        calls.on_back.append(self._here)

    async def start(self) -> None:
        """Begun when the connection for commands was tried: who announces from now on is heard."""
        self.connection.start()
        await self.connection.outcome()
        await self._catch_up()

    async def announce(self, word: bytes) -> None:
        most, seconds = b"%d" % KEPT, b"%d" % (KEPT_FOR * 1000)
        key = [self._channel]
        id = await self._calls.run(scripts.ANNOUNCE, key, word, self._channel, most, seconds)
        self._tell(id, word)

    def wake(self, key: bytes) -> Deferred[None]:
        """Called back when the work under `key` was settled.  `sleep` it in the end."""
        one: Deferred[None] = Deferred()
        self._waiting.setdefault(key, []).append(one)
        return one

    def sleep(self, key: bytes, one: Deferred[None]) -> None:
        waiting = self._waiting.get(key, [])
        if one in waiting:
            waiting.remove(one)
        if not waiting:
            self._waiting.pop(key, None)

    def wake_all(self) -> None:
        for key in list(self._waiting):
            self._woken(key)

    def _told(self, message: bytes) -> None:
        """A message of either channel: an id and a word, or the key of what was settled."""
        id, blank, word = message.partition(b" ")
        if not blank:
            self._woken(id)
        elif _ID.fullmatch(id):
            self._tell(id, word)

    def _woken(self, key: bytes) -> None:
        for one in self._waiting.pop(key, []):
            if not one.called:
                one.callback(None)

    def _tell(self, id: bytes, word: bytes) -> None:
        """Once, by whichever way it comes first."""
        if id in self._heard:
            return
        self._heard[id] = None
        if len(self._heard) > 2 * KEPT:
            self._heard.popitem(last=False)
        if self._last is None or _number(id) > _number(self._last):
            self._last = id
        self.listeners.tell(word)

    def _here(self) -> None:
        """One of the two connections is back; what was missed is asked for when both are."""
        spawn(self._catch_up(), "what was announced meanwhile")

    async def _catch_up(self) -> None:
        self.wake_all()
        if not self.connection.is_here:
            return
        try:
            newest = await self._calls.run(scripts.NEWEST, [self._channel])
            if self._last is None or _number(newest) < _number(self._last):
                self._last = newest  # the first time; or the server began anew, with another clock
            for id, word in await self._calls.run(scripts.SINCE, [self._channel], self._last):
                self._tell(id, word)
        except StateAway:
            return  # when it is back


def _number(id: bytes) -> tuple[int, int]:
    first, _, second = id.partition(b"-")
    return int(first), int(second)
