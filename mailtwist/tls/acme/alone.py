"""Work that only one process does at a time, by a lease that is renewed while it lasts."""

from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from twisted.internet.defer import CancelledError, Deferred

from mailtwist.kit.clock import Clock
from mailtwist.kit.spawn import spawn, started, uninterrupted
from mailtwist.kit.trouble import Trouble
from mailtwist.kit.within import pause
from mailtwist.tls.acme.api import Lease, Store
from mailtwist.tls.acme.problem import NotIssued

T = TypeVar("T")

LEASE = 300.0
"""Seconds after which others may begin, when this process has stopped without a word."""


async def alone(store: Store, clock: Clock, what: str, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """What `work` returns or raises.  `NotIssued` (busy) when another process is at it, or has taken it
    over."""
    lease = await store.lease(what, LEASE)
    if lease is None:
        raise NotIssued("busy", f"another process is at it: {what}")
    lost: list[bool] = []
    doing = started(work())
    keeping = spawn(_kept(lease, clock, doing, lost), f"keeping the lease for {what}")
    try:
        return await doing
    except CancelledError:
        if lost:
            raise NotIssued("busy", f"another process has taken it over: {what}") from None
        raise
    finally:
        keeping.cancel()
        await uninterrupted(_released(lease))


async def _kept(lease: Lease, clock: Clock, doing: Deferred[Any], lost: list[bool]) -> None:
    while True:
        await pause(clock, LEASE / 3)
        try:
            if await lease.renew(LEASE):
                continue
        except Trouble:  # a full disk: until its end the lease is ours
            continue
        lost.append(True)
        doing.cancel()
        return


async def _released(lease: Lease) -> None:
    try:
        await lease.release()
    except Trouble:  # it ends by itself
        return
