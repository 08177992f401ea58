"""Redis killed, stalled, cut off, full, with other rights: no call hangs, and all is well when it is back."""

from pathlib import Path
from unittest.mock import patch

from twisted.internet.defer import CancelledError

from mailtwist.config.values import Duration
from mailtwist.kit.clock import SystemClock
from mailtwist.kit.spawn import started, together
from mailtwist.state.api import StateAway
from mailtwist.state.records import Use
from mailtwist.state.redis import supervised
from mailtwist.state.redis.place import Url
from mailtwist.state.volatile.redis import part
from mailtwist.testing.assembly import OnePart
from tests.peers.programs import needs
from tests.state.volatile.redis.faults import FaultTests, a_moment, charged, heard_events, until, until_spent
from tests.state.volatile.redis.making import secret, settings_for

SHORT = Duration(0.3)


@needs("redis-server")
class AwayTests(FaultTests):
    async def test_a_killed_server_is_away_and_comes_back(self) -> None:
        state = await self.begun(settings_for(self.server))
        with heard_events() as events:
            self.server.kill()
            await self.is_away(state)
            self.server.start()
            await self.comes_back(state)
        ids = [event["event_id"] for event in events]
        self.assertEqual((set(ids[:-1]), ids[-1]), ({"state.redis_away"}, "state.redis_back"))

    async def test_a_server_that_comes_later_is_found(self) -> None:
        self.server.kill()
        state = await self.begun(settings_for(self.server))
        await self.is_away(state)
        self.server.start()
        await self.comes_back(state)

    async def test_a_stalled_server_is_away_in_time_and_comes_back(self) -> None:
        state = await self.begun(settings_for(self.server, timeout=SHORT))
        self.server.stall()
        self.assertIn("no answer in 0.3 s", await self.is_away(state))
        self.server.go_on()
        await self.comes_back(state)

    async def test_an_idle_connection_is_tried(self) -> None:
        with patch.object(supervised, "LOOKED_AFTER", 0.1), heard_events() as events:
            state = await self.begun(settings_for(self.server, timeout=SHORT))
            self.server.stall()
            await until(lambda: [e for e in events if e["event_id"] == "state.redis_away"])
            self.server.go_on()
            await self.comes_back(state)

    async def test_a_connection_cut_while_signing_in_is_made_again(self) -> None:
        way, port = await self.way()
        cuts = iter([True, False, True, True, True])
        way.drops = lambda data: b"AUTH" in data and next(cuts, False)
        self.server.ask("ACL", "SETUSER", "default", ">right")
        url = Url.parse(f"redis://127.0.0.1:{port}/1")
        state = await self.begun(settings_for(self.server, url=url, password=secret("right")))
        await self.comes_back(state)
        self.assertIs(next(cuts, None), None)

    async def test_a_connection_cut_while_choosing_the_database_is_made_again(self) -> None:
        way, port = await self.way()
        cuts = iter([True, True])
        way.drops = lambda data: b"SELECT" in data and next(cuts, False)
        state = await self.begun(settings_for(self.server, url=Url.parse(f"redis://127.0.0.1:{port}/1")))
        await self.comes_back(state)

    async def test_a_wrong_password_is_told_without_it_and_a_mended_one_taken(self) -> None:
        self.server.ask("ACL", "SETUSER", "m", "on", ">right", "~*", "&*", "+@all")
        settings = settings_for(self.server, user="m", password=secret("hunter2"))
        with heard_events() as events:
            state = await self.begun(settings)
            self.assertIn("WRONGPASS", await self.is_away(state))
            self.server.ask("ACL", "SETUSER", "m", ">hunter2")
            await self.comes_back(state)
        self.assertNotIn("hunter2", repr(events) + repr(settings))

    async def test_a_server_without_passwords_does_not_get_ours_into_the_log(self) -> None:
        self.server.kill()
        self.server._lines = ('rename-command AUTH ""',)
        self.server.start()
        with heard_events() as events:
            state = await self.begun(settings_for(self.server, user="m", password=secret("hunter2")))
            said = await self.is_away(state)
        self.assertIn("unknown command 'AUTH'", said)
        self.assertNotIn("hunter2", said + repr(events))

    async def test_missing_rights_are_told_and_given_ones_used(self) -> None:
        self.server.ask("ACL", "SETUSER", "m", "on", ">pw", "~*", "&*", "+@all", "-hset")
        with heard_events() as events:
            state = await self.begun(settings_for(self.server, user="m", password=secret("pw")))
            await self.assertFailure(started(charged(state, "x")), StateAway)
            await self.assertFailure(started(charged(state, "x")), StateAway)
        self.assertEqual([e["event_id"] for e in events], ["state.redis_said_no"])
        self.server.ask("ACL", "SETUSER", "m", "+hset")
        await charged(state, "x")

    async def test_a_full_server_is_temporary_trouble(self) -> None:
        state = await self.begun(settings_for(self.server))
        self.server.ask("CONFIG", "SET", "maxmemory", "1")
        away = await self.assertFailure(started(charged(state, "x")), StateAway)
        self.assertIn("OOM", away.detail)
        self.server.ask("CONFIG", "SET", "maxmemory", "0")
        await charged(state, "x")

    async def test_forgotten_scripts_are_sent_again(self) -> None:
        state = await self.begun(settings_for(self.server))
        await charged(state, "x")
        self.server.ask("SCRIPT", "FLUSH")
        await charged(state, "x")
        self.assertEqual(await state.spent("x", 900), 2)

    async def test_a_key_of_another_kind_is_temporary_trouble_for_whom_it_concerns(self) -> None:
        settings = settings_for(self.server)
        state = await self.begun(settings)
        self.server.ask("SET", f"{{{settings.prefix}}}:bucket:x", "what is this")
        await self.assertFailure(started(charged(state, "x")), StateAway)
        await charged(state, "y")

    async def test_a_server_restarted_under_load_is_used_again(self) -> None:
        state = await self.begun(settings_for(self.server))
        outcomes: list[str] = []
        ending = False

        async def logins() -> None:
            while not ending:
                try:
                    await state.refund(await charged(state, "busy", 1000))
                    outcomes.append("ok")
                except StateAway:
                    outcomes.append("away")
                    await a_moment(0.01)

        work = [started(logins()) for _ in range(20)]
        await until(lambda: outcomes.count("ok") > 100)
        for _ in range(2):
            self.server.kill()
            await until(lambda: outcomes[-1] == "away")
            self.server.start()
            await until(lambda: outcomes[-1] == "ok")
        ending = True
        await together(*work)
        await until_spent(state, "busy", 0)

    async def test_what_was_on_its_way_when_the_connection_broke_is_taken_back(self) -> None:
        way, port = await self.way()
        state = await self.begun(settings_for(self.server, url=Url.parse(f"redis://127.0.0.1:{port}")))
        before, kept = await charged(state, "x"), await charged(state, "x")
        self.server.stall()
        lost = started(charged(state, "x"))
        await a_moment()
        for one in list(way.open):
            one.transport.abortConnection()
        await self.assertFailure(lost, StateAway)
        await state.refund(before)
        await state.keep(kept)
        self.server.go_on()
        await self.comes_back(state)

        await until_spent(state, "x", 1)

    async def test_a_login_that_is_called_off_charges_nothing(self) -> None:
        state = await self.begun(settings_for(self.server))
        gone = started(charged(state, "x"))
        gone.cancel()
        await self.assertFailure(gone, CancelledError)
        await until_spent(state, "x", 0)

    async def test_more_calls_than_can_wait_are_refused_at_once(self) -> None:
        state = await self.begun(settings_for(self.server, timeout=Duration(1)))
        self.server.stall()
        with patch("mailtwist.state.redis.link.MOST", 10):
            asked = [started(state.refused(b"x")) for _ in range(30)]
        refused, waiting = [one for one in asked if one.called], [one for one in asked if not one.called]
        self.assertEqual(waiting, asked[: len(waiting)])
        self.assertGreaterEqual(len(refused), 20)
        for one in refused:
            self.assertIn("too many", (await self.assertFailure(one, StateAway)).detail)
        self.server.go_on()
        for one in waiting:
            self.assertIsNone(await one)

    async def test_what_is_no_redis_is_away(self) -> None:
        way, port = await self.way()
        state = await self.begun(settings_for(self.server, url=Url.parse(f"redis://127.0.0.1:{port}")))
        for one in list(way.open):
            one.transport.write(b"*\xff\r\n$-7\r\n:nothing\r\n")
        await self.comes_back(state)

    async def test_a_replica_is_not_written_to(self) -> None:
        state = await self.begun(settings_for(self.server))
        await charged(state, "x")
        self.server.ask("REPLICAOF", "127.0.0.1", "1")
        await self.assertFailure(started(charged(state, "x")), StateAway)
        self.assertIn("replica", await self.is_away(state))
        self.server.ask("REPLICAOF", "NO", "ONE")
        await self.comes_back(state)

    async def test_who_follows_hears_that_it_is_away(self) -> None:
        state = await self.begun(settings_for(self.server))
        leader = await state.lead(b"w", 15)
        follower = started(state.follow(b"w"))
        self.server.kill()
        await self.assertFailure(follower, StateAway)
        await state.settle(b"w", leader, b"word")

    async def test_words_announced_while_the_ear_was_cut_off_are_heard(self) -> None:
        way, port = await self.way()
        settings = settings_for(self.server)
        far = await self.begun(settings)
        near = await self.begun(
            settings_for(self.server, settings.prefix, url=Url.parse(f"redis://127.0.0.1:{port}"))
        )
        heard: list[bytes] = []
        near.listen(heard.append)
        await far.announce(b"first")
        await until(lambda: heard)
        way.drops = lambda data: True
        for one in list(way.open):
            one.transport.abortConnection()
        await far.announce(b"second")
        way.drops = lambda data: False
        await self.comes_back(near)
        await far.announce(b"third")
        await until(lambda: len(heard) == 3)
        self.assertEqual(sorted(heard), [b"first", b"second", b"third"])

    async def test_a_used_code_stays_used_for_as_long_as_the_server_lives(self) -> None:
        way, port = await self.way()
        state = await self.begun(settings_for(self.server, url=Url.parse(f"redis://127.0.0.1:{port}")))
        self.assertIs(await state.use_once("ann/t1", 10, -1, b"x", "", 20), Use.NEW)
        for one in list(way.open):
            one.transport.abortConnection()
        await self.comes_back(state)
        self.assertIs(await state.use_once("ann/t1", 10, -1, b"x", "", 20), Use.REPLAY)

    async def test_a_check_says_what_is_wrong(self) -> None:
        settings = settings_for(self.server)
        assembly = OnePart(Path("nowhere"), clock=SystemClock())
        assert part.check is not None
        self.assertEqual(await part.check(settings, assembly), [])
        self.server.kill()
        ((setting, why),) = await part.check(settings, assembly)
        self.assertEqual(setting, "url")
        self.assertIn("refused", why)
