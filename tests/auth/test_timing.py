"""All refusals take the same time, whatever they cost."""

from twisted.internet.defer import Deferred

from mailtwist.auth.api import Accepted, LoginRefused, Person
from mailtwist.auth.release import LATELY
from mailtwist.config.values import Duration
from mailtwist.kit.spawn import started
from mailtwist.state.api import StateAway
from mailtwist.testing.directory import MemoryDirectory
from tests.auth.house import AWAY, NAME, PASSWORD, House


class Slow(MemoryDirectory):
    """Answers when the test says so."""

    def __init__(self) -> None:
        super().__init__()
        self.gate: Deferred[None] = Deferred()

    async def accepts(self, person: Person, password: bytes) -> bool:
        await self.gate
        return await super().accepts(person, password)


class Released(House):
    def released(self, waiting: Deferred[Accepted]) -> float:
        """How long it took to be refused."""
        begun = self.clock.seconds()
        while not waiting.called:
            self.clock.advance(1 / 64)
        self.failureResultOf(waiting)
        return self.clock.seconds() - begun


class TimingTests(Released):
    def test_every_refusal_comes_at_the_same_time(self) -> None:
        used = self.right()
        self.accepted(used)
        self.clock.advance(30)
        revoked = self.right()
        device = self.accepted(revoked).device
        self.successResultOf(started(self.durable.revoke("a1", device, self.clock.now())))
        self.directory.add("off@example.org", PASSWORD, "a9", enabled=False)
        attempts = {
            "unknown": self.begin(self.wrong(), user="nobody@example.org"),
            "disabled": self.begin(self.wrong(), user="off@example.org"),
            "wrong-code": self.begin(self.wrong()),
            "no-code": self.begin(PASSWORD),
            "no-password": self.begin(b"@123456"),
            "used-code": self.begin(b"x" + revoked),
            "other-network": self.begin(used, AWAY),
            "revoked-device": self.begin(revoked),
            "bad-name": self.begin(used, user=b"\xff"),
            "bad-octets": self.begin(used, user=b"\0"),
            "wrong-password": self.begin(b"x@" + self.code(1).encode()),
        }
        self.clock.advance(1.999)
        self.assertEqual([reason for reason, waiting in attempts.items() if waiting.called], [])
        self.clock.advance(0.001)
        for reason, waiting in attempts.items():
            self.assertEqual(self.failureResultOf(waiting, LoginRefused).value.reason, reason)

    def test_what_took_longer_comes_at_the_next_multiple(self) -> None:
        for took, expected in (
            (0.0, 2.0),
            (1.75, 2.0),
            (2.0, 2.0),
            (2.125, 2.5),
            (2.5, 2.5),
            (7.0, 7.0),
            (7.25, 7.5),
            (8.125, 8.5),
            (11.0, 11.0),
            (11.75, 12.0),
        ):
            directory = Slow()
            directory.add(NAME, PASSWORD, "a1")
            self.build(directory=directory)
            waiting = self.begin(b"x@" + self.code().encode())
            self.clock.later(took, directory.gate.callback, None)
            self.assertEqual(self.released(waiting), expected, took)

    def test_what_ends_in_time_is_held_back_no_longer_than_eight_seconds(self) -> None:
        self.build(refusal=Duration(6), quantum=Duration(3.5))
        self.assertEqual(self.released(self.begin(PASSWORD)), 7.0)
        self.build(refusal=Duration(7.5), quantum=Duration(3.5))
        self.assertEqual(self.released(self.begin(PASSWORD)), 8.0)

    def test_temporary_trouble_takes_as_long(self) -> None:
        async def away(*args: object) -> None:
            raise StateAway("disk")

        self.patch(self.durable, "device", away)
        self.assertEqual(self.released(self.begin(PASSWORD)), 2.0)

    def test_who_gets_in_does_not_wait(self) -> None:
        self.assertTrue(self.begin(self.right()).called)

    def test_the_times_are_settings(self) -> None:
        self.build(refusal=Duration(0.25), quantum=Duration(0.125))
        self.assertEqual(self.released(self.begin(PASSWORD)), 0.25)


class SlowDirectoryTests(Released):
    """It waits a while itself before it refuses a password, as mail servers do."""

    def setUp(self) -> None:
        super().setUp()
        self.slow = Slow()
        self.slow.add(NAME, PASSWORD, "a1")
        self.build(directory=self.slow)

    def refused_by_it(self, took: float, secret: bytes) -> float:
        self.slow.gate = Deferred()
        waiting = self.begin(secret)
        self.clock.later(took, self.slow.gate.callback, None)
        return self.released(waiting)

    def test_a_wrong_code_takes_as_long_as_a_wrong_password(self) -> None:
        self.assertEqual(self.refused_by_it(2.25, b"x@" + self.code().encode()), 2.5)
        self.assertEqual(self.released(self.begin(self.wrong())), 2.5)
        self.assertEqual(self.released(self.begin(PASSWORD)), 2.5)
        self.clock.advance(60)
        self.assertEqual(self.refused_by_it(0, b"y@" + self.code().encode()), 2.5)
        self.assertEqual(self.released(self.begin(b"z@" + self.wrong()[-6:])), 2.5)
        self.clock.advance(LATELY)
        self.assertEqual(self.released(self.begin(b"v@" + self.wrong()[-6:])), 2.0)

    def test_never_longer_than_those_wait_who_ask_for_others(self) -> None:
        self.assertEqual(self.refused_by_it(20, b"x@" + self.code().encode()), 20)
        self.assertEqual(self.released(self.begin(self.wrong())), 8.0)

    def test_who_took_longer_himself_does_not_wait_for_the_slowest_too(self) -> None:
        self.assertEqual(self.refused_by_it(300, b"x@" + self.code().encode()), 300)
        self.assertEqual(self.refused_by_it(8.25, b"y@" + self.code().encode()), 8.5)
