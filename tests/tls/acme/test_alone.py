"""One process orders at a time: who has lost the right to it stops, whoever keeps it goes on."""

from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.trial.unittest import SynchronousTestCase

from mailtwist.kit.spawn import started
from mailtwist.state.api import StateAway
from mailtwist.testing.certificates import MemoryStore
from mailtwist.testing.clock import ManualClock
from mailtwist.tls.acme.alone import LEASE, alone
from mailtwist.tls.acme.problem import NotIssued

WHAT = "the certificate for mail.example.org (EC)"


class AloneTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = ManualClock()
        self.store = MemoryStore(self.clock)
        self.waiting: Deferred[str] = Deferred()
        self.withdrawn: list[str] = []

    async def order(self) -> str:
        try:
            return await self.waiting
        finally:
            self.withdrawn.append("proofs")

    def begun(self) -> Deferred[str]:
        return started(alone(self.store, self.clock, WHAT, self.order))

    def is_free(self) -> bool:
        lease = self.successResultOf(started(self.store.lease(WHAT, LEASE)))
        if lease is not None:
            self.successResultOf(started(lease.release()))
        return lease is not None

    def test_nobody_else_begins_while_it_lasts_however_long(self) -> None:
        work = self.begun()
        for _ in range(20):
            self.assertEqual(self.failureResultOf(self.begun(), NotIssued).value.kind, "busy")
            self.clock.advance(LEASE / 3)
        self.assertNoResult(work)
        self.waiting.callback("issued")
        self.assertEqual(self.successResultOf(work), "issued")
        self.assertTrue(self.is_free())

    def test_what_another_process_has_taken_over_stops(self) -> None:
        """This one has slept, and its lease is another's: there must not be two orders."""
        work = self.begun()
        self.store._leases[WHAT] = (object(), self.clock.now() + 10 * LEASE)
        self.clock.advance(LEASE / 3)
        self.assertEqual(self.failureResultOf(work, NotIssued).value.kind, "busy")
        self.assertEqual(self.withdrawn, ["proofs"])
        self.assertFalse(self.is_free())

    def test_a_full_disk_for_a_moment_ends_nothing(self) -> None:
        work = self.begun()
        lease: Any = self.store._leases[WHAT][0]

        async def full(seconds: float) -> bool:
            raise StateAway("No space left on device")

        lease.renew = full
        self.clock.advance(LEASE / 3)
        del lease.renew
        self.assertNoResult(work)
        for _ in range(5):
            self.clock.advance(LEASE / 3)
        self.waiting.callback("issued")
        self.assertEqual(self.successResultOf(work), "issued")

    def test_called_off_it_leaves_the_right_to_others(self) -> None:
        work = self.begun()
        work.cancel()
        self.failureResultOf(work, CancelledError)
        self.assertEqual(self.withdrawn, ["proofs"])
        self.assertTrue(self.is_free())
        self.assertEqual(self.clock.reactor.getDelayedCalls(), [])
