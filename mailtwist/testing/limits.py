"""What limits do in every volatile state: subclass, say how to make one, get the tests."""

from mailtwist.kit.spawn import together
from mailtwist.state.api import Volatile
from mailtwist.state.records import Bucket, Charge, Denied
from mailtwist.testing.volatile import MakesVolatile

DAY = 86400.0


class LimitsContract(MakesVolatile):
    """Mix into a trial `TestCase`.  Its clock begins where windows of 100, 900 and 3600 seconds do."""

    async def charged(self, state: Volatile, *buckets: Bucket, lease: float = 60.0) -> Charge:
        charge = await state.charge(buckets, lease)
        assert isinstance(charge, Charge), charge
        return charge

    async def denied(self, state: Volatile, *buckets: Bucket) -> Denied:
        denied = await state.charge(buckets, 60)
        assert isinstance(denied, Denied), denied
        return denied

    async def failed(self, state: Volatile, bucket: Bucket, times: int) -> None:
        for _ in range(times):
            await state.keep(await self.charged(state, bucket))

    async def test_as_much_as_the_limit_is_charged(self) -> None:
        state = await self.make_volatile()
        bucket = Bucket("k", 3, 100)
        self.assertEqual(await state.spent("k", 100), 0)
        await self.failed(state, bucket, 3)
        self.assertEqual(await state.spent("k", 100), 3)
        denied = await self.denied(state, bucket)
        self.assertEqual((denied.key, denied.waiting), ("k", False))
        self.assertEqual(await state.spent("k", 100), 3)
        await self.failed(state, Bucket("other", 3, 100), 3)

    async def test_of_many_at_once_as_many_as_the_limit_pass(self) -> None:
        state = await self.make_volatile()
        answers = await together(*(state.charge([Bucket("k", 10, 900)], 60) for _ in range(50)))
        self.assertEqual(sum(isinstance(answer, Charge) for answer in answers), 10)
        self.assertEqual({answer.waiting for answer in answers if isinstance(answer, Denied)}, {True})
        self.assertEqual(len({answer.id for answer in answers if isinstance(answer, Charge)}), 10)

    async def test_what_was_charged_slides_out_of_the_window(self) -> None:
        state = await self.make_volatile()
        bucket = Bucket("k", 10, 100)
        await self.failed(state, bucket, 10)
        await self.pass_time(99)
        await self.denied(state, bucket)
        await self.pass_time(1)  # the next window; all of the one before still counts
        await self.denied(state, bucket)
        await self.pass_time(50)
        self.assertAlmostEqual(await state.spent("k", 100), 5, places=1)
        await self.failed(state, bucket, 5)
        await self.denied(state, bucket)
        await self.pass_time(150)
        self.assertAlmostEqual(await state.spent("k", 100), 0, places=1)

    async def test_after_two_windows_nothing_counts(self) -> None:
        state = await self.make_volatile()
        await self.failed(state, Bucket("k", 3, 100), 3)
        await self.pass_time(200)
        self.assertEqual(await state.spent("k", 100), 0)
        await self.failed(state, Bucket("k", 3, 100), 3)

    async def test_retry_is_when_there_is_room(self) -> None:
        for spread in (0, 30, 99):
            state = await self.make_volatile()
            bucket = Bucket("k", 4, 100)
            await self.failed(state, bucket, 2)
            await self.pass_time(spread)
            await self.failed(state, bucket, 2)
            denied = await self.denied(state, bucket)
            await self.pass_time(denied.retry - 1)
            await self.denied(state, bucket)
            await self.pass_time(1.1)
            await self.failed(state, bucket, 1)
            again = await self.denied(state, bucket)
            await self.pass_time(again.retry - 0.5)
            await self.denied(state, bucket)
            await self.pass_time(0.6)
            await self.charged(state, bucket)

    async def test_an_attempt_may_cost_more(self) -> None:
        state = await self.make_volatile()
        await self.charged(state, Bucket("k", 12, 100, cost=10))
        await self.denied(state, Bucket("k", 12, 100, cost=10))
        await self.charged(state, Bucket("k", 12, 100, cost=2))
        self.assertEqual(await state.spent("k", 100), 12)

    async def test_more_than_the_limit_is_never_charged(self) -> None:
        state = await self.make_volatile()
        denied = await self.denied(state, Bucket("k", 3, 100, cost=4))
        self.assertFalse(denied.waiting)
        self.assertGreater(denied.retry, 0)

    async def test_all_buckets_are_charged_or_none(self) -> None:
        state = await self.make_volatile()
        narrow, wide = Bucket("narrow", 1, 900), Bucket("wide", 5, 3600)
        charge = await self.charged(state, wide, narrow)
        self.assertEqual([key for key, _, _ in charge.entries], ["wide", "narrow"])
        self.assertEqual((await self.denied(state, wide, narrow)).key, "narrow")
        self.assertEqual(await state.spent("wide", 3600), 1)
        self.assertEqual(await state.spent("narrow", 900), 1)

    async def test_no_bucket_denies_nobody(self) -> None:
        state = await self.make_volatile()
        charge = await self.charged(state)
        await state.refund(charge)
        await state.keep(charge)

    async def test_a_refund_makes_room(self) -> None:
        state = await self.make_volatile()
        bucket = Bucket("k", 1, 100)
        charge = await self.charged(state, bucket)
        await state.refund(charge)
        self.assertEqual(await state.spent("k", 100), 0)
        await self.charged(state, bucket)

    async def test_a_refund_is_made_once(self) -> None:
        state = await self.make_volatile()
        bucket = Bucket("k", 3, 100)
        charge = await self.charged(state, bucket)
        await self.failed(state, bucket, 2)
        for _ in range(3):
            await state.refund(charge)
            self.assertEqual(await state.spent("k", 100), 2)

    async def test_what_failed_is_not_refunded(self) -> None:
        state = await self.make_volatile()
        charge = await self.charged(state, Bucket("k", 3, 100))
        await state.keep(charge)
        await state.refund(charge)
        self.assertEqual(await state.spent("k", 100), 1)
        other = await self.charged(state, Bucket("k", 3, 100))
        await state.refund(other)
        await state.keep(other)
        self.assertEqual(await state.spent("k", 100), 1)

    async def test_what_failed_is_given_back_by_a_cost_below_0(self) -> None:
        state = await self.make_volatile()
        one, three = Bucket("k", 10, 100), Bucket("l", 10, 100, 3)
        charge = await self.charged(state, one, three)
        await state.keep(charge)
        await self.failed(state, one, 1)
        given = await self.charged(state, Bucket("k", 1 << 30, 100, -1), Bucket("l", 1 << 30, 100, -3))
        self.assertEqual([await state.spent(key, 100) for key in ("k", "l")], [1, 0])
        self.assertIsInstance(await state.charge([Bucket("k", 2, 100)], 60), Charge)
        await self.denied(state, Bucket("k", 2, 100))
        await state.keep(given)
        self.assertEqual([await state.spent(key, 100) for key in ("k", "l")], [2, 0])

    async def test_a_refund_over_the_edge_of_a_window_takes_back_its_own(self) -> None:
        state = await self.make_volatile()
        bucket = Bucket("k", 10, 100)
        await self.failed(state, bucket, 2)
        await self.pass_time(99)
        charge = await self.charged(state, bucket, lease=600)
        await self.pass_time(1)
        await self.failed(state, bucket, 3)
        self.assertAlmostEqual(await state.spent("k", 100), 6, places=1)
        await state.refund(charge)
        self.assertAlmostEqual(await state.spent("k", 100), 5, places=1)
        await self.pass_time(50)
        self.assertAlmostEqual(await state.spent("k", 100), 4, places=1)

    async def test_a_refund_two_windows_late_takes_nothing(self) -> None:
        state = await self.make_volatile()
        bucket = Bucket("k", 10, 100)
        charge = await self.charged(state, bucket, lease=900)
        await self.pass_time(100)
        await self.failed(state, bucket, 1)
        await self.pass_time(100)
        await self.failed(state, bucket, 1)
        before = await state.spent("k", 100)
        await state.refund(charge)
        self.assertAlmostEqual(await state.spent("k", 100), before, places=2)

    async def test_who_is_on_the_way_makes_others_wait(self) -> None:
        state = await self.make_volatile()
        bucket = Bucket("k", 2, 100)
        first, second = await self.charged(state, bucket), await self.charged(state, bucket)
        self.assertTrue((await self.denied(state, bucket)).waiting)
        await state.keep(first)
        self.assertTrue((await self.denied(state, bucket)).waiting)
        await state.keep(second)
        self.assertFalse((await self.denied(state, bucket)).waiting)

    async def test_what_denies_for_good_is_named_before_who_is_on_the_way(self) -> None:
        state = await self.make_volatile()
        busy, full, fuller = Bucket("busy", 1, 3600), Bucket("full", 1, 100), Bucket("fuller", 1, 900)
        await self.charged(state, busy)
        await self.failed(state, full, 1)
        denied = await self.denied(state, busy, full)
        self.assertEqual((denied.key, denied.waiting), ("full", False))
        await self.failed(state, fuller, 1)
        for order in ((busy, full, fuller), (fuller, full, busy)):
            self.assertEqual((await self.denied(state, *order)).key, "fuller")

    async def test_a_lease_that_ends_leaves_a_failure(self) -> None:
        state = await self.make_volatile()
        bucket = Bucket("k", 1, 900)
        charge = await self.charged(state, bucket, lease=20)
        await self.pass_time(19)
        self.assertTrue((await self.denied(state, bucket)).waiting)
        await self.pass_time(2)
        self.assertFalse((await self.denied(state, bucket)).waiting)
        await state.refund(charge)
        self.assertFalse((await self.denied(state, bucket)).waiting)
        self.assertEqual(await state.spent("k", 900), 1)

    async def test_who_was_on_the_way_over_the_edge_of_a_window_is_waited_for(self) -> None:
        state = await self.make_volatile()
        bucket = Bucket("k", 2, 100)
        await self.pass_time(99)
        charges = [await self.charged(state, bucket, lease=60) for _ in range(2)]
        await self.pass_time(2)
        self.assertTrue((await self.denied(state, bucket)).waiting)
        for charge in charges:
            await state.keep(charge)
        self.assertFalse((await self.denied(state, bucket)).waiting)

    async def test_a_refund_after_the_lease_takes_nothing(self) -> None:
        state = await self.make_volatile()
        charge = await self.charged(state, Bucket("k", 3, 900), lease=20)
        await self.pass_time(21)
        await state.refund(charge)
        self.assertEqual(await state.spent("k", 900), 1)

    async def test_who_came_before_the_edge_of_a_window_stands_there_with_what_is_left_of_him(self) -> None:
        state = await self.make_volatile()
        await self.pass_time(99)
        await self.charged(state, Bucket("k", 4, 100, cost=2), lease=600)
        await self.pass_time(53)
        await self.failed(state, Bucket("k", 4, 100), 3)
        self.assertTrue((await self.denied(state, Bucket("k", 4, 100))).waiting)
        self.assertFalse((await self.denied(state, Bucket("k", 4, 100, cost=2))).waiting)

    async def test_what_is_cleared_is_not_charged(self) -> None:
        state = await self.make_volatile()
        buckets = [Bucket("k", 2, 100), Bucket("other", 2, 900)]
        charge = await self.charged(state, *buckets)
        await self.failed(state, buckets[0], 1)
        await state.clear(["k", "never charged"])
        self.assertEqual(await state.spent("k", 100), 0)
        self.assertEqual(await state.spent("other", 900), 1)
        await self.failed(state, buckets[0], 2)
        await state.refund(charge)  # takes back what is left of it, and nobody else's
        self.assertEqual(await state.spent("k", 100), 2)
        self.assertEqual(await state.spent("other", 900), 0)

    async def test_long_budgets_last(self) -> None:
        state = await self.make_volatile()
        bucket = Bucket("k", 2, 30 * DAY)
        await self.failed(state, bucket, 2)
        await self.pass_time(3 * DAY)
        await self.denied(state, bucket)

    async def test_different_members_are_counted(self) -> None:
        state = await self.make_volatile()
        self.assertEqual(await state.count_distinct("k", 100), 0)
        self.assertEqual(await state.add_distinct("k", b"a", 100), 1)
        self.assertEqual(await state.add_distinct("k", b"a", 100), 1)
        self.assertEqual(await state.add_distinct("k", b"\x00\xff", 100), 2)
        self.assertEqual(await state.add_distinct("other", b"a", 100), 1)
        self.assertEqual(await state.count_distinct("k", 100), 2)

    async def test_members_of_long_ago_do_not_count(self) -> None:
        state = await self.make_volatile()
        await state.add_distinct("k", b"a", 100)
        await state.add_distinct("k", b"b", 100)
        await self.pass_time(60)
        await state.add_distinct("k", b"a", 100)
        await self.pass_time(50)
        self.assertEqual(await state.count_distinct("k", 100), 1)
        self.assertEqual(await state.add_distinct("k", b"c", 100), 2)
        await self.pass_time(101)
        self.assertEqual(await state.count_distinct("k", 100), 0)

    async def test_a_thousand_members_are_counted_and_more_are_no_fewer(self) -> None:
        state = await self.make_volatile()
        counts = await together(
            *(state.add_distinct("k", number.to_bytes(2, "big"), 100) for number in range(1050))
        )
        self.assertEqual(counts[:1000], list(range(1, 1001)))
        self.assertGreaterEqual(min(counts[1000:]), 1000)
        self.assertGreaterEqual(await state.count_distinct("k", 100), 1000)
