"""Several workers count together."""

import json
import os
from pathlib import Path

from twisted.trial.unittest import TestCase

from mailtwist.kit.metrics import METRICS, Metric
from mailtwist.testing.assembly import OnePart
from mailtwist.web.counted import EVERY, FRESH, the_workers, together


class Counting(TestCase):
    def setUp(self) -> None:
        self.orders = self.metric("test_together", "counter")
        self.left = self.metric("test_shown", "gauge")
        self.one = OnePart(Path(self.mktemp()))
        self.one.folder.mkdir()
        self.one.workers = 2
        self.workers = self.one.one(the_workers)
        self.addCleanup(self.one.stop)
        self.folder = self.one.folder / "metrics"

    def metric(self, name: str, kind: str) -> Metric:
        metric = Metric(name, "For a test.", kind, ("name",))
        self.addCleanup(METRICS.pop, name)
        return metric

    def told(self, name: str, *rows, age: float = 0) -> None:
        """Another worker, `age` seconds ago."""
        self.folder.mkdir(exist_ok=True)
        path = self.folder / name
        path.write_text(json.dumps(rows))
        when = self.one.clock.now() - age
        os.utime(path, (when, when))

    async def values(self, metric: Metric) -> dict:
        return dict(together(await self.workers.others()))[metric]

    async def test_counters_add_up_and_gauges_do_not(self) -> None:
        self.orders.add("a")
        self.left.set(5, "a")
        for number in (1, 2):
            self.told(f"{number}.json", ["test_together", ["a"], 2], ["test_together", ["b"], 1],
                      ["test_shown", ["a"], 7], ["test_shown", ["c"], 8])  # fmt: skip
        self.assertEqual(await self.values(self.orders), {("a",): 5, ("b",): 2})
        self.assertEqual(await self.values(self.left), {("a",): 5, ("c",): 8})

    async def test_who_has_ended_is_not_counted(self) -> None:
        self.told("1.json", ["test_together", ["a"], 2], age=FRESH + 1)
        self.told("2.json", ["test_together", ["a"], 2], age=FRESH * 11)
        self.assertEqual(await self.values(self.orders), {})
        self.assertEqual([path.name for path in self.folder.iterdir()], ["1.json"])

    async def test_what_is_no_such_file_is_left_alone(self) -> None:
        self.told("1.json", ["test_together", ["a", "b"], 2], ["gone", [], 1])
        for name, text in (("2.json", "{"), ("3.json", "[[1]]"), ("4.json", '[["test_together", "a", "x"]]')):
            (self.folder / name).write_text(text)
        self.assertEqual(await self.values(self.orders), {})

    async def test_each_tells_what_it_counts_again_and_again_until_it_ends(self) -> None:
        self.orders.add("a")
        await self.workers.start()
        own = self.folder / f"{os.getpid()}.json"
        for count in (1, 2):
            self.one.clock.advance(0 if count == 1 else EVERY)
            await self.one.threads.run(lambda: None)
            while not self.one.clock.reactor.getDelayedCalls():
                await self.one.threads.run(lambda: None)
            self.assertIn(["test_together", ["a"], count], json.loads(own.read_bytes()))
            self.orders.add("a")
        self.assertEqual(await self.workers.others(), [])  # it has its own counters
        await self.workers.stop()
        self.assertFalse(own.exists())

    async def test_one_alone_writes_nothing(self) -> None:
        self.one.workers = 1
        alone = the_workers(self.one)
        await alone.start()
        self.assertEqual((self.one.clock.reactor.getDelayedCalls(), await alone.others()), ([], ()))
        self.assertFalse(self.folder.exists())
