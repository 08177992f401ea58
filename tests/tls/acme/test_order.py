"""One order: another proof when one fails, nothing left behind, whatever comes between."""

from collections.abc import Callable
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import globalLogPublisher
from twisted.trial.unittest import TestCase

from mailtwist.kit.spawn import started
from mailtwist.kit.trouble import Trouble
from mailtwist.tls.acme.api import Challenge
from mailtwist.tls.acme.client import Client
from mailtwist.tls.acme.csr import new_key
from mailtwist.tls.acme.order import issued
from mailtwist.tls.acme.problem import NotIssued
from tests.tls.acme.fake_ca import FakeCA, fake_ca
from tests.tls.acme.faults import Changed, Cut, Problem
from tests.tls.acme.held import Authorization
from tests.tls.acme.ordering import AllProven, registered


class Solving(AllProven):
    """What a test makes of `present` and `withdraw`."""

    def __init__(self, kind: str = "http-01", **does: Callable[[Challenge], Any]) -> None:
        super().__init__(kind)
        self.does = does
        self.challenges: list[Challenge] = []

    async def can(self, challenge: Challenge) -> str:
        return str(await self._do("can", challenge) or "")

    async def present(self, challenge: Challenge) -> None:
        self.challenges.append(challenge)
        await super().present(challenge)
        await self._do("present", challenge)

    async def withdraw(self, challenge: Challenge) -> None:
        await super().withdraw(challenge)
        await self._do("withdraw", challenge)

    async def _do(self, what: str, challenge: Challenge) -> Any:
        made = self.does[what](challenge) if what in self.does else None
        return await made if isinstance(made, Deferred) else made

    def left(self) -> list[str]:
        """Names whose proofs were not withdrawn."""
        there = [name for word, name in self.told if word == "present"]
        for word, name in self.told:
            if word == "withdraw":
                there.remove(name)
        return there


def trouble(words: str) -> Callable[[Challenge], None]:
    def fails(challenge: Challenge) -> None:
        raise Trouble("4.4.3", "Not today", words)

    return fails


class OrderCase(TestCase):
    timeout = 180

    def setUp(self) -> None:
        self.events: list[dict[str, Any]] = []
        globalLogPublisher.addObserver(self.events.append)
        self.addCleanup(globalLogPublisher.removeObserver, self.events.append)

    async def at(self, **how: Any) -> Client:
        """A client with an account at self.ca."""
        settings = how.pop("settings", {})
        self.ca: FakeCA = await fake_ca(self, **how)
        return await registered(self, self.ca, **settings)

    async def judged(self, **kinds: str) -> None:
        """By kind of challenge, `_` for `-`: what the authority says of it."""

        async def judge(kind: str, *_: str) -> str:
            return kinds.get(kind.replace("-", "_"), "")

        self.ca.judge = judge

    def logged(self, id: str) -> list[dict[str, Any]]:
        return [event for event in self.events if event.get("event_id") == id]

    async def refused(self, asked: Any) -> NotIssued:
        with self.assertRaises(NotIssued) as caught:
            await asked
        return caught.exception

    def statuses(self) -> list[str]:
        return [one.status for one in self.ca.held.values() if isinstance(one, Authorization)]


class ProofsTests(OrderCase):
    async def test_the_first_that_can_is_taken(self) -> None:
        one = await self.at()
        http, alpn = Solving(can=lambda _: "port 80 is taken"), Solving("tls-alpn-01")
        made = await issued(one, ["a.test", "b.test"], new_key(), [http, alpn])
        self.ca.verified(made.pem, "a.test", "b.test")
        self.assertEqual((http.told, len(alpn.challenges)), ([], 2))

    async def test_a_challenge_has_all_that_a_proof_needs(self) -> None:
        one = await self.at()
        solver = Solving()
        await issued(one, ["a.test"], new_key(), [solver])
        (challenge,) = solver.challenges
        self.assertEqual((challenge.name, challenge.wildcard, challenge.kind), ("a.test", False, "http-01"))
        self.assertEqual(challenge.key_authorization, f"{challenge.token}.{one.key.thumbprint}")
        self.assertEqual((challenge.authority, challenge.account), (self.ca.directory, one.account))
        for hidden in (challenge.token, one.key.thumbprint):
            self.assertNotIn(hidden, repr(challenge))

    async def test_a_failed_one_is_followed_by_the_next_in_a_new_order(self) -> None:
        one = await self.at()
        await self.judged(http_01="connection", tls_alpn_01="unauthorized")
        kinds = [Solving(kind) for kind in ("http-01", "tls-alpn-01", "dns-01")]
        made = await issued(one, ["a.test"], new_key(), kinds)
        self.ca.verified(made.pem, "a.test")
        self.assertEqual([len(solver.challenges) for solver in kinds], [1, 1, 1])
        self.assertEqual(self.ca.count("order"), 3)
        why = [(event["name"], event["kind"]) for event in self.logged("acme.not_proven")]
        self.assertEqual(why, [("a.test", "http-01"), ("a.test", "tls-alpn-01")])

    async def test_what_is_proven_is_not_proven_again(self) -> None:
        one = await self.at()
        self.ca.reuse = True

        async def judge(kind: str, name: str, *_: str) -> str:
            return "dns" if (kind, name) == ("http-01", "b.test") else ""

        self.ca.judge = judge
        http, dns = Solving(), Solving("dns-01")
        await issued(one, ["a.test", "b.test"], new_key(), [http, dns])
        self.assertEqual(sorted(name for word, name in http.told if word == "present"), ["a.test", "b.test"])
        self.assertEqual([name for word, name in dns.told if word == "present"], ["b.test"])

    async def test_names_that_fail_one_after_the_other_come_to_an_end(self) -> None:
        one = await self.at()
        names = [f"n{number}.test" for number in range(6)]
        failing = iter(names)

        async def judge(kind: str, name: str, *_: str) -> str:
            return "dns" if name == self.bad else ""

        def present(challenge: Challenge) -> None:
            if challenge.name == names[0]:
                self.bad = next(failing)

        self.ca.judge = judge
        by = [Solving("http-01", present=present), Solving("dns-01", present=present)]
        error = await self.refused(issued(one, names, new_key(), by))
        self.assertEqual(error.kind, "unproven")
        self.assertEqual(self.ca.count("order"), 3)
        self.assertEqual(error.names, tuple(names[:3]))

    async def test_when_none_is_left_all_reasons_are_told(self) -> None:
        one = await self.at()
        await self.judged(http_01="connection", dns_01="dns")
        by = [Solving(), Solving("tls-alpn-01", can=lambda _: "nothing listens on 443"), Solving("dns-01")]
        error = await self.refused(issued(one, ["a.test"], new_key(), by))
        self.assertEqual((error.kind, error.names), ("dns", ("a.test",)))
        for words in (
            "a.test cannot be proven",
            "http-01: ",
            "tls-alpn-01: nothing listens on 443",
            "dns-01: ",
        ):
            self.assertIn(words, error.words)

    async def test_every_name_that_fails_is_named(self) -> None:
        one = await self.at()
        self.ca.refuses = {"a.test": "dns", "c.test": "caa"}
        error = await self.refused(issued(one, ["a.test", "b.test", "c.test"], new_key(), [Solving()]))
        self.assertEqual(sorted(error.names), ["a.test", "c.test"])

    async def test_where_we_have_nothing_that_is_wanted_both_are_told(self) -> None:
        one = await self.at(kinds=("dns-01",))
        error = await self.refused(issued(one, ["a.test"], new_key(), [Solving(), Solving("tls-alpn-01")]))
        self.assertEqual(error.kind, "unproven")
        self.assertIn("offers dns-01; here there is http-01, tls-alpn-01", error.words)
        await self.refused(issued(one, ["a.test"], new_key(), []))

    async def test_a_proof_that_cannot_be_given_costs_no_order(self) -> None:
        one = await self.at()
        http, dns = (
            Solving(present=trouble("the disk is full")),
            Solving("dns-01", can=trouble("DNS is away")),
        )
        alpn = Solving("tls-alpn-01")
        await issued(one, ["a.test"], new_key(), [http, dns, alpn])
        self.assertEqual((self.ca.count("order"), http.left(), alpn.left()), (1, [], []))
        self.assertEqual(self.logged("acme.not_proven")[0]["why"], "the disk is full")

    async def test_a_name_that_is_not_served_is_not_tried_in_other_ways(self) -> None:
        one = await self.at()
        await self.judged(http_01="rejectedIdentifier")
        error = await self.refused(issued(one, ["a.test"], new_key(), [Solving(), Solving("dns-01")]))
        self.assertEqual(
            (error.kind, error.names, error.temporary), ("rejectedIdentifier", ("a.test",), False)
        )
        self.assertEqual(self.ca.count("order"), 1)

    async def test_somebody_else_has_proven_it_meanwhile(self) -> None:
        """The authority takes no further answer then."""
        one = await self.at()
        solver = Solving(present=lambda _: self._prove())
        self.ca.once("challenge", Problem("malformed", "it is valid"))
        made = await issued(one, ["a.test"], new_key(), [solver])
        self.ca.verified(made.pem, "a.test")

    def _prove(self) -> None:
        for held in self.ca.held.values():
            if isinstance(held, Authorization):
                held.found(held.proofs[0], "", 0)


class EndTests(OrderCase):
    async def test_proofs_stand_until_the_certificate_is_there(self) -> None:
        one = await self.at()
        steps: list[str] = []
        solver = Solving(withdraw=lambda _: steps.extend(self.ca.steps()))
        await issued(one, ["a.test", "*.a.test"], new_key(), [Solving("dns-01"), solver])
        self.assertEqual(solver.left(), [])
        solver = Solving("dns-01", withdraw=lambda _: steps.append(self.ca.steps()[-1]))
        await issued(one, ["a.test", "*.a.test"], new_key(), [solver])
        self.assertEqual(steps, ["certificate", "certificate"])
        self.assertEqual(solver.left(), [])

    async def test_after_a_failure_nothing_is_left(self) -> None:
        one = await self.at()
        for step in ("challenge", "finalize", "certificate", "read-order", "authorization"):
            self.ca.once(step, Problem("malformed"), times=5)
            solver = Solving()
            await self.refused(issued(one, ["a.test", "b.test"], new_key(), [solver]))
            self.assertEqual(solver.left(), [], step)
            self.ca.mend(step)

    async def test_what_stays_open_is_closed_at_the_authority(self) -> None:
        one = await self.at()
        by = Solving(can=lambda challenge: "no" if challenge.name == "b.test" else "")
        await self.refused(issued(one, ["a.test", "b.test"], new_key(), [by]))
        self.assertEqual(sorted(self.statuses()), ["deactivated", "valid"])

    async def test_one_that_cannot_be_withdrawn_keeps_no_other(self) -> None:
        one = await self.at()

        def fails(challenge: Challenge) -> None:
            if challenge.name == "a.test":
                raise Trouble("4.4.3", "Not today", "DNS is away")
            if challenge.name == "b.test":
                raise ZeroDivisionError

        solver = Solving(withdraw=fails)
        await issued(one, ["a.test", "b.test", "c.test"], new_key(), [solver])
        self.assertEqual(solver.left(), [])
        self.assertEqual([event["name"] for event in self.logged("acme.not_withdrawn")], ["a.test", "b.test"])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    async def test_being_called_off_ends_all_and_leaves_nothing(self) -> None:
        one = await self.at()
        begun: Deferred[None] = Deferred()
        here: list[str] = []
        off: list[str] = []
        gates: list[Deferred[None]] = []

        def hangs(challenge: Challenge) -> Deferred[None]:
            here.append(challenge.name)
            if len(here) == 3:
                begun.callback(None)
            return Deferred(lambda gone: off.append(challenge.name))

        def slow(challenge: Challenge) -> Deferred[None]:
            gates.append(Deferred())
            return gates[-1]

        solver = Solving(present=hangs, withdraw=slow)
        ordering = started(issued(one, ["a.test", "b.test", "c.test"], new_key(), [solver]))
        await begun
        await self._turn()
        ordering.cancel()
        self.assertEqual(sorted(off), ["a.test", "b.test", "c.test"])
        self.assertNoResult(ordering)  # it withdraws first
        ordering.cancel()
        self.failureResultOf(ordering, CancelledError)
        for gate in gates:  # and goes on with that
            gate.callback(None)
        self.assertEqual(solver.left(), [])

    async def test_nor_does_it_while_the_authority_thinks(self) -> None:
        one = await self.at()
        self.ca.polls, self.ca.poll_after = 10_000, "60"
        solver = Solving()
        ordering = started(issued(one, ["a.test"], new_key(), [solver]))
        asked = self.ca.count
        while not asked("challenge"):
            await self._turn()
        ordering.cancel()
        await self.assertFailure(ordering, CancelledError)
        self.assertEqual(solver.left(), [])

    async def _turn(self) -> None:
        turned: Deferred[None] = Deferred()
        reactor.callLater(0, turned.callback, None)
        await turned


class OrderedTests(OrderCase):
    async def test_names_are_spelled_as_certificates_do_and_once(self) -> None:
        one = await self.at()
        made = await issued(one, ["Bücher.Test.", "a.test", "A.test"], new_key(), [Solving()])
        self.ca.verified(made.pem, "xn--bcher-kva.test", "a.test")
        self.assertEqual(made.name, "xn--bcher-kva.test")

    async def test_what_is_issued_is_ready_to_be_kept(self) -> None:
        one = await self.at()
        key = new_key()
        made = await issued(one, ["a.test"], key, [Solving()])
        self.assertTrue(made.pem.startswith(b"-----BEGIN PRIVATE KEY-----"))
        self.assertEqual(
            (made.authority, made.account, made.key_kind), (self.ca.directory, one.account, "EC")
        )
        self.assertNotIn("PRIVATE", repr(made))

    async def test_an_authority_that_wants_other_names_proven_is_told(self) -> None:
        one = await self.at()
        solver = Solving()
        self.ca.once("authorization", Changed({"identifier": {"type": "dns", "value": "evil.test"}}))
        error = await self.refused(issued(one, ["a.test"], new_key(), [solver]))
        self.assertEqual((error.kind, solver.told), ("nonsense", []))
        self.ca.once("order", Changed({"identifiers": [{"type": "dns", "value": "evil.test"}]}))
        error = await self.refused(issued(one, ["a.test"], new_key(), [solver]))
        self.assertIn("for other names", error.words)

    async def test_answers_that_are_lost_are_asked_for_again(self) -> None:
        """What was asked for has been done all the same."""
        for step in ("order", "authorization", "challenge", "finalize", "read-order", "certificate"):
            one = await self.at()
            self.ca.once(step, Cut(done=True))
            made = await issued(one, ["a.test"], new_key(), [Solving()])
            self.ca.verified(made.pem, "a.test")
            self.assertEqual(len(self.ca.issued), 1, step)

    async def test_without_an_account_nothing_is_ordered(self) -> None:
        one = await self.at()
        one.account = ""
        error = await self.refused(issued(one, ["a.test"], new_key(), [Solving()]))
        self.assertEqual(error.kind, "accountDoesNotExist")

    async def test_a_common_name_where_it_is_wanted(self) -> None:
        """The order goes through with one."""
        one = await self.at(settings={"common_name": True})
        made = await issued(one, ["a.test"], new_key(), [Solving()])
        self.ca.verified(made.pem, "a.test")
