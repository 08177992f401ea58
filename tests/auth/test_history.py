"""The history: in time, in little room, and never in anybody's way."""

from dataclasses import replace
from typing import Any

from twisted.internet.defer import Deferred
from twisted.logger import globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from mailtwist.auth.history import (
    AGAIN,
    ALIKE,
    EVERY,
    FAILED_KINDS,
    KINDS,
    MOST,
    PATIENCE,
    STRANGERS,
    History,
)
from mailtwist.kit.spawn import started
from mailtwist.state.api import StateAway
from mailtwist.state.records import LoginRecord
from mailtwist.testing.clock import BEGIN, ManualClock
from mailtwist.testing.durable import a_login


class Kept:
    """A durable state that keeps, fails, or lets wait."""

    def __init__(self) -> None:
        self.rows: dict[str, LoginRecord] = {}
        self.writes: list[int] = []
        self.full = False
        self.waits: Deferred[None] | None = None

    async def add_history(self, records: Any) -> None:
        if self.waits is not None:
            await self.waits
        if self.full:
            raise StateAway("the disk is full")
        self.writes.append(len(records))
        self.rows.update({record.login: record for record in records})


class HistoryTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = ManualClock()
        self.kept = Kept()
        self.history = History(self.kept, self.clock)  # type: ignore[arg-type]
        self.count = 0
        self.events: list[dict[str, Any]] = []
        globalLogPublisher.addObserver(self.events.append)
        self.addCleanup(globalLogPublisher.removeObserver, self.events.append)

    def note(self, **facts: Any) -> str:
        self.count += 1
        login = f"l{self.count}"
        self.history.note(replace(a_login(login, at=self.clock.now()), **facts))
        return login

    def told(self, event: str) -> list[dict[str, Any]]:
        return [one for one in self.events if one.get("event_id") == event]

    def lost(self) -> list[int]:
        return [one["count"] for one in self.told("history.not_kept")]

    def test_nothing_is_written_on_the_way_of_the_login(self) -> None:
        login = self.note()
        self.assertEqual(self.kept.writes, [])
        self.clock.advance(EVERY)
        self.assertEqual(list(self.kept.rows), [login])
        self.assertEqual(self.kept.rows[login].last, BEGIN)

    def test_what_comes_within_a_second_is_one_write(self) -> None:
        for account in range(100):
            self.note(account=f"a{account}")
        self.clock.advance(EVERY)
        self.assertEqual(self.kept.writes, [100])

    def test_logins_that_are_alike_are_one_row_with_a_count(self) -> None:
        first = self.note(outcome="refused", reason="wrong-code")
        for _ in range(4):
            self.clock.advance(AGAIN)
            self.note(outcome="refused", reason="wrong-code")
        self.clock.advance(AGAIN)
        (row,) = self.kept.rows.values()
        self.assertEqual((row.login, row.count, row.at, row.last), (first, 5, BEGIN, BEGIN + 4 * AGAIN))

    def test_those_that_differ_in_anything_are_not(self) -> None:
        differ: list[dict[str, Any]] = [
            {},
            {"reason": "wrong-code", "outcome": "refused"},
            {"reason": "no-code", "outcome": "refused"},
            {"address": "192.0.2.8"},
            {"protocol": "pop3"},
            {"client": "K-9"},
            {"device": "d2"},
            {"how": "code"},
            {"account": "bob"},
            {"would_fail": "no-code"},
        ]
        for facts in differ:
            self.note(**facts)
        self.clock.advance(EVERY)
        self.assertEqual(len(self.kept.rows), len(differ))

    def test_a_row_is_closed_after_an_hour(self) -> None:
        self.note()
        self.clock.advance(ALIKE)
        self.note()
        self.clock.advance(EVERY)
        self.assertEqual([row.count for row in self.kept.rows.values()], [1, 1])

    def test_a_count_that_grows_is_written_once_a_minute(self) -> None:
        for _ in range(300):
            self.note()
            self.clock.advance(1)
        self.assertLessEqual(len(self.kept.writes), 6)
        self.clock.advance(AGAIN)
        self.assertEqual([row.count for row in self.kept.rows.values()], [300])

    def test_when_all_is_written_nothing_goes_on(self) -> None:
        self.note()
        self.note()
        self.clock.advance(AGAIN + EVERY)
        self.assertEqual(self.clock.reactor.getDelayedCalls(), [])

    def test_what_comes_while_it_writes_is_counted(self) -> None:
        self.kept.waits = Deferred()
        self.note()
        self.clock.advance(EVERY)
        self.note()
        self.kept.waits.callback(None)
        self.clock.advance(AGAIN + EVERY)
        self.assertEqual([row.count for row in self.kept.rows.values()], [2])

    def test_an_attack_from_everywhere_is_few_rows(self) -> None:
        for host in range(5000):
            address = f"10.0.{host >> 8}.{host & 255}"
            self.note(address=address, net=address, outcome="refused", reason="wrong-code", client=address)
        self.clock.advance(EVERY)
        rows = self.kept.rows.values()
        self.assertEqual(len(rows), FAILED_KINDS + 1)
        self.assertEqual(sum(row.count for row in rows), 5000)
        (rest,) = [row for row in rows if row.count > 1]
        self.assertEqual((rest.address, rest.client, rest.name), ("", "", "ann@example.org"))

    def test_names_that_nobody_has_are_one_account(self) -> None:
        for number in range(5000):
            self.note(account=STRANGERS, name=f"n{number}@example.org", outcome="refused", reason="unknown")
        self.clock.advance(EVERY)
        self.assertEqual({row.account for row in self.kept.rows.values()}, {STRANGERS})
        self.assertEqual(len(self.kept.rows), FAILED_KINDS + 1)

    def test_networks_of_logins_that_got_in_are_known_however_many_programs_there_were(self) -> None:
        for number in range(KINDS + 5):
            self.note(client=f"program {number}")
        self.note(client="one more", net="198.51.100.0/24")
        self.clock.advance(EVERY)
        self.assertIn("198.51.100.0/24", {row.net for row in self.kept.rows.values()})

    def test_a_full_disk_is_told_once_and_nothing_is_lost_when_it_has_room_again(self) -> None:
        self.kept.full = True
        self.note()
        self.clock.advance(EVERY)
        self.note(protocol="pop3")
        for _ in range(4):
            self.clock.advance(PATIENCE)
        self.assertEqual([one["count"] for one in self.told("history.late")], [1])
        self.kept.full = False
        self.clock.advance(PATIENCE)
        self.assertEqual((len(self.kept.rows), self.lost()), (2, []))

    def test_memory_is_bounded_while_the_disk_is_full(self) -> None:
        self.kept.full = True
        for number in range(MOST + 50):
            self.note(account=f"a{number}")
        self.assertEqual(len(self.history._waiting), MOST)
        self.assertLessEqual(len(self.history._rows), MOST)
        self.assertEqual(self.lost(), [1])
        self.clock.advance(AGAIN)
        self.note(account="one more")
        self.assertEqual(sum(self.lost()), 51)

    def test_the_end_writes_what_was_noted(self) -> None:
        self.note()
        self.note()
        self.note(protocol="pop3")
        self.successResultOf(started(self.history.stop()))
        self.assertEqual(sorted(row.count for row in self.kept.rows.values()), [1, 2])
        self.assertEqual(self.clock.reactor.getDelayedCalls(), [])

    def test_the_end_tells_what_it_could_not_write(self) -> None:
        self.kept.full = True
        self.note()
        self.successResultOf(started(self.history.stop()))
        self.assertEqual(self.lost(), [1])
