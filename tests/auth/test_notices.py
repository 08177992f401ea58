"""Notices: into the spool without anybody waiting, and not too many."""

import json
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.logger import globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from mailtwist.auth.notices import DAY, KINDS, MOST, PATIENCE, Notices, the_notices
from mailtwist.config.notices import NoticesSettings, SecondAddresses
from mailtwist.kit.spawn import started
from mailtwist.state.api import StateAway
from mailtwist.state.process import durable
from mailtwist.state.records import Notice
from mailtwist.testing.assembly import OnePart
from mailtwist.testing.clock import ManualClock
from mailtwist.testing.threads import AtOnce

ANN = "ann@example.org"


class Spooling(SynchronousTestCase):
    def setUp(self) -> None:
        self.events: list[dict[str, Any]] = []
        globalLogPublisher.addObserver(self.events.append)
        self.addCleanup(globalLogPublisher.removeObserver, self.events.append)
        self.begin()

    def begin(self, **settings: Any) -> None:
        folder = Path(self.mktemp())
        folder.mkdir()
        self.clock = ManualClock()
        once = (NoticesSettings(**settings),)
        self.assembly = OnePart(folder, clock=self.clock, threads=AtOnce(), once=once)
        self.state = self.assembly.one(durable)
        self.notices = self.assembly.one(the_notices)
        self.successResultOf(started(self.assembly.start()))
        self.addCleanup(lambda: self.successResultOf(started(self.assembly.stop())))

    def spooled(self) -> list[Notice]:
        now = self.clock.now()
        return list(self.successResultOf(started(self.state.notices(now, now, 1000))))

    def told(self, event: str) -> list[dict[str, Any]]:
        return [one for one in self.events if one.get("event_id") == event]

    def full(self) -> None:
        async def full(*_: object) -> bool:
            raise StateAway("the disk is full")

        self.patch(self.state, "tell_once", full)


class SpoolTests(Spooling):
    def test_who_makes_us_tell_one_thing_again_and_again_takes_nobodys_place(self) -> None:
        """A stolen string from another network, as often as somebody likes, while the disk is full."""
        tell_once = self.state.tell_once
        self.full()
        for _ in range(MOST):
            self.notices.tell("a1", "out-of-context", name=ANN)
        self.notices.tell("b2", "new-device", name="bob@example.org")
        self.patch(self.state, "tell_once", tell_once)
        self.clock.advance(PATIENCE)
        self.assertEqual(sorted(notice.account for notice in self.spooled()), ["a1", "b2"])

    def test_what_is_told_is_in_the_spool_with_its_facts(self) -> None:
        self.notices.tell("a1", "new-device", name=ANN, address="192.0.2.7", client="mutt", left=3)
        (notice,) = self.spooled()
        self.assertEqual(
            (notice.account, notice.kind, notice.created), ("a1", "new-device", self.clock.now())
        )
        facts = {"name": ANN, "address": "192.0.2.7", "client": "mutt", "left": "3"}
        self.assertEqual(dict(notice.facts), facts)

    def test_commands_wait_until_it_is_there(self) -> None:
        self.successResultOf(started(self.notices.put("a1", "factor-reset", name=ANN, by="an administrator")))
        self.assertEqual([notice.kind for notice in self.spooled()], ["factor-reset"])

    def test_commands_hear_of_a_full_disk(self) -> None:
        self.full()
        self.failureResultOf(started(self.notices.put("a1", "factor-reset", name=ANN)), StateAway)

    def test_a_name_that_nobody_has_is_told_nothing(self) -> None:
        for account in ("", "?0123"):
            self.notices.tell(account, "locked")
        self.assertEqual(self.spooled(), [])

    def test_nobody_is_told_where_it_is_set_so(self) -> None:
        self.begin(send=False)
        self.notices.tell("a1", "locked", name=ANN)
        self.assertEqual(self.spooled(), [])

    def test_an_attack_fills_no_mailbox(self) -> None:
        for kind, most in KINDS.items():
            for _ in range(most + 20):
                self.notices.tell("a1", kind, name=ANN)
        self.assertEqual(len(self.spooled()), sum(KINDS.values()))
        self.notices.tell("a2", "locked", name="bob@example.org")
        self.assertIn("a2", {notice.account for notice in self.spooled()})

    def test_the_next_day_there_is_one_again(self) -> None:
        self.notices.tell("a1", "out-of-context", name=ANN)
        self.clock.advance(DAY - 1)
        self.notices.tell("a1", "out-of-context", name=ANN)
        self.assertEqual(len(self.spooled()), 1)
        self.clock.advance(1)
        self.notices.tell("a1", "out-of-context", name=ANN)
        self.assertEqual(len(self.spooled()), 2)

    def test_two_processes_tell_it_once(self) -> None:
        other = Notices(self.state, self.clock)
        self.notices.tell("a1", "locked", name=ANN)
        other.tell("a1", "locked", name=ANN)
        self.assertEqual(len(self.spooled()), 1)

    def test_a_second_address_gets_a_mail_of_its_own(self) -> None:
        self.begin(second_addresses=SecondAddresses.parse("ANN@example.org: ann@example.net"))
        self.notices.tell("a1", "locked", name=ANN)
        self.notices.tell("a2", "locked", name="bob@example.org")
        told = sorted((notice.account, notice.facts.get("to", "")) for notice in self.spooled())
        self.assertEqual(told, [("a1", ""), ("a1", "ann@example.net"), ("a2", "")])

    def test_facts_are_one_short_line_each(self) -> None:
        self.notices.tell("a1", "locked", name=ANN, client="x\r\nBcc: eve\u2028\x1b[2J" + "y" * 9000)
        (notice,) = self.spooled()
        said = json.loads(json.dumps(dict(notice.facts)))["client"]
        self.assertEqual((said.isprintable(), len(said)), (True, 200))


class TroubleTests(Spooling):
    def test_a_full_disk_fails_no_login_and_the_mail_comes_later(self) -> None:
        self.full()
        self.notices.tell("a1", "locked", name=ANN)
        self.notices.tell("a1", "new-device", name=ANN)
        self.clock.advance(PATIENCE)
        self.assertEqual(len(self.told("notice.late")), 1)
        del self.state.tell_once  # type: ignore[misc]
        self.clock.advance(PATIENCE)
        self.assertEqual(len(self.spooled()), 2)

    def test_a_disk_that_fills_up_between_two_writes_loses_no_mail(self) -> None:
        self.begin(second_addresses=SecondAddresses.parse(f"{ANN}: ann@example.net"))
        add, failing = self.state.add_notice, [2, 1]

        async def sometimes(notice: Notice) -> bool:
            if failing and not failing[-1]:
                failing.pop()
                raise StateAway("the disk is full")
            failing[-1:] = [one - 1 for one in failing[-1:]]
            return bool(await add(notice))

        self.patch(self.state, "add_notice", sometimes)
        self.notices.tell("a1", "locked", name=ANN)
        for _ in range(3):
            self.clock.advance(PATIENCE)
        self.assertEqual([notice.facts.get("to", "") for notice in self.spooled()], ["", "ann@example.net"])
        self.assertEqual(len(self.notices._waiting), 0)

    def test_memory_is_bounded_while_it_is_full(self) -> None:
        self.full()
        for number in range(MOST + 3):
            self.notices.tell(f"a{number}", "locked", name=ANN)
        self.assertEqual(len(self.told("notice.not_spooled")), 3)

    def test_the_end_says_what_nobody_will_be_told(self) -> None:
        self.full()
        self.notices.tell("a1", "locked", name=ANN)
        self.successResultOf(started(self.notices.stop()))
        (lost,) = self.told("notice.not_spooled")
        self.assertEqual((lost["account"], lost["notice"]), ("a1", "locked"))
        self.assertEqual(self.clock.reactor.getDelayedCalls(), [])

    def test_a_state_that_never_answers_keeps_nobody(self) -> None:
        asked: list[Deferred[bool]] = []

        async def slow(*_: object) -> bool:
            asked.append(Deferred())
            return await asked[-1]

        self.patch(self.state, "tell_once", slow)
        self.notices.tell("a1", "locked", name=ANN)
        self.notices.tell("a1", "new-device", name=ANN)
        self.assertEqual(len(asked), 1)
        asked[0].callback(True)
        asked[1].callback(True)
        self.assertEqual(len(self.spooled()), 2)

    def test_a_spool_that_is_full_is_told(self) -> None:
        async def no_room(notice: Notice) -> bool:
            return False

        self.patch(self.state, "add_notice", no_room)
        self.notices.tell("a1", "locked", name=ANN)
        self.assertEqual(len(self.told("notice.not_spooled")), 1)
