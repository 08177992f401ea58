"""What volatile state of several processes does: subclass, say how to make another, get the tests."""

from mailtwist.kit.spawn import started, together
from mailtwist.state.api import Volatile
from mailtwist.state.records import Ban, Bucket, Charge, Denied, Use
from mailtwist.testing.volatile import MakesVolatile, moments


class SharingContract(MakesVolatile):
    """Mix into a trial `TestCase`."""

    async def beside(self, state: Volatile) -> Volatile:
        """What another process has of the same state."""
        raise NotImplementedError

    async def two(self) -> tuple[Volatile, Volatile]:
        one = await self.make_volatile()
        return one, await self.beside(one)

    async def test_limits_are_for_all_processes_together(self) -> None:
        one, other = await self.two()
        bucket = Bucket("k", 10, 900)
        states = [one, other] * 20
        answers = await together(*(state.charge([bucket], 60) for state in states))
        self.assertEqual(sum(isinstance(answer, Charge) for answer in answers), 10)
        charge = next(answer for answer in answers if isinstance(answer, Charge))
        await one.refund(charge)
        await other.refund(charge)
        self.assertEqual(await other.spent("k", 900), 9)

    async def test_what_one_charged_another_keeps_or_clears(self) -> None:
        one, other = await self.two()
        bucket = Bucket("k", 1, 900)
        charge = await one.charge([bucket], 60)
        assert isinstance(charge, Charge)
        await other.keep(charge)
        denied = await one.charge([bucket], 60)
        assert isinstance(denied, Denied)
        self.assertFalse(denied.waiting)
        await other.clear(["k"])
        self.assertEqual(await one.spent("k", 900), 0)

    async def test_a_code_is_used_once_in_all_processes(self) -> None:
        one, other = await self.two()
        states = [one, other] * 8
        uses = [
            state.use_once("ann/t1", 10, -1, bytes([n]), "192.0.2.1", 20) for n, state in enumerate(states)
        ]
        answers = await together(*uses)
        self.assertEqual((answers.count(Use.NEW), answers.count(Use.REPLAY)), (1, 15))

    async def test_who_joins_may_come_to_another_process(self) -> None:
        one, other = await self.two()
        self.assertEqual(await one.use_once("ann/t1", 10, -1, b"x", "192.0.2.1", 20), Use.NEW)
        self.assertEqual(await other.use_once("ann/t1", 10, -1, b"x", "192.0.2.1", 20), Use.JOINED)

    async def test_refused_bans_and_members_are_shared(self) -> None:
        one, other = await self.two()
        ban = Ban("account ann", "x", self.clock.now() + 60)
        await one.refuse(b"h", 100)
        await one.ban(ban)
        await one.add_distinct("k", b"a", 100)
        self.assertEqual(await other.refused(b"h"), 0)
        self.assertEqual(await other.banned(["account ann"]), ban)
        self.assertEqual(await other.add_distinct("k", b"b", 100), 2)
        self.assertTrue(await other.lift("account ann"))
        self.assertEqual(list(await one.bans()), [])

    async def test_the_word_of_a_leader_is_heard_in_all_processes(self) -> None:
        one, other = await self.two()
        leader = await one.lead(b"w", 15)
        assert leader is not None
        self.assertIsNone(await other.lead(b"w", 15))
        followers = [started(state.follow(b"w")) for state in (one, other, other)]
        await one.settle(b"w", leader, b"word")
        await self.eventually(lambda: all(follower.called for follower in followers))
        self.assertEqual([await follower for follower in followers], [b"word"] * 3)

    async def test_a_word_is_heard_by_who_comes_a_moment_late(self) -> None:
        one, other = await self.two()
        leader = await one.lead(b"w", 15)
        assert leader is not None
        self.assertIsNone(await other.lead(b"w", 15))
        await one.settle(b"w", leader, b"word")
        self.assertEqual(await other.follow(b"w"), b"word")
        self.assertIsNotNone(await other.lead(b"w", 15))

    async def test_a_leader_of_another_process_that_gives_up_is_followed_by_one_here(self) -> None:
        one, other = await self.two()
        leader = await one.lead(b"w", 15)
        assert leader is not None
        follower = started(other.follow(b"w"))
        await self.eventually(lambda: True)
        await one.settle(b"w", leader, None)
        await self.eventually(lambda: follower.called)
        self.assertIsNone(await follower)
        self.assertIsNotNone(await other.lead(b"w", 15))

    async def test_who_leaves_before_he_knows_leads_nothing(self) -> None:
        one, other = await self.two()
        self.assertIsNotNone(await one.lead(b"something else", 15))
        gone = started(one.lead(b"w", 15))
        gone.addErrback(lambda failure: None)
        gone.cancel()
        await one.announce(b"what was asked before has been done")
        leads = [started(other.lead(b"w", 15))]
        while await leads[-1] is None:
            await self.pass_time(0.05)
            await moments(0.02)
            leads.append(started(other.lead(b"w", 15)))
        self.assertLess(len(leads), 20)

    async def test_a_leader_of_another_process_that_has_died_is_followed_by_one_here(self) -> None:
        one, other = await self.two()
        self.assertIsNotNone(await one.lead(b"w", 15))
        follower = started(other.follow(b"w"))
        await self.pass_time(16)
        await self.eventually(lambda: follower.called)
        self.assertIsNone(await follower)

    async def test_what_is_announced_is_heard_in_all_processes_within_a_second(self) -> None:
        one, other = await self.two()
        heard: list[bytes] = []
        others: list[bytes] = []
        one.listen(heard.append)
        other.listen(others.append)
        await one.announce(b"one")
        await other.announce(b"two")
        await self.eventually(lambda: len(heard) == len(others) == 2)
        await self.eventually(lambda: True)
        self.assertEqual((sorted(heard), sorted(others)), ([b"one", b"two"], [b"one", b"two"]))
