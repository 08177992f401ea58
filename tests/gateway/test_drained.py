"""Servers behind us that an admin has drained: every process that shares the state knows it at once."""

from pathlib import Path

from twisted.trial.unittest import TestCase

from mailtwist.gateway.drained import LOOK_EVERY, Drained
from mailtwist.state.api import StateAway
from mailtwist.state.durable.sqlite import Settings, SqliteState
from mailtwist.state.records import Backend, Drain
from mailtwist.testing.assembly import OnePart
from mailtwist.testing.clock import BEGIN, ManualClock
from tests.hearing import heard


class DrainedTests(TestCase):
    async def setUp(self):
        self.clock = ManualClock()
        folder = Path(self.mktemp())
        folder.mkdir()
        self.assembly = OnePart(folder, clock=self.clock)
        self.addCleanup(self.assembly.threads.stop)
        self.state = await self.opened()
        self.drained = Drained(self.state, self.clock)

    async def opened(self):
        state = SqliteState(Settings(), self.assembly)
        await state.start()
        self.addCleanup(state.stop)
        return state

    async def test_what_another_process_says_counts_here(self):
        events = heard(self)
        other = await self.opened()
        self.assertEqual({*await self.drained.hosts()}, set())
        await other.drain(Drain("mail1.inside", BEGIN, "ann", "a new disk"))
        self.clock.advance(LOOK_EVERY)
        self.assertEqual({*await self.drained.hosts()}, {"mail1.inside"})
        await other.undrain("mail1.inside")
        self.clock.advance(LOOK_EVERY)
        self.assertEqual({*await self.drained.hosts()}, set())
        self.assertEqual([one["event_id"] for one in events], ["upstream.drained", "upstream.undrained"])
        self.assertEqual((events[0]["by"], events[0]["reason"]), ("ann", "a new disk"))

    async def test_it_is_looked_at_now_and_then_and_only_when_something_has_changed(self):
        looks = []

        class Counting(SqliteState):
            async def drains(self):
                looks.append(1)
                return await super().drains()

        self.state.__class__ = Counting
        for _ in range(5):
            await self.drained.hosts()
            self.clock.advance(LOOK_EVERY)
        self.assertEqual(len(looks), 1)
        for host in ("a.inside", "b.inside"):
            await self.state.drain(Drain(host, BEGIN))
            await self.drained.hosts()
        self.assertEqual(len(looks), 2)

    async def test_a_state_that_is_away_changes_nothing(self):
        await self.state.drain(Drain("mail1.inside", BEGIN))
        await self.drained.hosts()

        async def away():
            raise StateAway("the disk is full")

        self.state.drains = away
        await self.state.drain(Drain("mail2.inside", BEGIN))
        self.clock.advance(LOOK_EVERY)
        self.assertEqual({*await self.drained.hosts()}, {"mail1.inside"})

    async def test_how_servers_are_is_noted_for_this_process(self):
        note = self.drained.note("inside")
        await note([Backend("inside", "mail1.inside", "imap", True, "", BEGIN, BEGIN, 3)])
        (noted,) = await self.state.backends()
        self.assertEqual((noted.host, noted.connections), ("mail1.inside", 3))
        self.assertRegex(noted.process, r".+/[0-9]+")
        await note([])
        self.assertEqual([*await self.state.backends()], [])

        async def away(*args):
            raise StateAway("the disk is full")

        self.state.note_backends = away
        await note([noted])
