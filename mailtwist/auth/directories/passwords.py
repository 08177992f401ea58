"""Passwords that are kept as hashes: slow on purpose, in threads of their own, once in a while."""

import base64
import hmac
import os
import secrets
from collections import OrderedDict
from collections.abc import Callable
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError
from twisted.internet.defer import CancelledError, DeferredLock

from mailtwist.auth.api import AccountUnavailable
from mailtwist.auth.directories.hashes import UselessHash, verified
from mailtwist.auth.turnstile import is_stranger
from mailtwist.kit.clock import Clock
from mailtwist.kit.threads import Threads

MOST = 10_000
AT_ONCE = 2
"""Hashes made at the same time, at most: each takes memory."""

T = TypeVar("T")


class Passwords:
    """`memory` in octets and `passes` are argon2's cost; a password that was right needs no hash for
    `remembered` seconds.  What is remembered is a keyed hash of password and stored hash together: after a
    change, by whatever process, it is worth nothing.  `weak`: passwords are checked against hashes that
    protect little, too (`hashes.WEAK`)."""

    def __init__(
        self, clock: Clock, memory: int, passes: int, remembered: float, *, weak: bool = False
    ) -> None:
        self._clock = clock
        self._hasher = PasswordHasher(time_cost=passes, memory_cost=memory // 1024, parallelism=1)
        self._remembered = remembered
        self._weak = weak
        self._right: OrderedDict[bytes, float] = OrderedDict()
        self._key = secrets.token_bytes(32)
        self._threads = Threads("passwords", at_once())
        self._strangers = DeferredLock()

    def stop(self) -> None:
        self._threads.stop()

    async def hashed(self, password: bytes) -> str:
        """What to store."""
        return await self._in_thread(lambda: self._hasher.hash(password))

    async def is_right(self, stored: str | None, password: bytes) -> bool:
        """`password` has this hash.  Without one it takes as long, and is wrong."""
        mark = self._mark(stored or "", password)
        if self._right.get(mark, 0.0) > self._clock.seconds():
            return True
        right = await self._in_thread(lambda: self._verified(stored or self._nobodys(), password))
        if right:
            self._remember(mark)
        return right

    async def made_for_nobody(self, stored: str | None, password: bytes) -> None:
        """As long as `is_right` takes, for a name that nobody has.  Nothing is remembered: a second question
        that is answered sooner would tell that the password is somebody's."""
        await self._in_thread(lambda: self._verified(stored or self._nobodys(), password))

    def outdated(self, stored: str) -> bool:
        """It was made at another cost than is asked for today, or not by us."""
        try:
            return self._hasher.check_needs_rehash(stored)
        except InvalidHashError:
            return True

    async def _in_thread(self, work: Callable[[], T]) -> T:
        """What `work` returns.  Who has gone while others' hashes were made costs none: clients that come and
        go would keep everybody else waiting.  Strings that nobody knows are looked at one
        after the other: whoever is known waits for one of them at most."""
        if not is_stranger():
            return await self._worked(work)
        await self._strangers.acquire()
        try:
            return await self._worked(work)
        finally:
            self._strangers.release()

    async def _worked(self, work: Callable[[], T]) -> T:
        gone = False

        def unless_gone() -> T:
            if gone:
                raise CancelledError
            return work()

        try:
            return await self._threads.run(unless_gone)
        except CancelledError:
            gone = True
            raise

    def _verified(self, stored: str, password: bytes) -> bool:
        try:
            return verified(stored, password, self._weak)
        except UselessHash as error:
            raise AccountUnavailable(f"a stored password hash cannot be used: {error}") from None

    def _nobodys(self) -> str:
        """A hash of no password, at today's cost."""
        hasher = self._hasher
        cost = f"m={hasher.memory_cost},t={hasher.time_cost},p={hasher.parallelism}"
        salt, value = (_base64(secrets.token_bytes(size)) for size in (hasher.salt_len, hasher.hash_len))
        return f"$argon2id$v=19${cost}${salt}${value}"

    def _remember(self, mark: bytes) -> None:
        self._right[mark] = self._clock.seconds() + self._remembered
        self._right.move_to_end(mark)
        if len(self._right) > MOST:
            self._right.popitem(last=False)

    def _mark(self, stored: str, password: bytes) -> bytes:
        return hmac.digest(self._key, stored.encode() + b"\0" + password, "sha256")


def at_once() -> int:
    """How many hashes are made at the same time: one processor is left to everybody else, if there are
    several.  Two on one processor are no faster than one after the other, and whoever waits for the processor
    waits twice as long."""
    return min(AT_ONCE, max(1, len(os.sched_getaffinity(0)) - 1))


def _base64(octets: bytes) -> str:
    return base64.b64encode(octets).decode().rstrip("=")
