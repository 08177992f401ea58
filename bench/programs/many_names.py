"""Ten thousand certificates, each for a name of its own: memory, and how long a change takes.  JSON."""

import gc
import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from twisted.internet import reactor
from twisted.internet.task import react

from mailtwist.kit.spawn import started
from mailtwist.tls.certificates import Bundle, read_bundle
from mailtwist.tls.contexts import ServerContexts
from mailtwist.tls.listener import Policy
from mailtwist.tls.own import self_signed

NAMES, DIFFERENT = 10_000, 40


def bundles() -> list[Bundle]:
    """Keys are made for a few, and each is read anew for its name: a context for each all the same."""
    pems = [self_signed([f"k{n}.example"], time.time()) for n in range(DIFFERENT)]
    made = []
    for number in range(NAMES):
        one = replace(read_bundle(pem := pems[number % DIFFERENT], pem), names=(f"n{number}.example",))
        one.__dict__["contents"] = number.to_bytes(32)
        made.append(one)
    return made


def resident() -> float:
    """KB"""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return float(line.split()[1])
    raise AssertionError("no VmRSS")


class Waiting:
    """Somebody who wants to be served at every moment; `longest` is how long he was not, in ms."""

    def __init__(self) -> None:
        self.longest = 0.0
        self._last = time.perf_counter()
        self._turn()

    def _turn(self) -> None:
        now = time.perf_counter()
        self.longest = max(self.longest, (now - self._last) * 1000)
        self._last = now
        running: Any = reactor
        self._next = running.callLater(0, self._turn)

    def stop(self) -> float:
        self._turn()
        self._next.cancel()
        return self.longest


async def measure() -> dict[str, float]:
    served = ServerContexts()
    listener = served.listener(Policy())
    known = bundles()
    served.serve(known[:1])
    gc.collect()
    gc.freeze()  # as a server does when it has begun
    gc.set_threshold(5_000, 20, 20)
    before, began, waiting = resident(), time.perf_counter(), Waiting()
    await served.change(known)
    found = {
        "memory": (resident() - before) / NAMES,
        "load": (time.perf_counter() - began) * 1000,
        "longest": waiting.stop(),
    }
    pem = self_signed(["k.example"], time.time())
    fresh = replace(read_bundle(pem, pem), names=known[77].names)
    began, waiting = time.perf_counter(), Waiting()
    await served.change([*known[:77], fresh, *known[78:]])
    found["swap"], found["swap-longest"] = (time.perf_counter() - began) * 1000, waiting.stop()
    del listener
    return found


def main(reactor: Any) -> Any:
    return started(measure()).addCallback(lambda found: print(json.dumps(found)))


react(main, [])
