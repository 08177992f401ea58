"""Passwords alone, from anywhere, with phones that are answered or not, in any order: what holds."""

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some
from twisted.internet.defer import CancelledError, Deferred
from twisted.python.failure import Failure

from mailtwist.auth.api import LoginRefused, LoginUnavailable
from mailtwist.auth.buckets import key_of
from mailtwist.auth.places import client_of, network_of
from mailtwist.config.limits import LimitsSettings
from mailtwist.kit.spawn import started
from tests.auth.house import AWAY, HOME, HOME_TOO, NAME, PASSWORD
from tests.auth.test_approval import ApprovalCase
from tests.auth.watching import Gates

CLIENTS = (HOME, HOME_TOO, AWAY, "203.0.113.5", "2001:db8::1")
LIMITS = LimitsSettings()
OPS = some.lists(
    some.one_of(
        some.tuples(some.just("come"), some.sampled_from(CLIENTS)),
        some.tuples(some.just("come"), some.sampled_from(CLIENTS)),
        some.tuples(some.just("guess"), some.sampled_from(CLIENTS)),
        some.tuples(some.just("answer"), some.sampled_from(["yes", "no"])),
        some.tuples(some.just("gate"), some.integers(0, 5)),
        some.tuples(some.just("leave"), some.integers(0, 9)),
        some.tuples(some.just("wait"), some.sampled_from([0.3, 8.0, 31.0, 301.0, 3601.0, 43_300.0])),
        some.tuples(some.just("phone"), some.sampled_from(["answers", "away"])),
    ),
    max_size=40,
)


class AnyApproval(ApprovalCase):
    def renew(self) -> None:
        self.people = Gates()
        self.build(directory=self.people)
        self.people.add(NAME, PASSWORD, "a1")
        self.people.gates = []
        self.attempts: list[tuple[str, bytes, Deferred[Any]]] = []
        self.yes: set[str] = set()
        self.in_: list[tuple[str, Any]] = []
        self.troubles: list[str] = []

    def come(self, address: str, secret: bytes) -> None:
        waiting = self.begin(secret, address)
        self.attempts.append((address, secret, waiting))

        def over(result: Any) -> None:
            if not isinstance(result, Failure):
                self.in_.append((address, result))
                self.assertEqual(secret, PASSWORD)
                self.assertIn(network_of(address), {network_of(one) for one in self.yes})
            elif not result.check(LoginRefused, LoginUnavailable, CancelledError):
                self.troubles.append(str(result))

        waiting.addBoth(over)

    def happens(self, what: str, more: Any) -> None:
        here = [waiting for _, _, waiting in self.attempts if not waiting.called]
        gates = list(self.people.left())
        if what in ("come", "guess"):
            self.come(more, PASSWORD if what == "come" else b"guess %d" % len(self.attempts))
        elif what == "gate":
            gates[more % len(gates)].callback(None) if gates else None
        elif what == "leave":
            here[more % len(here)].cancel() if here else None
        elif what == "wait":
            self.clock.advance(more)
        else:
            self.phone_does(what, more)

    def phone_does(self, what: str, more: str) -> None:
        if what == "phone":
            self.phone.state = more
        elif self.phone.waiting:
            if more == "yes":
                self.yes.add(self.phone.asked[-1].address)
            self.phone.answer(more)

    def come_to_an_end(self) -> None:
        for _ in range(200):
            for gate in self.people.gates or ():
                if not gate.called:
                    gate.callback(None)
            if all(waiting.called for _, _, waiting in self.attempts):
                return
            self.clock.advance(1)
        self.fail("somebody waits for ever")

    @settings(
        max_examples=60,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    @given(OPS)
    def test_whatever_happens(self, ops: list[tuple[str, Any]]) -> None:
        self.renew()
        for what, more in ops:
            self.happens(what, more)
            self.assertLessEqual(len(self.phone.waiting), 1)
        self.come_to_an_end()
        self.assertEqual((self.troubles, self.phone.waiting), ([], []))
        taken = [accepted.opened for _, accepted in self.in_]
        for opened in self.people.opened:
            self.assertEqual(opened.closed, 0 if opened in taken else 1)
        self.budgets_are_as_they_should_be()

    def budgets_are_as_they_should_be(self) -> None:
        """Whatever has failed is charged, and nothing else; no guess has ended twice."""
        ended = [one.ended for one in self.charged]
        self.assertTrue(all(len(one) == 1 for one in ended), ended)
        for source in ("untrusted", "known"):
            key = key_of(f"approval/{source}", LIMITS.approval, "a1")
            spent = self.successResultOf(started(self.volatile.spent(key, LIMITS.approval.seconds)))
            failed = [
                one for one in self.charged if one.ended == ["failed"] and one.attempt.source.value == source
            ]
            self.assertLessEqual(round(spent, 3), len(failed))
        clients = {client_of(address) for address, _, _ in self.attempts}
        for client in clients:
            self.assertNotIn(client, self.decision._limits._in_flight)
