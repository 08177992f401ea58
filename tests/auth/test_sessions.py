"""Sessions end when they have to, and only then."""

from functools import partial
from pathlib import Path
from typing import Any

from twisted.logger import globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from mailtwist.auth.devices import the_devices
from mailtwist.auth.endings import the_endings
from mailtwist.auth.sessions import EVERY, STILL_HERE, Session, the_sessions
from mailtwist.kit.spawn import started
from mailtwist.state.api import StateAway
from mailtwist.state.process import durable
from mailtwist.state.volatile.memory import MemoryState
from mailtwist.state.volatile.memory import Settings as MemorySettings
from mailtwist.testing.assembly import OnePart
from mailtwist.testing.clock import ManualClock
from mailtwist.testing.durable_devices import a_device
from mailtwist.testing.threads import AtOnce


class SessionsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.events: list[dict[str, Any]] = []
        globalLogPublisher.addObserver(self.events.append)
        self.addCleanup(globalLogPublisher.removeObserver, self.events.append)
        folder = Path(self.mktemp())
        folder.mkdir()
        self.clock = ManualClock()
        state: dict[str, Any] = {}
        self.assembly = OnePart(folder, clock=self.clock, threads=AtOnce(), parts={"state": state})
        state["memory"] = MemoryState(MemorySettings(), self.assembly)
        self.sessions = self.assembly.one(the_sessions)
        self.endings = self.assembly.one(the_endings)
        self.durable = durable(self.assembly)
        self.of(self.assembly.start())
        self.addCleanup(lambda: self.of(self.assembly.stop()))
        self.closed: list[str] = []

    def of(self, work: Any) -> Any:
        return self.successResultOf(started(work))

    def session(self, name: str, device: str = "d1", account: str = "ann", mark: int = -1) -> Session:
        mark = self.of(self.sessions.mark()) if mark < 0 else mark
        return self.sessions.register(account, device, name, mark, lambda why: self.closed.append(name))

    def ends(self, name: str, why: str) -> None:
        self.closed.append(f"{name} {why}")

    def test_those_of_the_device_end_and_no_others(self) -> None:
        for name, device, account in (
            ("a", "d1", "ann"),
            ("b", "d1", "ann"),
            ("c", "d2", "ann"),
            ("d", "", "ann"),
            ("e", "d1", "bob"),
        ):
            self.session(name, device, account)
        self.of(self.durable.end_sessions("ann", "d1", "revoked", self.clock.now()))
        self.assertEqual(self.closed, [])
        self.clock.advance(EVERY)
        self.assertEqual(sorted(self.closed), ["a", "b"])
        self.of(self.durable.end_sessions("ann", "", "disabled", self.clock.now()))
        self.clock.advance(EVERY)
        self.assertEqual(sorted(self.closed), ["a", "b", "c", "d"])

    def test_one_that_a_token_has_opened_may_end_with_it(self) -> None:
        for name, seconds in (("a", 60), ("b", 120), ("over", -5)):
            until = self.clock.now() + seconds
            session = self.sessions.register("ann", "", name, -1, partial(self.ends, name), until)
        self.clock.advance(0)
        self.assertEqual(self.closed, ["over token-over"])
        session.left()
        self.clock.advance(60)
        self.sessions.of("ann")[0].left()
        self.clock.advance(1000)
        self.assertEqual(self.closed, ["over token-over", "a token-over"])
        self.assertEqual(self.sessions.of("ann"), [])

    def test_what_is_said_is_heard_at_once(self) -> None:
        self.session("a")
        self.of(self.endings.account("ann", "disabled"))
        self.assertEqual(self.closed, ["a"])
        self.assertIn("session.ended", [event.get("event_id") for event in self.events])

    def test_a_revoked_device_ends_everywhere(self) -> None:
        self.session("a")
        device = self.of(self.durable.remember(a_device("d1", self.clock.now()), 8)).device
        self.assertEqual(self.of(self.endings.device(device, "revoked")), True)
        self.assertEqual(self.of(self.endings.device(device, "revoked")), False)
        self.assertEqual(self.closed, ["a"])

    def test_all_devices_can_be_revoked(self) -> None:
        for id in ("d1", "d2"):
            self.of(self.durable.remember(a_device(id, self.clock.now()), 8))
            self.session(id, id)
        self.assertEqual(self.of(self.endings.devices("ann", "factor-reset")), 2)
        self.assertEqual(sorted(self.closed), ["d1", "d2"])

    def test_who_has_left_is_not_told(self) -> None:
        self.session("a").left()
        self.of(self.endings.account("ann", "disabled"))
        self.assertEqual((self.closed, self.sessions.of("ann")), ([], []))

    def test_a_login_that_was_under_way_ends(self) -> None:
        """Whatever is written after its mark, also when it was read before the login registered."""
        mark = self.of(self.sessions.mark())
        self.of(self.endings.account("ann", "password-changed"))
        self.session("late", mark=mark)
        self.session("bob", account="bob", mark=mark)
        self.assertEqual(self.closed, ["late"])

    def test_a_login_after_that_stays(self) -> None:
        """Even if nobody has looked yet."""
        self.of(self.durable.end_sessions("ann", "", "password-changed", self.clock.now()))
        self.session("new")
        self.clock.advance(EVERY)
        self.assertEqual(self.closed, [])

    def test_what_ended_before_the_process_began_ends_nobody(self) -> None:
        self.of(self.endings.account("ann", "disabled"))
        self.of(self.assembly.stop())
        self.assembly._one.clear()
        self.sessions = self.assembly.one(the_sessions)
        self.of(self.assembly.start())
        self.session("new", mark=0)
        self.clock.advance(EVERY)
        self.assertEqual(self.closed, [])

    def test_trouble_with_the_disk_is_told_and_goes_by(self) -> None:
        self.session("a")
        endings = self.durable.endings

        async def away(after: int) -> Any:
            raise StateAway("disk")

        self.of(self.durable.end_sessions("ann", "", "disabled", self.clock.now()))
        self.patch(self.durable, "endings", away)
        for _ in range(8):
            self.clock.advance(EVERY)
        self.assertEqual(self.closed, [])
        self.assertEqual([e.get("event_id") for e in self.events].count("session.not_seen"), 1)
        self.patch(self.durable, "endings", endings)
        self.clock.advance(EVERY)
        self.assertEqual(self.closed, ["a"])

    def test_nothing_is_read_while_nothing_changes(self) -> None:
        asked: list[int] = []

        async def endings(after: int) -> list[Any]:
            asked.append(after)
            return []

        self.patch(self.durable, "endings", endings)
        for _ in range(40):
            self.clock.advance(EVERY)
        self.assertEqual(asked, [])

    def test_a_session_of_days_keeps_its_device(self) -> None:
        heard: list[tuple[str, str]] = []
        devices = self.assembly.one(the_devices)
        self.patch(devices, "still_here", lambda account, device: heard.append((account, device)))
        self.session("a"), self.session("b"), self.session("c", "")
        for _ in range(int(STILL_HERE / EVERY) + 1):
            self.clock.advance(EVERY)
        self.assertEqual(heard, [("ann", "d1")])
