"""Real processes on one volatile state: say how to make it, get the tests."""

import json
import os
import sys
from collections import Counter
from pathlib import Path

from twisted.internet import reactor
from twisted.internet.utils import getProcessOutputAndValue

from mailtwist.kit.spawn import together
from tests.state.volatile.hammer import LIMIT, STEPS

CHECKOUT = Path(__file__).parents[3]


class ProcessesContract:
    """Mix into a trial `TestCase` with `folder`, `maker` ("module:name" of what makes the state of a folder,
    in another process) and `opened_here()` (the same here)."""

    ROUNDS = 60
    PROCESSES = 2
    timeout = 120

    async def hammered(self, number: int):
        arguments = ["-m", "tests.state.volatile.hammer", self.maker, str(self.folder), str(number)]
        env = {**os.environ, "PYTHONPATH": str(CHECKOUT)}
        out, err, code = await getProcessOutputAndValue(
            sys.executable, [*arguments, str(self.ROUNDS)], env, reactor=reactor
        )
        self.assertEqual(code, 0, err.decode())
        return json.loads(out)

    async def test_processes_that_hammer_the_same_state_keep_its_rules(self):
        told = await together(*(self.hammered(number) for number in range(self.PROCESSES)))
        failed = sum((Counter(one["failed"]) for one in told), Counter())
        self.assertTrue(failed)
        self.assertLessEqual(max(failed.values()), LIMIT)
        new = Counter(step for one in told for step in one["new"])
        self.assertEqual(set(new.values()), {1})
        self.assertLessEqual(set(new), set(range(self.ROUNDS // STEPS)))
        self.assertIn(self.ROUNDS // STEPS - 1, new)
        self.assertEqual(sum(one["overlaps"] for one in told), 0)
        self.assertGreater(sum(one["led"] for one in told), 0)
        await self.spent(failed)

    async def spent(self, failed):
        """What is left in the state is what failed: nothing was lost, nothing was taken back too often."""
        state = self.opened_here()
        await state.start()
        try:
            for key, count in failed.items():
                self.assertEqual(await state.spent(key, 86400.0), count)
            self.assertEqual(await state.spent("all", 86400.0), sum(failed.values()))
        finally:
            await state.stop()
