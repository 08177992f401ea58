"""What every volatile state must do: subclass, say how to make one, get the tests."""

from collections.abc import Callable
from typing import TYPE_CHECKING, cast

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater

from mailtwist.kit.spawn import started, together
from mailtwist.state.api import Volatile
from mailtwist.state.records import Ban, Use
from mailtwist.testing.clock import ManualClock

if TYPE_CHECKING:
    from unittest import TestCase

    class _TestCase(TestCase):
        def flushLoggedErrors(self, *kinds: type[BaseException]) -> list[object]: ...
else:
    _TestCase = object  # a contract is no test case: trial would run it where it is imported


def moments(seconds: float) -> Deferred[None]:
    """The reactor has done other things for so long."""
    from twisted.internet import reactor

    waited: Deferred[None] = deferLater(cast(IReactorTime, reactor), seconds)
    return waited


class MakesVolatile(_TestCase):
    """What a test case says about its state: `make_volatile()` gives a new, empty one that goes by `clock`,
    a `ManualClock` as it begins."""

    clock: ManualClock

    async def make_volatile(self) -> Volatile:
        raise NotImplementedError

    async def pass_time(self, seconds: float) -> None:
        """So much later, for the state too."""
        self.clock.advance(seconds)

    async def eventually(self, so: Callable[[], object]) -> None:
        """It is `so`, after a second of the state's time at most."""
        for _ in range(20):
            if so():
                return
            await self.pass_time(0.05)
            await moments(0.02)
        self.fail("it never was so")


class VolatileContract(MakesVolatile):
    """Mix into a trial `TestCase`.  What limits do is in `testing.limits.LimitsContract`; what several
    processes share in `testing.sharing.SharingContract`."""

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
        await self.pass_time(20)
        self.assertEqual(await state.use_once("ann/t1", 10, -1, b"x", "192.0.2.1", 20), Use.JOINED)
        await self.pass_time(1)
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

    async def test_a_step_that_others_have_used_meanwhile_is_used(self) -> None:
        """The durable state has heard of it, and this one has not."""
        state = await self.make_volatile()
        self.assertEqual(await state.use_once("ann/t1", 10, -1, b"x", "192.0.2.1", 20), Use.NEW)
        self.assertEqual(await state.use_once("ann/t1", 12, 12, b"x", "192.0.2.1", 20), Use.REPLAY)
        self.assertEqual(await state.use_once("ann/t1", 11, 12, b"x", "192.0.2.1", 20), Use.REPLAY)
        self.assertEqual(await state.use_once("ann/t1", 13, 12, b"x", "192.0.2.1", 20), Use.NEW)

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
        await self.pass_time(60)
        self.assertEqual(await state.refused(b"h"), 60)
        await state.refuse(b"h", 100)
        self.assertEqual(await state.refused(b"h"), 60)
        await self.pass_time(40)
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
        await self.pass_time(15)
        self.assertIsNone(await follower)
        second = await state.lead(b"w", 15)
        assert second is not None
        late = started(state.follow(b"w"))
        await state.settle(b"w", first, b"too late")
        self.assertFalse(late.called)
        await state.settle(b"w", second, b"in time")
        self.assertEqual(await late, b"in time")

    async def test_a_renewed_lease_goes_on(self) -> None:
        state = await self.make_volatile()
        leader = await state.lead(b"w", 15)
        assert leader is not None
        await self.pass_time(10)
        self.assertTrue(await state.renew(b"w", leader, 15))
        await self.pass_time(10)
        self.assertIsNone(await state.lead(b"w", 15))
        await self.pass_time(6)
        self.assertFalse(await state.renew(b"w", leader, 15))
        self.assertIsNotNone(await state.lead(b"w", 15))
        self.assertFalse(await state.renew(b"w", leader, 15))
        self.assertFalse(await state.renew(b"w", "somebody", 15))

    async def test_who_has_settled_has_nothing_to_renew_or_to_say(self) -> None:
        state = await self.make_volatile()
        leader = await state.lead(b"w", 15)
        assert leader is not None
        await state.settle(b"w", leader, b"word")
        self.assertFalse(await state.renew(b"w", leader, 15))
        second = await state.lead(b"w", 15)
        assert second is not None
        follower = started(state.follow(b"w"))
        await state.settle(b"w", leader, b"again")
        self.assertFalse(follower.called)
        await state.settle(b"w", second, b"second")
        self.assertEqual(await follower, b"second")

    async def test_of_many_at_once_one_leads(self) -> None:
        state = await self.make_volatile()
        leaders = await together(*(state.lead(b"w", 15) for _ in range(16)))
        self.assertEqual(leaders.count(None), 15)

    async def test_a_follower_that_leaves_does_not_hurt_the_others(self) -> None:
        state = await self.make_volatile()
        leader = await state.lead(b"w", 15)
        assert leader is not None
        gone, stays = started(state.follow(b"w")), started(state.follow(b"w"))
        gone.addErrback(lambda failure: None)
        gone.cancel()
        await state.settle(b"w", leader, b"word")
        self.assertEqual(await stays, b"word")

    async def test_who_is_banned_is_banned_until_then(self) -> None:
        state = await self.make_volatile()
        one = Ban("address 192.0.2.7/32", "too many wrong passwords", self.clock.now() + 60)
        self.assertIsNone(await state.banned(["account ann", one.subject]))
        self.assertTrue(await state.ban(one))
        self.assertEqual(await state.banned(["account ann", one.subject]), one)
        self.assertIsNone(await state.banned(["account ann"]))
        self.assertIsNone(await state.banned([]))
        await self.pass_time(59)
        self.assertEqual(await state.banned([one.subject]), one)
        await self.pass_time(2)
        self.assertIsNone(await state.banned([one.subject]))
        self.assertFalse(await state.lift(one.subject))

    async def test_a_ban_is_not_changed_by_another(self) -> None:
        state = await self.make_volatile()
        now = self.clock.now()
        first = Ban("account ann", "first", now + 60)
        self.assertTrue(await state.ban(first))
        self.assertFalse(await state.ban(Ban("account ann", "second", now + 600)))
        self.assertEqual(await state.banned(["account ann"]), first)
        await self.pass_time(61)
        second = Ban("account ann", "second", now + 600, by="root")
        self.assertTrue(await state.ban(second))
        self.assertEqual(await state.banned(["account ann"]), second)

    async def test_a_ban_that_is_over_is_none(self) -> None:
        state = await self.make_volatile()
        self.assertFalse(await state.ban(Ban("account ann", "late", self.clock.now())))
        self.assertIsNone(await state.banned(["account ann"]))

    async def test_of_several_bans_the_one_that_ends_last_counts(self) -> None:
        state = await self.make_volatile()
        now = self.clock.now()
        bans = [Ban("a", "x", now + 60), Ban("b", "y", now + 90, by="root"), Ban("c", "z", now + 30)]
        for one in bans:
            await state.ban(one)
        self.assertEqual(await state.banned(["a", "b", "c"]), bans[1])
        self.assertEqual([ban.subject for ban in await state.bans()], ["c", "a", "b"])
        await self.pass_time(31)
        self.assertEqual(list(await state.bans()), [bans[0], bans[1]])

    async def test_a_lifted_ban_is_gone(self) -> None:
        state = await self.make_volatile()
        one = Ban("account ann", "x", self.clock.now() + 60)
        await state.ban(one)
        self.assertTrue(await state.lift("account ann"))
        self.assertFalse(await state.lift("account ann"))
        self.assertIsNone(await state.banned(["account ann"]))
        self.assertEqual(list(await state.bans()), [])
        self.assertTrue(await state.ban(one))

    async def test_who_listens_hears_what_is_announced(self) -> None:
        state = await self.make_volatile()
        first: list[bytes] = []
        second: list[bytes] = []
        state.listen(first.append)
        await state.announce(b"one")
        await self.eventually(lambda: len(first) == 1)
        state.listen(second.append)
        await state.announce(b"\x00\xff two")
        await self.eventually(lambda: len(first) == 2 and len(second) == 1)
        self.assertEqual((first, second), ([b"one", b"\x00\xff two"], [b"\x00\xff two"]))

    async def test_a_listener_that_fails_is_nobody_elses_loss(self) -> None:
        state = await self.make_volatile()
        heard: list[bytes] = []
        state.listen(lambda word: heard[1_000_000])
        state.listen(heard.append)
        await state.announce(b"one")
        await self.eventually(lambda: heard == [b"one"])
        self.assertEqual(len(self.flushLoggedErrors(IndexError)), 1)
