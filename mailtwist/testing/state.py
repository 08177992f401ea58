"""What every volatile state must do: subclass, say how to make one, get the tests."""

from typing import TYPE_CHECKING

from mailtwist.kit.spawn import started, together
from mailtwist.state.api import Volatile
from mailtwist.state.records import Use
from mailtwist.testing.clock import ManualClock

if TYPE_CHECKING:
    from unittest import TestCase as _TestCase
else:
    _TestCase = object  # a contract is no test case: trial would run it where it is imported


class VolatileContract(_TestCase):
    """Mix into a trial `TestCase` that has `async def make_volatile()`, whose state goes by `clock`."""

    clock: ManualClock

    async def make_volatile(self) -> Volatile:
        raise NotImplementedError

    async def test_a_code_is_used_once(self) -> None:
        state = await self.make_volatile()
        self.assertEqual(await state.use_once("ann/t1", 10, -1, b"x", "192.0.2.1", 20), Use.NEW)
        self.assertEqual(await state.use_once("ann/t1", 10, -1, b"y", "192.0.2.1", 20), Use.REPLAY)
        self.assertEqual(await state.use_once("ann/t1", 10, -1, b"x", "192.0.2.2", 20), Use.REPLAY)
        self.assertEqual(await state.use_once("ann/t1", 9, -1, b"x", "192.0.2.1", 20), Use.REPLAY)
        self.assertEqual(await state.use_once("ann/t1", 11, -1, b"y", "192.0.2.2", 20), Use.NEW)
        self.assertEqual(await state.use_once("ann/t2", 10, -1, b"x", "192.0.2.1", 20), Use.NEW)

    async def test_the_same_client_joins_for_a_while(self) -> None:
        state = await self.make_volatile()
        await state.use_once("ann/t1", 10, -1, b"x", "192.0.2.1", 20)
        self.clock.advance(20)
        self.assertEqual(await state.use_once("ann/t1", 10, -1, b"x", "192.0.2.1", 20), Use.JOINED)
        self.clock.advance(1)
        self.assertEqual(await state.use_once("ann/t1", 10, -1, b"x", "192.0.2.1", 20), Use.REPLAY)

    async def test_without_an_address_nobody_joins(self) -> None:
        state = await self.make_volatile()
        self.assertEqual(await state.use_once("ann/t1", 10, -1, b"x", "", 20), Use.NEW)
        self.assertEqual(await state.use_once("ann/t1", 10, -1, b"x", "", 20), Use.REPLAY)

    async def test_what_durable_state_knows_as_used_is_used(self) -> None:
        state = await self.make_volatile()
        for _ in range(2):
            self.assertEqual(await state.use_once("ann/t1", 10, 10, b"x", "192.0.2.1", 20), Use.REPLAY)
        self.assertEqual(await state.use_once("ann/t1", 11, 10, b"x", "192.0.2.1", 20), Use.NEW)

    async def test_of_many_at_once_one_uses_the_code(self) -> None:
        state = await self.make_volatile()
        uses = [state.use_once("ann/t1", 10, -1, bytes([n]), "192.0.2.1", 20) for n in range(16)]
        answers = await together(*uses)
        self.assertEqual(answers.count(Use.NEW), 1)
        self.assertEqual(answers.count(Use.REPLAY), 15)

    async def test_a_refused_secret_is_known_from_the_first_time_on(self) -> None:
        state = await self.make_volatile()
        self.assertIsNone(await state.refused(b"h"))
        await state.refuse(b"h", 100)
        self.clock.advance(60)
        self.assertEqual(await state.refused(b"h"), 60)
        await state.refuse(b"h", 100)
        self.assertEqual(await state.refused(b"h"), 60)
        self.clock.advance(40)
        self.assertIsNone(await state.refused(b"h"))

    async def test_a_forgiven_secret_is_not_known(self) -> None:
        state = await self.make_volatile()
        await state.refuse(b"h", 100)
        await state.forgive(b"h")
        await state.forgive(b"never refused")
        self.assertIsNone(await state.refused(b"h"))

    async def test_one_leads_and_the_others_hear_its_word(self) -> None:
        state = await self.make_volatile()
        leader = await state.lead(b"w", 15)
        assert leader is not None
        self.assertIsNone(await state.lead(b"w", 15))
        self.assertIsNotNone(await state.lead(b"other", 15))
        followers = [started(state.follow(b"w")) for _ in range(3)]
        self.assertFalse(followers[0].called)
        await state.settle(b"w", leader, b"word")
        self.assertEqual([await follower for follower in followers], [b"word"] * 3)
        self.assertIsNotNone(await state.lead(b"w", 15))

    async def test_a_leader_that_gives_up_is_followed_by_another(self) -> None:
        state = await self.make_volatile()
        leader = await state.lead(b"w", 15)
        assert leader is not None
        follower = started(state.follow(b"w"))
        await state.settle(b"w", leader, None)
        self.assertIsNone(await follower)
        self.assertIsNone(await state.follow(b"w"))

    async def test_a_lease_ends(self) -> None:
        state = await self.make_volatile()
        first = await state.lead(b"w", 15)
        assert first is not None
        follower = started(state.follow(b"w"))
        self.clock.advance(15)
        self.assertIsNone(await follower)
        second = await state.lead(b"w", 15)
        assert second is not None
        late = started(state.follow(b"w"))
        await state.settle(b"w", first, b"too late")
        self.assertFalse(late.called)
        await state.settle(b"w", second, b"in time")
        self.assertEqual(await late, b"in time")

    async def test_a_follower_that_leaves_does_not_hurt_the_others(self) -> None:
        state = await self.make_volatile()
        leader = await state.lead(b"w", 15)
        assert leader is not None
        gone, stays = started(state.follow(b"w")), started(state.follow(b"w"))
        gone.addErrback(lambda failure: None)
        gone.cancel()
        await state.settle(b"w", leader, b"word")
        self.assertEqual(await stays, b"word")
