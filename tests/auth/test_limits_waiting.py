"""Limits: attempts under way stand in line, only failures deny."""

from collections import Counter
from unittest.mock import patch

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.defer import CancelledError, Deferred

from mailtwist.auth.limits import Admission, Limits
from mailtwist.config.rate import Rate
from mailtwist.config.values import Duration
from mailtwist.kit.spawn import started
from tests.auth.limiting import KNOWN, UNTRUSTED, LimitsCase
from tests.auth.test_limits import OPEN

HOUR = 3600


class WaitingTests(LimitsCase):
    def settle(self, waiting: list[Deferred[Admission]], right: bool = True) -> int:
        """All who may be judged are, and so on until nobody is let in any more; how many were."""
        count = 0
        while ready := [one for one in waiting if one.called]:
            for one in ready:
                waiting.remove(one)
                admission = self.successResultOf(one)
                self.successResultOf(started(admission.forgiven() if right else admission.failed()))
                count += 1
        return count

    def test_an_office_of_two_hundred_behind_one_address_gets_in(self) -> None:
        """T9; all at once, each with a fresh code of its own."""
        waiting = [self.begin(account=f"a{number}") for number in range(200)]
        self.assertEqual(sum(one.called for one in waiting), 20)
        self.assertEqual(self.settle(waiting), 200)
        self.assertEqual(self.state.charges, 200)
        self.assertEqual(self.clock.reactor.getDelayedCalls(), [])

    def test_it_does_so_after_some_of_it_have_mistyped_and_while_there_is_an_alarm(self) -> None:
        for number in range(5):
            self.fail_one(account=f"a{number}")
        self.limits._alarm._sounding = True
        waiting = [self.begin(account=f"a{number}") for number in range(200)]
        self.assertEqual(sum(one.called for one in waiting), 5)
        self.assertEqual(self.settle(waiting), 200)
        self.assertEqual((self.limits._lines._lines, self.limits._in_flight._lines), ({}, {}))
        self.assertEqual(self.clock.reactor.getDelayedCalls(), [])

    def test_it_does_so_through_two_processes(self) -> None:
        self.build(address=Rate(10, HOUR))
        other = self.process()
        waiting = [
            self.begin(account=f"a{number}", limits=(self.limits, other)[number % 2]) for number in range(200)
        ]
        count = 0
        while waiting and self.clock.seconds() < 8:
            count += self.settle(waiting)
            self.clock.advance(0.05)
        self.assertEqual(count, 200)

    def test_what_another_process_has_ended_is_seen_soon(self) -> None:
        self.build(**{**OPEN, "account_address": Rate(1, HOUR)})
        first = self.admitted(limits=self.process())
        waiting = self.begin()
        self.clock.advance(1)
        self.assertNoResult(waiting)
        self.successResultOf(started(first.forgiven()))
        self.assertNoResult(waiting)
        self.clock.advance(0.25)
        self.successResultOf(waiting)

    def test_in_this_process_it_is_seen_at_once(self) -> None:
        self.build(**{**OPEN, "account_address": Rate(1, HOUR)})
        first = self.admitted()
        waiting = [self.begin() for _ in range(3)]
        self.successResultOf(started(first.forgiven()))
        second = self.successResultOf(waiting[0])
        self.successResultOf(started(second.failed()))
        for one in waiting[1:]:
            self.assertEqual(self.failureResultOf(one).value.bucket, "account_address")
        self.assertEqual(self.limits._lines._lines, {})

    def test_who_waits_asks_seldom_however_many_there_are(self) -> None:
        self.build(**{**OPEN, "account_address": Rate(1, HOUR)}, in_flight=1000)
        self.admitted()
        waiting = [self.begin().addErrback(lambda failure: None) for _ in range(300)]
        before = self.state.charges
        for _ in range(70):
            self.clock.advance(0.1)
        self.assertLess(self.state.charges - before, 100)
        self.clock.advance(2)
        self.assertTrue(all(one.called for one in waiting))

    def test_a_line_that_is_full_sends_away_and_bans_nobody(self) -> None:
        self.build(in_flight=2, waiting=3)
        for number in range(5):
            self.begin(account=f"a{number}").addErrback(lambda failure: None)
        denied = self.denied(account="b")
        self.assertEqual((denied.bucket, denied.began), ("waiting", False))
        self.assertEqual(self.successResultOf(started(self.state.bans())), [])
        self.succeed("192.0.2.8", "b")

    def test_each_address_has_so_many_under_way(self) -> None:
        for most in (1, 4, 30):
            self.build(**OPEN, in_flight=most)
            waiting = [self.begin(account=f"a{number}") for number in range(40)]
            self.assertEqual(sum(one.called for one in waiting), most)
            self.assertEqual(self.settle(waiting), 40)

    def test_nobody_waits_longer_than_is_set(self) -> None:
        for longest in (0.0, 3.0, 8.0):
            self.build(in_flight=1, longest_wait=Duration(longest))
            self.admitted()
            waiting = self.begin(account="a2")
            self.clock.advance(max(0.0, longest - 0.1))
            if longest:
                self.assertNoResult(waiting)
            self.clock.advance(0.1)
            self.assertEqual(self.failureResultOf(waiting).value.bucket, "waiting")

    def test_one_who_waits_in_two_lines_does_not_do_so_twice_as_long(self) -> None:
        self.build(**{**OPEN, "account_address": Rate(1, HOUR), "account": Rate(2, HOUR)})
        first, second = self.admitted(), self.admitted("192.0.2.8")
        waiting = self.begin()
        self.clock.advance(6)
        self.successResultOf(started(second.failed()))
        self.assertNoResult(waiting)
        self.clock.advance(2)
        self.assertEqual(self.failureResultOf(waiting).value.bucket, "waiting")
        self.successResultOf(started(first.failed()))
        self.assertEqual((self.limits._lines._lines, self.limits._in_flight._lines), ({}, {}))

    def test_who_waits_for_an_account_keeps_nobody_from_another_one(self) -> None:
        self.build(**{**OPEN, "address": Rate(2, HOUR), "account": Rate(1, HOUR)})
        elsewhere = self.admitted("10.0.0.1", "attacked")
        here = [self.admitted(account=f"a{number}") for number in range(2)]
        stuck = self.begin(account="attacked")
        neighbour = self.begin(account="b")
        for one in here:
            self.successResultOf(started(one.forgiven()))
        self.assertNoResult(stuck)
        self.successResultOf(started(self.successResultOf(neighbour).forgiven()))
        self.successResultOf(started(elsewhere.forgiven()))
        self.successResultOf(started(self.successResultOf(stuck).forgiven()))

    def test_who_goes_away_while_waiting_leaves_nothing_behind(self) -> None:
        self.build(**{**OPEN, "account_address": Rate(1, HOUR)}, in_flight=3)
        first = self.admitted()
        waiting = [self.begin() for _ in range(6)]
        for one in waiting:
            one.cancel()
            self.failureResultOf(one, CancelledError)
        self.successResultOf(started(first.forgiven()))
        self.assertEqual((self.limits._lines._lines, self.limits._in_flight._lines), ({}, {}))
        self.assertEqual(self.clock.reactor.getDelayedCalls(), [])
        self.succeed()

    def test_who_goes_away_while_being_charged_gets_it_back(self) -> None:
        self.build(**{**OPEN, "account_address": Rate(1, HOUR)})
        slow: Deferred[None] = Deferred()
        charge = self.state.charge

        async def slowly(*given: object) -> object:
            await slow
            return await charge(*given)  # type: ignore[arg-type]

        with patch.object(self.state, "charge", slowly):
            waiting = self.begin()
            waiting.cancel()
            self.failureResultOf(waiting, CancelledError)
            slow.callback(None)
        self.succeed()

    def test_an_end_goes_on_when_nobody_waits_for_it(self) -> None:
        self.build(**{**OPEN, "account_address": Rate(1, HOUR)})
        admission = self.admitted()
        slow: Deferred[None] = Deferred()
        refund = self.state.refund

        async def slowly(charge: object) -> None:
            await slow
            await refund(charge)  # type: ignore[arg-type]

        with patch.object(self.state, "refund", slowly):
            ending = started(admission.forgiven())
            ending.cancel()
            self.failureResultOf(ending, CancelledError)
            slow.callback(None)
        self.succeed()


ADDRESSES = ("10.0.0.1", "10.0.0.2", "10.0.1.1", "")
ACCOUNTS = ("a", "b", "?c")
STEP = st.one_of(
    st.tuples(
        st.just("try"),
        st.sampled_from(ADDRESSES),
        st.sampled_from(ACCOUNTS),
        st.sampled_from((UNTRUSTED, KNOWN)),
        st.sampled_from(("totp", "device-code")),
    ),
    st.tuples(st.sampled_from(("fail", "succeed", "leave")), st.integers(0, 30)),
    st.tuples(st.just("pass"), st.sampled_from((0.0, 0.3, 2.0))),
)


Try = tuple[tuple[object, ...], "Deferred[Admission]"]


def judged(under_way: list[Try]) -> list[tuple[object, ...]]:
    return [how for how, one in under_way if one.called and one.result is not None]


class AnyInterleavingTests(LimitsCase):
    """No more than the allowed number is judged, whoever comes, goes, waits and ends when."""

    NUMBERS: dict[str, int] = {
        "address": 5,
        "network": 2,
        "account_address": 2,
        "account": 3,
        "known": 4,
        "device_code": 3,
    }

    @settings(max_examples=150, deadline=None)
    @given(st.lists(STEP, max_size=60))
    def test_no_more_than_allowed_fail_and_nothing_is_left_over(
        self, steps: list[tuple[object, ...]]
    ) -> None:
        self.build(
            **{**OPEN, **{name: Rate(number, 86400) for name, number in self.NUMBERS.items()}}, in_flight=3
        )
        self.clock.advance(86400 - self.clock.now() % 86400)  # all in one window
        processes = (self.limits, self.process())
        under_way: list[Try] = []
        failed: Counter[object] = Counter()
        for number, (what, *how) in enumerate(steps):
            if what == "try":
                waiting = self.begin(*how[:3], kind=how[3], limits=processes[number % 2])
                under_way.append((tuple(how), waiting.addErrback(lambda failure: None)))
            elif what == "pass":
                self.clock.advance(how[0])  # type: ignore[arg-type]
            elif under_way:
                self.end(str(what), *under_way.pop(int(str(how[0])) % len(under_way)), failed)
            self.holds(failed, judged(under_way))
        self.all_leave(under_way, failed, *processes)
        for name, (spent, key) in self.spent().items():
            self.assertEqual(spent, failed[name], key)

    def all_leave(self, under_way: list[Try], failed: Counter[object], *processes: Limits) -> None:
        for how, one in under_way:
            self.end("leave", how, one, failed)
        self.clock.advance(10)
        for process in processes:
            self.assertEqual((process._lines._lines, process._in_flight._lines), ({}, {}))

    def end(
        self, what: str, how: tuple[object, ...], one: Deferred[Admission], failed: Counter[object]
    ) -> None:
        if not one.called:
            one.cancel()
            return
        admission = self.successResultOf(one)
        if admission is None:
            return
        self.successResultOf(started(admission.failed() if what == "fail" else admission.forgiven()))
        if what == "fail":
            failed.update(self.buckets(*how))

    def buckets(self, address: object, account: object, source: object, kind: object) -> set[object]:
        """What of `NUMBERS` one failure is counted in, the network's apart."""
        own = kind == "device-code"
        found: set[object] = {("device_code" if own else "account", source, account)}
        if address:
            found.add(("address", address))
            if source is UNTRUSTED:
                found.add(("account_address", address, account, own))
        return found

    def holds(self, failed: Counter[object], judged: list[tuple[object, ...]]) -> None:
        every = Counter(failed)
        for how in judged:
            every.update(self.buckets(*how))
        for name, count in every.items():
            kind, source = name[0], name[1]  # type: ignore[index]
            limit = "known" if (kind, source) == ("account", KNOWN) else kind
            self.assertLessEqual(count, self.NUMBERS[limit], name)

    def spent(self) -> dict[object, tuple[float, str]]:
        """What the state has counted, by the same names as in `buckets`; refunds have taken nothing else."""
        found: dict[object, tuple[float, str]] = {}
        for account in ACCOUNTS:
            for source in (UNTRUSTED, KNOWN):
                name = "known" if source is KNOWN else "account"
                for bucket, kind in ((name, "account"), ("device_code", "device_code")):
                    key = f"{bucket}/{source.value}:86400:{account}"
                    found[kind, source, account] = self.count(key), key
            for address in filter(None, ADDRESSES):
                for own in (False, True):
                    family = "device_code" if own else ""
                    key = f"account_address/{family}:86400:{account}:{address}/32"
                    found["account_address", address, account, own] = self.count(key), key
        for address in filter(None, ADDRESSES):
            key = f"address:86400:{address}/32"
            found["address", address] = self.count(key), key
        return found

    def count(self, key: str) -> float:
        return self.successResultOf(started(self.state.spent(key, 86400.0)))
