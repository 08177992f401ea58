"""Volatile state in memory."""

from pathlib import Path
from unittest.mock import patch

from twisted.trial.unittest import TestCase

from mailtwist.kit.spawn import started
from mailtwist.state.volatile import memory
from mailtwist.state.volatile.memory import MemoryState, Settings
from mailtwist.testing.assembly import OnePart
from mailtwist.testing.clock import ManualClock
from mailtwist.testing.interleaving import InterleavingContract
from mailtwist.testing.limits import LimitsContract
from mailtwist.testing.volatile import MakesVolatile, VolatileContract


class MakesMemory(MakesVolatile):
    async def make_volatile(self) -> MemoryState:
        self.clock = ManualClock()
        return MemoryState(Settings(), OnePart(Path("nowhere"), clock=self.clock))


class MemoryLimitsTests(MakesMemory, LimitsContract, TestCase):
    pass


class MemoryInterleavingTests(MakesMemory, InterleavingContract, TestCase):
    pass


class MemoryTests(MakesMemory, VolatileContract, TestCase):
    async def test_an_attacker_cannot_fill_the_memory(self) -> None:
        with patch.object(memory, "MOST", 10):
            state = await self.make_volatile()
        for n in range(30):
            await state.refuse(bytes([n]), 100)
        known = [n for n in range(30) if await state.refused(bytes([n])) is not None]
        self.assertEqual(known, list(range(20, 30)))

    async def test_who_follows_at_the_end_is_let_go(self) -> None:
        state = await self.make_volatile()
        await state.lead(b"w", 15)
        follower = started(state.follow(b"w"))
        await state.stop()
        self.assertIsNone(self.successResultOf(follower))
        self.assertEqual(self.clock.reactor.getDelayedCalls(), [])
