"""What a tree of processes costs, told by the kernel; and which core a process runs on."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")
ALLOWED = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
SERVERS, CLIENTS = (ALLOWED[0], ALLOWED[1]) if len(ALLOWED) > 1 else (None, None)
"""The core of all servers, the core of all clients; None where there is no choice."""


@contextmanager
def on_core(core: int | None) -> Iterator[None]:
    """What is started within runs on this core and stays there."""
    if core is None:
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def seconds_of(root: int) -> float:
    """CPU that the processes of this tree have used, and those that they have waited for."""
    return sum(_own(pid) + _ended(pid) for pid in tree(root))


def memory_of(root: int) -> int:
    """Proportional set size of the tree, in octets."""
    return sum(_pss(pid) for pid in tree(root))


def tree(root: int) -> list[int]:
    """The process and all that come from it."""
    found = [root]
    for pid in found:
        for task in _listed(Path(f"/proc/{pid}/task")):
            with suppress(OSError):
                found += map(int, (task / "children").read_text().split())
    return found


def _listed(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError:
        return []


def _own(pid: int) -> float:
    """Its own clock (CPUCLOCK_SCHED): nanoseconds, where /proc tells hundredths of a second."""
    try:
        return time.clock_gettime((~pid << 3) | 2)
    except OSError:
        return 0.0


def _ended(pid: int) -> float:
    """Of those it has waited for."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return 0.0
    return sum(map(int, text.rpartition(")")[2].split()[13:15])) / TICKS  # cutime cstime


def _pss(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:")), 0)
