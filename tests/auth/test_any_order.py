"""Whatever the order in which connections come, wait and go: limits hold, and devices work."""

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some
from twisted.internet.defer import Deferred

from mailtwist.auth import limits
from mailtwist.auth.api import Accepted, Source
from mailtwist.auth.buckets import key_of
from mailtwist.config.limits import LimitsSettings
from mailtwist.config.rate import Rate
from mailtwist.kit.spawn import started
from mailtwist.testing.directory import MemoryDirectory
from mailtwist.testing.threads import AtOnce, InTurn
from tests.auth.house import HOME, HOME_TOO, NAME, PASSWORD
from tests.auth.watching import Watching

HOUR = 3600.0
EACH, ALL = 3, 7
LIMITS = LimitsSettings(
    account_address=Rate(EACH, HOUR), account=Rate(ALL, HOUR), known=Rate(EACH, HOUR), in_flight=2
)
ATTACKERS = tuple(f"203.0.113.{n}" for n in range(1, 5))

quick = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


class Interleaved(Watching):
    """Durable state answers when the test says so."""

    def renew(self) -> None:
        self.patch(limits, "LEASE", 100 * HOUR)  # what takes longer is charged, whatever becomes of it
        self.threads = InTurn()
        self.build(once=(LIMITS,))
        self.saved = self.right()
        self.accepted(self.saved)
        self.clock.advance(60)
        self.ended()
        self.totp.asked.clear()
        self.directory.asked.clear()
        database = self.durable._db
        database._threads = self.threads
        self.addCleanup(setattr, database, "_threads", AtOnce())
        self.addCleanup(self.threads.do_all)  # what hypothesis leaves in the middle comes to its end
        self.waiting: list[Deferred[Accepted]] = []
        self.devices: list[Deferred[Accepted]] = []

    def wrong_strings(self) -> list[bytes]:
        codes = {self.code(steps) for steps in range(-5, 200)} | {self.saved[-6:].decode()}
        free = [code for n in range(300) if (code := f"{n:06d}") not in codes]
        return [PASSWORD + b"@" + code.encode() for code in free]

    def guess(self, secret: bytes, address: str) -> None:
        waiting = self.begin(secret, address)
        waiting.addErrback(lambda failure: None)
        self.waiting.append(waiting)

    def poll(self) -> None:
        """The owner's phone, with what it has saved."""
        self.devices.append(self.begin(self.saved, HOME_TOO))

    def do_some(self, data: some.DataObject) -> None:
        for _ in range(data.draw(some.integers(0, 6))):
            if self.threads.waiting:
                self.threads.do(data.draw(some.integers(0, len(self.threads.waiting) - 1)))

    def go(self, data: some.DataObject) -> None:
        """A client hangs up."""
        here = [one for one in self.waiting if not one.called]
        if here:
            here[data.draw(some.integers(0, len(here) - 1))].cancel()

    def come_to_an_end(self) -> None:
        for _ in range(200):
            self.threads.do_all()
            self.clock.advance(1)
            if all(one.called for one in [*self.waiting, *self.devices]):
                return
        self.fail("somebody waits for ever")

    def each_has_ended_once(self) -> None:
        """And what is spent is what has failed, and nothing that was paid back."""
        ended = [tuple(one.ended) for one in self.charged]
        self.assertLessEqual(set(ended), {("failed",), ("forgiven",)})
        for source, rate in ((Source.UNTRUSTED, LIMITS.account), (Source.KNOWN, LIMITS.known)):
            name = "account" if source is Source.UNTRUSTED else "known"
            reading = self.volatile.spent(key_of(f"{name}/{source.value}", rate, "a1"), HOUR)
            failed = [one for one in self.charged if one.attempt.source is source and one.ended == ["failed"]]
            self.assertEqual(self.successResultOf(started(reading)), len(failed), source)


class AnyOrderTests(Interleaved):
    steps = some.lists(
        some.sampled_from(["guess", "guess", "guess", "again", "go", "poll", "tick"]), max_size=40
    )

    @quick
    @given(steps, some.data())
    def test_no_more_are_judged_than_are_allowed(self, steps: list[str], data: some.DataObject) -> None:
        self.renew()
        fresh = iter(self.wrong_strings())
        said = [next(fresh)]
        for step in steps:
            if step == "guess":
                said.append(next(fresh))
                self.guess(said[-1], data.draw(some.sampled_from(ATTACKERS)))
            elif step == "again":
                self.guess(data.draw(some.sampled_from(said)), data.draw(some.sampled_from(ATTACKERS)))
            elif step == "go":
                self.go(data)
            elif step == "poll":
                self.poll()
            else:
                self.clock.advance(data.draw(some.sampled_from([0.1, 1, 8, 30])))
            self.do_some(data)
        self.come_to_an_end()
        self.limits_have_held()

    def limits_have_held(self) -> None:
        guesses = [code for _, code in self.totp.asked]
        self.assertLessEqual(len(guesses), ALL, guesses)
        for attacker in ATTACKERS:
            charged = [one for one in self.charged if one.attempt.address == attacker]
            self.assertLessEqual(sum(one.ended == ["failed"] for one in charged), EACH)
        for device in self.devices:
            self.assertEqual(self.successResultOf(device).password, PASSWORD)
        self.assertEqual(len(self.directory.asked), len(self.devices))
        self.each_has_ended_once()


class RightAndWrongTests(Interleaved):
    """The owner comes from new places while somebody guesses; what is paid back to him is his own."""

    @quick
    @given(some.lists(some.sampled_from(["guess", "owner", "tick", "go"]), max_size=25), some.data())
    def test_what_is_paid_back_is_nobody_elses(self, steps: list[str], data: some.DataObject) -> None:
        self.renew()
        fresh = iter(self.wrong_strings())
        for n, step in enumerate(steps):
            if step == "guess":
                self.guess(next(fresh), data.draw(some.sampled_from(ATTACKERS)))
            elif step == "owner":
                self.guess(self.right(), f"198.51.100.{n}")
            elif step == "go":
                self.go(data)
            else:
                self.clock.advance(30)
            self.do_some(data)
        self.come_to_an_end()
        self.each_has_ended_once()


class AcrossRestartsTests(Watching):
    """A code is for one string of one client, and stays used when the process ends."""

    @quick
    @given(
        some.lists(
            some.tuples(
                some.sampled_from([b"one", b"two"]),
                some.sampled_from([HOME, HOME_TOO, "2001:db8::1", ""]),
                some.sampled_from([0, 1, 21, 30]),
                some.booleans(),
            ),
            max_size=8,
        )
    )
    def test_a_code_is_for_one_string_of_one_client(self, steps: list[tuple[bytes, str, int, bool]]) -> None:
        class Careless(MemoryDirectory):
            async def accepts(self, *args: object) -> bool:
                return True

        careless = Careless()
        careless.add(NAME, PASSWORD, "a1")
        self.build(directory=careless, remember=0.0, once=(LimitsSettings(account_address=Rate(100, HOUR)),))
        inside: dict[str, set[tuple[bytes, str]]] = {}
        for string, client, later, restart in steps:
            code = self.code()
            if self.gets_in(string + b"@" + code.encode(), client):
                inside.setdefault(code, set()).add((string, client))
            if restart:
                self.restart()
            self.clock.advance(later)
        for code, who in inside.items():
            self.assertEqual(len(who), 1, (code, who))

    def gets_in(self, secret: bytes, client: str) -> bool:
        waiting: Deferred[Any] = self.begin(secret, client)
        got_in = waiting.called and isinstance(waiting.result, Accepted)
        waiting.addErrback(lambda failure: None)
        return bool(got_in)
