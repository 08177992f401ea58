"""From the spool to the mailbox: in time, once, and again when it was not possible."""

from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.logger import globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from mailtwist.auth.notices import the_notices
from mailtwist.config.notices import NoticesSettings
from mailtwist.delivery import telling
from mailtwist.delivery.remote.handing import NotReached
from mailtwist.delivery.telling import GIVEN_UP, LOOK, LOOK_ANYHOW, PAUSES, Telling, the_telling
from mailtwist.kit.spawn import started
from mailtwist.kit.trouble import Trouble
from mailtwist.state.api import StateAway
from mailtwist.state.process import durable
from mailtwist.testing.assembly import OnePart
from mailtwist.testing.clock import ManualClock
from mailtwist.testing.threads import AtOnce
from tests.delivery.people import ANN, BOB, People

NAME = "ann@example.org"


class Spool(SynchronousTestCase):
    def setUp(self) -> None:
        self.events: list[dict[str, Any]] = []
        globalLogPublisher.addObserver(self.events.append)
        self.addCleanup(globalLogPublisher.removeObserver, self.events.append)
        folder = Path(self.mktemp())
        folder.mkdir()
        self.clock = ManualClock()
        self.people = People(ANN, BOB)
        parts = {"directory": {"people": self.people}}
        self.assembly = OnePart(folder, clock=self.clock, threads=AtOnce(), parts=parts)
        self.state = self.assembly.one(durable)
        self.notices = self.assembly.one(the_notices)
        self.sent: list[tuple[str, bytes]] = []
        self.trouble: dict[str, Trouble] = {}
        self.telling = self.a_telling()
        self.assembly.made.append(self.telling)
        self.successResultOf(started(self.assembly.start()))
        self.addCleanup(lambda: self.successResultOf(started(self.assembly.stop())))

    def a_telling(self) -> Telling:
        settings = NoticesSettings(contact="Call 555.")
        people: Any = [self.people]
        return Telling(self.state, people, self.clock, "mail.example.org", settings, self.send)

    async def send(self, to: str, octets: bytes) -> None:
        if to in self.trouble:
            raise self.trouble[to]
        self.sent.append((to, octets))

    def tell(self, account: str = "1-ann", name: str = NAME, kind: str = "locked", **facts: Any) -> None:
        self.notices.tell(account, kind, name=name, **facts)

    def told(self, event: str) -> list[dict[str, Any]]:
        return [one for one in self.events if one.get("event_id") == event]

    def left(self) -> int:
        later = self.clock.now() + 10 * GIVEN_UP
        return len(self.successResultOf(started(self.state.notices(later, later, 1000))))


class TellingTests(Spool):
    def test_it_goes_to_the_first_address_within_seconds(self) -> None:
        self.tell(address="192.0.2.7")
        self.clock.advance(LOOK)
        ((to, octets),) = self.sent
        self.assertEqual(to, "ann@example.org")
        self.assertIn(b"192.0.2.7", octets)
        self.assertIn(b"From: Mail server <postmaster@mail.example.org>\r\n", octets)
        self.assertIn(b"Call 555.", octets)
        self.assertEqual(self.left(), 0)
        self.assertEqual([one["to"] for one in self.told("notice.sent")], [NAME])

    def test_it_is_sent_once(self) -> None:
        self.tell()
        for _ in range(100):
            self.clock.advance(LOOK)
        self.assertEqual(len(self.sent), 1)

    def test_what_another_process_has_put_there_is_sent_too(self) -> None:
        self.patch(self.state, "version", lambda: None)
        self.tell()
        self.clock.advance(LOOK)
        self.assertEqual(len(self.sent), 1)

    def test_a_spool_in_which_nothing_changes_is_not_read(self) -> None:
        asked: list[float] = []
        notices = self.state.notices

        async def counted(now: float, until: float, most: int) -> Any:
            asked.append(now)
            return await notices(now, until, most)

        self.clock.advance(LOOK)
        self.patch(self.state, "notices", counted)
        self.patch(self.state, "version", lambda: 7)
        self.clock.advance(LOOK)
        for _ in range(int(LOOK_ANYHOW / LOOK)):
            self.clock.advance(LOOK)
        self.assertEqual(len(asked), 2)

    def test_two_processes_send_it_once(self) -> None:
        other = self.a_telling()
        self.successResultOf(started(other.start()))
        self.addCleanup(lambda: self.successResultOf(started(other.stop())))
        self.tell()
        self.clock.advance(LOOK)
        self.assertEqual(len(self.sent), 1)

    def test_many_are_all_sent(self) -> None:
        for kind in ("new-device", "factor-added", "app-password-added"):
            for _ in range(10):
                self.tell(kind=kind)
        self.clock.advance(LOOK)
        self.assertEqual(len(self.sent), 30)

    def test_a_second_address_is_where_it_says(self) -> None:
        self.tell(to="ann@example.net")
        self.clock.advance(LOOK)
        self.assertEqual([to for to, _ in self.sent], ["ann@example.net"])


class TroubleTests(Spool):
    def refuse(self, trouble: Trouble, to: str = NAME) -> None:
        self.trouble[to] = trouble

    def test_what_is_refused_for_good_ends_with_an_event(self) -> None:
        self.refuse(Trouble("5.1.1", "No such recipient here"))
        self.tell()
        self.clock.advance(LOOK)
        (event,) = self.told("notice.not_sent")
        self.assertEqual((event["account"], event["notice"]), ("1-ann", "locked"))
        self.assertEqual(self.left(), 0)

    def test_what_is_refused_for_now_comes_again_with_growing_pauses_for_two_days(self) -> None:
        self.refuse(Trouble("4.2.2", "full"))
        self.tell()
        for _ in range(int(GIVEN_UP / 60) + 1000):
            self.clock.advance(60)
        pauses = [event["pause"] for event in self.told("notice.delayed")]
        self.assertEqual(pauses[: len(PAUSES)], list(PAUSES))
        self.assertEqual(set(pauses[len(PAUSES) :]), {PAUSES[-1]})
        (event,) = self.told("notice.not_sent")
        self.assertIn("for two days", event["error"])
        self.assertEqual((self.left(), self.sent), (0, []))

    def test_it_is_sent_when_the_trouble_is_over(self) -> None:
        self.refuse(Trouble("4.2.2", "full"))
        self.tell()
        self.clock.advance(LOOK)
        self.trouble.clear()
        self.clock.advance(PAUSES[0] - LOOK)
        self.assertEqual(self.sent, [])
        for _ in range(20):
            self.clock.advance(LOOK)
        self.assertEqual(len(self.sent), 1)

    def test_one_that_is_refused_keeps_no_other(self) -> None:
        self.refuse(Trouble("4.2.2", "full"))
        self.tell()
        self.tell("2-bob", "bob")
        self.clock.advance(LOOK)
        self.assertEqual([to for to, _ in self.sent], ["bob@example.org"])

    def test_a_server_that_is_away_is_asked_once_not_for_each(self) -> None:
        asked: list[str] = []

        async def away(to: str, octets: bytes) -> None:
            asked.append(to)
            raise NotReached("nobody there")

        self.telling._send = away
        for kind in ("locked", "new-device", "factor-added"):
            self.tell(kind=kind)
        self.clock.advance(LOOK)
        self.assertEqual((len(asked), len(self.told("notice.delayed"))), (1, 3))

    def test_a_directory_that_is_away_is_temporary(self) -> None:
        self.people.away = True
        self.tell()
        self.clock.advance(LOOK)
        self.assertEqual(len(self.told("notice.delayed")), 1)

    def test_whoever_is_gone_or_has_no_address_gets_nothing(self) -> None:
        self.tell("9-gone", "gone@example.org")
        self.tell("1-ann", "bob", "new-device")  # that is somebody else
        self.tell("1-ann", "", "new-network")
        self.clock.advance(LOOK)
        self.assertEqual((self.sent, len(self.told("notice.not_sent"))), ([], 3))

    def test_a_kind_without_words_ends_with_an_event(self) -> None:
        self.tell(kind="of-tomorrow")
        self.clock.advance(LOOK)
        self.assertEqual(len(self.told("notice.not_sent")), 1)

    def test_a_spool_that_cannot_be_read_is_told_once_and_read_again(self) -> None:
        notices = self.state.notices

        async def full(*_: object) -> Any:
            raise StateAway("the disk is full")

        self.tell()
        self.patch(self.state, "notices", full)
        for _ in range(50):
            self.clock.advance(LOOK)
        self.assertEqual(len(self.told("notice.spool_away")), 1)
        self.patch(self.state, "notices", notices)
        self.clock.advance(LOOK_ANYHOW)
        self.assertEqual(len(self.sent), 1)

    def test_the_end_calls_off_what_is_under_way_and_the_next_process_sends_it(self) -> None:
        waiting: list[Deferred[None]] = []

        async def slow(to: str, octets: bytes) -> None:
            waiting.append(Deferred())
            await waiting[-1]

        self.telling._send = slow
        self.tell()
        self.clock.advance(LOOK)
        self.assertEqual(len(waiting), 1)
        self.successResultOf(started(self.telling.stop()))
        again = self.a_telling()
        self.successResultOf(started(again.start()))
        self.addCleanup(lambda: self.successResultOf(started(again.stop())))
        self.clock.advance(telling.LEASE)
        self.assertEqual(len(self.sent), 1)


class WhetherTests(SynchronousTestCase):
    def assembly(self, settings: NoticesSettings, **parts: Any) -> OnePart:
        folder = Path(self.mktemp())
        folder.mkdir()
        return OnePart(folder, threads=AtOnce(), parts=parts, once=(settings,))

    def test_where_nobody_is_to_be_told_there_is_nothing(self) -> None:
        self.assertIsNone(the_telling(self.assembly(NoticesSettings(send=False), directory={"p": People()})))
        self.assertIsNone(the_telling(self.assembly(NoticesSettings())))
        self.assertIsNotNone(the_telling(self.assembly(NoticesSettings(), directory={"p": People()})))
