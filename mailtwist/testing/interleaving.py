"""What holds in every volatile state however attempts are mixed: say how to make one, get the tests.

Needs hypothesis.  It runs in a thread, and each of its examples in the reactor's."""

from collections.abc import Callable, Coroutine
from itertools import count
from typing import Any, cast

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy
from twisted.internet.threads import blockingCallFromThread

from mailtwist.kit.spawn import started, together
from mailtwist.kit.threads import Threads
from mailtwist.state.api import Volatile
from mailtwist.state.records import Bucket, Charge, Denied, Use
from mailtwist.testing.volatile import MakesVolatile

WINDOW = 100.0

ENDS = st.sampled_from(["refund", "keep", "refund twice", "keep, then refund", "refund, then keep"])
GROUPS = st.lists(
    st.lists(st.one_of(st.just("charge"), st.tuples(st.integers(0, 30), ENDS)), min_size=1, max_size=12),
    min_size=1,
    max_size=6,
)
WALKS = st.lists(
    st.one_of(
        st.just("charge"),
        st.tuples(st.integers(0, 30), ENDS),
        st.sampled_from([1.0, 13.0, 50.0, 99.0, 100.0, 230.0]),
    ),
    max_size=25,
)
USES = st.lists(
    st.lists(
        st.tuples(st.integers(1, 4), st.sampled_from([b"x", b"y"]), st.sampled_from(["", "a", "b"])),
        min_size=1,
        max_size=8,
    ),
    min_size=1,
    max_size=5,
)


class InterleavingContract(MakesVolatile):
    """Mix into a trial `TestCase`.  Each example has keys of its own in one state."""

    EXAMPLES = 60

    async def test_no_more_fail_than_the_limit_however_attempts_are_mixed(self) -> None:
        state, keys = await self.make_volatile(), count()

        async def one(limit: int, groups: list[list[Any]]) -> None:
            bucket = Bucket(f"k{next(keys)}", limit, 1e9)
            open: list[Charge] = []
            failed = 0
            for group in groups:
                ending = [open.pop(op[0] % len(open)) for op in group if op != "charge" and open]
                ends = [op[1] for op in group if op != "charge"][: len(ending)]
                room = limit - failed - len(open) - len(ending)
                charges = [state.charge([bucket], 1e6) for op in group if op == "charge"]
                ended = [self._end(state, *pair) for pair in zip(ending, ends, strict=True)]
                answers = (await together(*charges, *cast(Any, ended)))[: len(charges)]
                failed += sum(end.startswith("keep") for end in ends)
                came = [answer for answer in answers if isinstance(answer, Charge)]
                open += came
                self.assertLessEqual(failed + len(open), limit)
                self.assertGreaterEqual(len(came), min(room, len(charges)))
                self.assertEqual(await state.spent(bucket.key, bucket.window), failed + len(open))
                waiting = {answer.waiting for answer in answers if isinstance(answer, Denied)}
                self.assertLessEqual(waiting, {True} if failed < limit else {True, False})
            await together(*(state.refund(charge) for charge in open))
            last = await together(*(state.charge([bucket], 1e6) for _ in range(limit + 3)))
            self.assertEqual(sum(isinstance(answer, Charge) for answer in last), limit - failed)

        await self._examples(one, st.integers(1, 8), GROUPS)

    async def test_a_refund_never_takes_back_what_others_failed(self) -> None:
        state, keys = await self.make_volatile(), count()

        async def one(walk: list[Any]) -> None:
            bucket = Bucket(f"r{next(keys)}", 1000, WINDOW)
            open: list[tuple[Charge, int]] = []
            failures: list[int] = []
            for op in walk:
                number = int(self.clock.now() // WINDOW)
                if op == "charge":
                    charge = await state.charge([bucket, Bucket("other", 10**9, 1e9)], 1e6)
                    assert isinstance(charge, Charge)
                    open.append((charge, number))
                elif isinstance(op, float):
                    await self.pass_time(op)
                elif open:
                    charge, charged = open.pop(op[0] % len(open))
                    await self._end(state, charge, op[1])
                    failures += [charged] if op[1].startswith("keep") else []
                await self._spent(state, bucket, failures + [number for _, number in open])
            await together(*(state.refund(charge) for charge, _ in open))
            await self._spent(state, bucket, failures)

        await self._examples(one, WALKS)

    async def test_each_step_of_a_code_is_new_once(self) -> None:
        state, keys = await self.make_volatile(), count()

        async def one(groups: list[list[tuple[int, bytes, str]]]) -> None:
            code = f"code{next(keys)}"
            new: dict[int, tuple[bytes, str]] = {}
            for group in groups:
                answers = await together(
                    *(state.use_once(code, step, 0, by, address, 20) for step, by, address in group)
                )
                said = list(zip(group, answers, strict=True))
                for (step, by, address), answer in said:
                    if answer is Use.NEW:
                        self.assertNotIn(step, new)
                        new[step] = (by, address)
                for (step, by, address), answer in said:
                    if answer is Use.JOINED:
                        self.assertEqual(new[step], (by, address))
                        self.assertTrue(address)
                self.assertLessEqual(max(step for step, _, _ in group), max(new))

        await self._examples(one, USES)

    async def _end(self, state: Volatile, charge: Charge, end: str) -> None:
        for word in end.replace(", then ", " ").replace("refund twice", "refund refund").split():
            await (state.keep(charge) if word == "keep" else state.refund(charge))

    async def _spent(self, state: Volatile, bucket: Bucket, numbers: list[int]) -> None:
        """As much is spent as these, each charged in the window of its number."""
        now = self.clock.now()
        number, left = int(now // WINDOW), 1 - now % WINDOW / WINDOW
        expected = numbers.count(number) + numbers.count(number - 1) * left
        self.assertAlmostEqual(
            await state.spent(bucket.key, WINDOW), expected, delta=0.05 * len(numbers) + 0.01
        )

    async def _examples(
        self, one: Callable[..., Coroutine[Any, Any, None]], *strategies: SearchStrategy[Any]
    ) -> None:
        from twisted.internet import reactor

        @settings(
            max_examples=self.EXAMPLES,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        )
        @given(st.tuples(*strategies))
        def run(drawn: tuple[Any, ...]) -> None:
            blockingCallFromThread(cast(Any, reactor), cast(Any, lambda: started(one(*drawn))))

        threads = Threads("examples", 1)
        try:
            await threads.run(run)
        finally:
            threads.stop()
