"""Connections that come at once with the same string: one is judged, the others hear how it went."""

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Self

from mailtwist.state.api import Volatile
from mailtwist.state.records import Device

LEASE = 15.0  # seconds after which somebody else may judge


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the second factor says about a string.  `reason` is '' when it passed: then the first `length`
    octets are the bare password.  `device` is the id of the device that passed; `fresh`: a code was used up.
    `client` is who was judged (`places.client_of`).  `record` stays with who judged."""

    reason: str = ""
    length: int = 0
    device: str = ""
    fresh: bool = False
    client: str = ""
    record: Device | None = field(default=None, compare=False)

    def word(self) -> bytes:
        """For those who follow.  Nothing in it is secret."""
        return json.dumps([self.reason, self.length, self.device, self.fresh, self.client]).encode()

    @classmethod
    def from_word(cls, word: bytes) -> Self:
        reason, length, device, fresh, client = json.loads(word)
        return cls(reason, length, device, fresh, client)


async def judged_once(
    volatile: Volatile, work: bytes, client: str, judge: Callable[[], Awaitable[Verdict]]
) -> Verdict:
    """`judge()`, or what it said a moment ago to another connection of the same `client`, which came while it
    was at it with the same string (`work` is a keyed hash of that).  Somebody else with this string waits and
    is judged himself, and so is everybody whose `client` is ''."""
    while True:
        leader = await volatile.lead(work, LEASE)
        if leader is not None:
            return await _led(volatile, work, leader, client, judge)
        word = await volatile.follow(work)
        if word is not None and client:
            verdict = Verdict.from_word(word)
            if verdict.client == client:
                return verdict


async def _led(
    volatile: Volatile, work: bytes, leader: str, client: str, judge: Callable[[], Awaitable[Verdict]]
) -> Verdict:
    word = None
    try:
        verdict = replace(await judge(), client=client)
        word = verdict.word()
        return verdict
    finally:
        await volatile.settle(work, leader, word)
