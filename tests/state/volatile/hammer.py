"""One of several processes that use the same volatile state as hard as they can; what it got is JSON.

`python -m tests.state.volatile.hammer MODULE:MAKER FOLDER NUMBER ROUNDS`: the maker is given the folder and
makes the state."""

import json
import random
import sys
from importlib import import_module
from pathlib import Path

from twisted.internet.task import react

from mailtwist.kit.spawn import started, together
from mailtwist.state.records import Bucket, Charge, Use

AT_ONCE = 8
STEPS = 5  # rounds in which the same step is tried
LIMIT = 40
DAY = 86400.0


class Hammer:
    def __init__(self, state, folder: Path, number: int) -> None:
        self.state, self.folder, self.number = state, folder, number
        self.chance = random.Random(number)
        self.got = {"failed": {}, "new": [], "words": 0, "led": 0, "followed": 0, "overlaps": 0}

    async def run(self, rounds: int):
        for at in range(rounds):
            await together(*(self.round(at, client) for client in range(AT_ONCE)))
        return self.got

    async def round(self, at: int, client: int):
        await self.guess(f"budget {at // 10}")
        await self.use(at // STEPS, client)
        await self.work(b"work %d" % (at // 3))

    async def guess(self, key: str):
        answer = await self.state.charge([Bucket("all", 10**9, DAY), Bucket(key, LIMIT, DAY)], 60)
        if isinstance(answer, Charge):
            if self.chance.random() < 0.5:
                await together(self.state.refund(answer), self.state.refund(answer))
            else:
                await self.state.keep(answer)
                await self.state.refund(answer)
                self.got["failed"][key] = self.got["failed"].get(key, 0) + 1

    async def use(self, step: int, client: int):
        by = b"%d of %d" % (client, self.number)
        if await self.state.use_once("ann/t1", step, -1, by, "192.0.2.1", 20) is Use.NEW:
            self.got["new"].append(step)

    async def work(self, name: bytes):
        leader = await self.state.lead(name, 60)
        if leader is None:
            word = await self.state.follow(name)
            self.got["followed"] += word == b"done by one"
            return
        mine = self.folder / f"leads {name.decode()}"
        try:
            mine.touch(exist_ok=False)
        except FileExistsError:
            self.got["overlaps"] += 1
        self.got["led"] += 1
        await self.state.renew(name, leader, 60)
        mine.unlink(missing_ok=True)
        await self.state.settle(name, leader, b"done by one")


def main(maker: str, folder: str, number: str, rounds: str) -> None:
    module, name = maker.split(":")

    async def work():
        state = getattr(import_module(module), name)(Path(folder))
        await state.start()
        try:
            print(json.dumps(await Hammer(state, Path(folder), int(number)).run(int(rounds))))
        finally:
            await state.stop()

    react(lambda reactor: started(work()))


if __name__ == "__main__":
    main(*sys.argv[1:])
