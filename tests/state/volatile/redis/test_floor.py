"""when_away = local: the memory of the process judges while Redis is away, and Redis is told afterwards."""

from typing import Any
from unittest.mock import patch

from mailtwist.kit.spawn import started
from mailtwist.state.api import StateAway
from mailtwist.state.records import Ban, Charge, Denied, Use
from mailtwist.state.redis.place import Url
from mailtwist.testing.clock import BEGIN
from tests.peers.programs import needs
from tests.state.volatile.redis.faults import (
    LEASE,
    FaultTests,
    a_bucket,
    a_moment,
    charged,
    heard_events,
    until,
    until_async,
    until_spent,
)
from tests.state.volatile.redis.making import settings_for

LATER = BEGIN * 2


@needs("redis-server")
class FloorTests(FaultTests):
    async def two(self) -> tuple[Any, Any]:
        """A node with a floor, and another that only looks into Redis."""
        settings = settings_for(self.server, when_away="local")
        looking = settings_for(self.server, settings.prefix)
        return await self.begun(settings), await self.begun(looking)

    async def failed(self, state: Any, key: str, times: int, limit: int = 100) -> None:
        for _ in range(times):
            await state.keep(await charged(state, key, limit))

    async def back(self, looking: Any) -> None:
        self.server.start()
        await self.comes_back(looking)

    async def test_nobody_is_told_to_come_later_and_limits_hold(self) -> None:
        state, _ = await self.two()
        self.server.kill()
        answers = [await state.charge([a_bucket("x", 10)], LEASE) for _ in range(30)]
        self.assertEqual(sum(isinstance(answer, Charge) for answer in answers), 10)
        self.assertIs(await state.use_once("ann/t1", 10, -1, b"x", "", 20), Use.NEW)
        self.assertIs(await state.use_once("ann/t1", 10, -1, b"y", "", 20), Use.REPLAY)

    async def test_what_was_seen_before_counts_while_redis_is_away(self) -> None:
        state, _ = await self.two()
        await self.failed(state, "x", 3, 3)
        await state.use_once("ann/t1", 10, -1, b"x", "", 20)
        await state.refuse(b"wrong", 1000)
        await state.ban(Ban("account ann", "guessed", LATER))
        await state.add_distinct("k", b"a", 900)
        self.server.kill()
        denied = await state.charge([a_bucket("x", 3)], LEASE)
        self.assertIsInstance(denied, Denied)
        self.assertFalse(denied.waiting)
        self.assertIs(await state.use_once("ann/t1", 10, -1, b"y", "", 20), Use.REPLAY)
        self.assertIsNotNone(await state.refused(b"wrong"))
        self.assertEqual((await state.banned(["account ann"])).reason, "guessed")
        self.assertEqual([ban.subject for ban in await state.bans()], ["account ann"])
        self.assertEqual(await state.add_distinct("k", b"b", 900), 2)
        self.assertEqual(await state.count_distinct("k", 900), 2)
        self.assertEqual(await state.spent("x", 900), 3)

    async def test_what_failed_meanwhile_counts_in_redis_afterwards(self) -> None:
        state, looking = await self.two()
        self.server.kill()
        await self.failed(state, "x", 4)
        await self.failed(state, "y", 1)
        await state.refund(await charged(state, "x", 100))
        with heard_events() as events:
            await self.back(looking)
            await until_spent(looking, "x", 4)
            await until_spent(looking, "y", 1)
            await until(lambda: [e for e in events if e["event_id"] == "state.redis_caught_up"])

    async def test_what_was_under_way_when_redis_came_back_is_settled_there(self) -> None:
        state, looking = await self.two()
        self.server.kill()
        bad, good = await charged(state, "x"), await charged(state, "x")
        await self.back(looking)
        await self.comes_back(state)
        await state.keep(bad)
        await state.refund(good)
        await until_spent(looking, "x", 1)

    async def test_what_was_under_way_when_redis_went_is_settled_there(self) -> None:
        way, port = await self.way()
        settings = settings_for(self.server, when_away="local", url=Url.parse(f"redis://127.0.0.1:{port}"))
        state = await self.begun(settings)
        looking = await self.begun(settings_for(self.server, settings.prefix))
        bad, good = await charged(state, "x"), await charged(state, "x")
        way.drops = lambda data: True
        for one in list(way.open):
            one.transport.abortConnection()
        await state.keep(bad)
        await state.refund(good)
        self.assertEqual(await looking.spent("x", 900), 2)
        way.drops = lambda data: False
        await until_spent(looking, "x", 1)

    async def test_what_was_used_refused_banned_and_added_is_known_to_all_afterwards(self) -> None:
        state, looking = await self.two()
        self.server.kill()
        await state.use_once("ann/t1", 10, -1, b"x", "", 20)
        await state.refuse(b"wrong", 1000)
        await state.refuse(b"right after all", 1000)
        await state.forgive(b"right after all")
        self.assertTrue(await state.ban(Ban("account ann", "guessed", LATER)))
        self.assertFalse(await state.ban(Ban("account ann", "again", LATER)))
        await state.ban(Ban("account bob", "by mistake", LATER))
        self.assertTrue(await state.lift("account bob"))
        await state.add_distinct("k", b"a", 900)
        await self.back(looking)

        async def told() -> bool:
            return await looking.count_distinct("k", 900) == 1

        await until_async(told)
        self.assertIs(await looking.use_once("ann/t1", 10, -1, b"y", "", 20), Use.REPLAY)
        self.assertIsNotNone(await looking.refused(b"wrong"))
        self.assertIsNone(await looking.refused(b"right after all"))
        self.assertEqual([ban.reason for ban in await looking.bans()], ["guessed"])

    async def test_what_was_cleared_meanwhile_is_cleared_there_and_not_blamed(self) -> None:
        state, looking = await self.two()
        self.server.kill()
        await self.failed(state, "x", 2)
        await state.clear(["x"])
        self.assertEqual(await state.spent("x", 900), 0)
        await self.failed(state, "y", 1)
        await self.back(looking)
        await until_spent(looking, "y", 1)
        self.assertEqual(await looking.spent("x", 900), 0)

    async def test_one_leads_here_while_redis_is_away(self) -> None:
        state, looking = await self.two()
        self.server.kill()
        leader = await state.lead(b"w", 15)
        self.assertIsNone(await state.lead(b"w", 15))
        follower = started(state.follow(b"w"))
        self.assertTrue(await state.renew(b"w", leader, 15))
        await state.settle(b"w", leader, b"word")
        self.assertEqual(await follower, b"word")

    async def test_who_led_when_redis_went_goes_on_and_who_followed_leads(self) -> None:
        state, _ = await self.two()
        leader = await state.lead(b"w", 15)
        follower = started(state.follow(b"w"))
        self.server.kill()
        self.assertIsNone(await follower)
        self.assertTrue(await state.renew(b"w", leader, 15))
        self.assertIsNotNone(await state.lead(b"w", 15))
        await state.settle(b"w", leader, b"word")

    async def test_words_are_heard_here_at_once_and_elsewhere_afterwards(self) -> None:
        state, looking = await self.two()
        here: list[bytes] = []
        there: list[bytes] = []
        state.listen(here.append)
        looking.listen(there.append)
        self.server.kill()
        await state.announce(b"revoked")
        self.assertEqual(here, [b"revoked"])
        with self.assertRaises(StateAway):
            await looking.announce(b"lost")
        await self.back(looking)
        await until(lambda: there)
        self.assertEqual(there, [b"revoked"])

    async def test_what_redis_does_not_take_yet_it_is_told_later(self) -> None:
        """It came back with a full memory."""
        state, looking = await self.two()
        self.server.kill()
        await self.failed(state, "x", 2)
        await state.use_once("ann/t1", 10, -1, b"x", "", 20)
        self.server._lines = ("maxmemory 1",)
        self.server.start()
        await until(lambda: state._redis.is_here and not state._telling)
        self.assertEqual(len(state._untold), 2)
        self.server.ask("CONFIG", "SET", "maxmemory", "0")
        state._redis.calls.connection._link.give_up("cut off")
        await until_spent(looking, "x", 2)
        self.assertIs(await looking.use_once("ann/t1", 10, -1, b"y", "", 20), Use.REPLAY)

    async def test_who_never_came_to_an_end_meanwhile_has_failed(self) -> None:
        state, looking = await self.two()
        self.server.kill()
        self.assertIsInstance(await state.charge([a_bucket("x")], 0.01), Charge)
        await a_moment(0.05)
        await self.back(looking)
        await until_spent(looking, "x", 1)

    async def test_a_flood_does_not_push_out_what_goes_on(self) -> None:
        state, looking = await self.two()
        self.server.kill()
        with patch("mailtwist.state.volatile.redis.floor.MOST", 10):
            for n in range(30):
                await self.failed(state, "victim", 1)
                await self.failed(state, f"k{n}", 1)
        await self.back(looking)
        await until_spent(looking, "victim", 30)

    async def test_a_flood_is_kept_in_bounds(self) -> None:
        state, looking = await self.two()
        self.server.kill()
        with patch("mailtwist.state.volatile.redis.floor.MOST", 10):
            for n in range(30):
                await self.failed(state, f"k{n}", 1)
        self.assertLessEqual(len(state._untold), 10)
        self.assertLessEqual(len(state._failed), 10)
        await self.back(looking)
        await until_spent(looking, "k29", 1)
        self.assertEqual(await looking.spent("k0", 900), 0)
