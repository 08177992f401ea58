"""What one operation is, and what a round of it gives."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from bench.machine import seconds_of
from bench.servers.api import Server


@dataclass(frozen=True)
class Sample:
    """`cost` of one operation in the operation's unit, less is better; `rate` a second, 0: there is none."""

    cost: float
    rate: float = 0.0


@dataclass(frozen=True)
class Operation:
    """`servers`: ours first.  `goals`: how many times our cost a peer's is to be at least.  `fresh`: on a
    server that has done nothing else.  The first of `rounds` does not count, where there are several; who is
    `slow` has one."""

    name: str
    words: str
    servers: Sequence[type[Server]]
    sample: Callable[[Server], Sample]
    unit: str = "us"
    goals: Mapping[str, float] = field(default_factory=dict)
    rounds: int = 4
    fresh: bool = False


def sampled(server: Server, work: Callable[[], object], count: int) -> Sample:
    """`work` does `count` operations; CPU of the server in microseconds for each."""
    cpu, began = seconds_of(server.pid), time.perf_counter()
    work()
    took = time.perf_counter() - began
    return Sample((seconds_of(server.pid) - cpu) / count * 1e6, count / took)
