"""A code is accepted once, however many come at once and wherever from."""

from hypothesis import given, settings
from hypothesis import strategies as some
from twisted.internet.defer import CancelledError, Deferred

from mailtwist.auth.api import Accepted, LoginRefused, Person
from mailtwist.auth.places import network_of
from mailtwist.state.api import StateAway
from mailtwist.state.records import Use
from mailtwist.testing.directory import MemoryDirectory
from mailtwist.testing.threads import InTurn
from tests.auth.house import AWAY, HOME, HOME_TOO, NAME, PASSWORD, House


class Careless(MemoryDirectory):
    """Every password is right: what is refused, the code refused."""

    async def accepts(self, person: Person, password: bytes) -> bool:
        await super().accepts(person, password)
        return True


class Contested(House):
    """Durable state answers when the test says so, and every password is right."""

    def setUp(self) -> None:
        super().setUp()
        self.renew()

    def renew(self) -> None:
        self.threads = InTurn()
        directory = Careless()
        directory.add(NAME, PASSWORD, "a1")
        self.build(directory=directory, threads=self.threads)
        self.addCleanup(self.threads.do_all)  # what hypothesis leaves in the middle comes to its end
        self.asked = directory.asked

    def end(self, *waiting: Deferred[Accepted]) -> list[bool]:
        """Who got in."""
        self.threads.do_all()
        self.clock.advance(2)
        ended = []
        for one in waiting:
            one.addErrback(lambda failure: failure.trap(LoginRefused) and None)
            ended.append(self.successResultOf(one) is not None)
        return ended


class AtOnceTests(Contested):
    def test_five_connections_of_one_client_are_one_evaluation(self) -> None:
        secret = self.right()
        waiting = [self.begin(secret) for _ in range(5)]
        self.assertEqual(self.end(*waiting), [True] * 5)
        self.assertEqual(len(self.totp.asked), 1)
        self.assertEqual(self.asked, [(NAME, PASSWORD)] * 5)
        devices = {self.successResultOf(one) for one in waiting}
        self.assertEqual(len(devices), 1)
        self.assertEqual(len(self.devices()), 1)

    def devices(self) -> list[str]:
        found = Deferred.fromCoroutine(self.durable.devices("a1"))
        self.threads.do_all()
        return [device.id for device in self.successResultOf(found)]

    def test_five_wrong_ones_are_one_evaluation_too(self) -> None:
        secret = self.wrong()
        self.assertEqual(self.end(*[self.begin(secret) for _ in range(5)]), [False] * 5)
        self.assertEqual(len(self.totp.asked), 1)

    def test_two_strings_with_one_code_are_one_login(self) -> None:
        code = b"@" + self.code().encode()
        self.assertEqual(
            sorted(self.end(self.begin(b"one" + code), self.begin(b"two" + code))), [False, True]
        )
        self.assertEqual(len(self.asked), 1)

    def test_one_string_from_two_addresses_is_one_login(self) -> None:
        secret = self.right()
        waiting = [self.begin(secret), self.begin(secret, AWAY)]
        self.assertEqual(sorted(self.end(*waiting)), [False, True])
        self.assertEqual(len(self.asked), 1)

    def test_without_an_address_nobody_is_the_same_client(self) -> None:
        secret = self.right()
        self.assertEqual(sorted(self.end(self.begin(secret, ""), self.begin(secret, ""))), [False, True])

    def test_when_the_first_goes_the_next_is_judged(self) -> None:
        secret = self.right()
        first, *others = [self.begin(secret) for _ in range(3)]
        first.cancel()
        self.failureResultOf(first, CancelledError)
        self.assertEqual(self.end(*others), [True, True])

    def test_when_the_first_goes_after_the_code_was_used_the_next_joins(self) -> None:
        secret = self.right()
        first, *others = [self.begin(secret) for _ in range(3)]
        while not self.asked and len(self.totp.asked) < 1:
            self.threads.do()
        self.threads.do()  # the tokens are read
        self.threads.do()  # the last step is read; the code is used from here on
        first.cancel()
        self.failureResultOf(first, CancelledError)
        self.assertEqual(self.end(*others), [True, True])


class LaterTests(House):
    def test_the_same_client_joins_for_twenty_seconds(self) -> None:
        self.build(remember=0.0)
        secret = self.right()
        self.accepted(secret)
        self.clock.advance(20)
        self.accepted(secret)
        self.clock.advance(1)
        self.assertEqual(self.refused(secret), "used-code")

    def test_another_address_does_not_join(self) -> None:
        self.build(remember=0.0)
        secret = self.right()
        self.accepted(secret)
        self.clock.advance(5)
        for address in (HOME_TOO, AWAY, "2001:db8::1", ""):
            self.assertEqual(self.refused(secret, address), "used-code")

    def test_an_older_code_is_used_up_by_a_newer_one(self) -> None:
        older = self.right(-1)
        self.accepted(self.right())
        self.assertEqual(self.refused(older), "used-code")

    def test_a_code_stays_used_in_the_next_process(self) -> None:
        self.build(remember=0.0)
        secret = self.right()
        self.accepted(secret)
        self.restart()
        for _ in range(2):
            self.assertEqual(self.refused(secret), "used-code")

    def test_the_code_of_the_enrolment_is_used(self) -> None:
        self.clock.advance(-30)
        self.assertEqual(self.refused(self.right()), "used-code")

    def test_a_code_that_durable_state_gave_to_another_lets_nobody_join(self) -> None:
        """Two processes with a volatile state each, and the same client at both in the same moment."""
        secret = self.right()
        real = self.durable.advance

        async def taken(account: str, token: str, step: int, by: bytes) -> Use:
            await real(account, token, step, b"somebody else")
            return await real(account, token, step, by)

        self.patch(self.durable, "advance", taken)
        self.assertEqual(self.refused(secret), "used-code")
        self.patch(self.durable, "advance", real)
        self.assertEqual(self.refused(secret), "used-code")

    def test_two_processes_let_the_same_client_in_at_the_same_moment(self) -> None:
        """The other one used the code after this one had looked."""
        real = self.durable.advance

        async def used(account: str, token: str, step: int, by: bytes) -> Use:
            await real(account, token, step, by)
            return await real(account, token, step, by)

        self.patch(self.durable, "advance", used)
        self.accepted(self.right())

    def test_two_processes_let_no_client_in_twice_that_nobody_knows(self) -> None:
        secret, marks = self.right(), []
        real = self.durable.advance

        async def noted(account: str, token: str, step: int, by: bytes) -> Use:
            marks.append(by)
            return await real(account, token, step, by)

        self.patch(self.durable, "advance", noted)
        self.accepted(secret, "")
        self.assertEqual(self.refused(secret, ""), "used-code")
        self.clock.advance(30)
        self.patch(self.volatile, "use_once", self.never_seen)  # that of another process
        self.patch(self.durable, "last_step", self.nothing_yet)
        self.assertEqual(self.refused(secret, ""), "used-code")
        self.assertEqual(len(set(marks)), 2)

    def test_two_processes_let_no_other_client_in_at_the_same_moment(self) -> None:
        self.build(remember=0.0)
        secret = self.right()
        self.accepted(secret)
        self.patch(self.volatile, "use_once", self.never_seen)
        self.patch(self.durable, "last_step", self.nothing_yet)
        self.assertEqual(self.refused(secret, AWAY), "used-code")

    async def never_seen(self, *args: object) -> Use:
        return Use.NEW

    async def nothing_yet(self, account: str, token: str) -> int:
        return -1

    def test_a_disk_that_comes_back_lets_the_same_client_go_on(self) -> None:
        secret = self.right()
        real = self.durable.advance

        async def full(*args: object) -> Use:
            raise StateAway("disk full")

        self.patch(self.durable, "advance", full)
        self.unavailable(secret)
        self.patch(self.durable, "advance", real)
        self.assertEqual(self.refused(secret, AWAY), "used-code")
        self.accepted(secret)


class AnyOrderTests(Contested):
    """Whatever the order of events: one code, one string, one client."""

    strings = some.sampled_from([b"one", b"two", b"three"])
    clients = some.sampled_from([HOME, HOME_TOO, AWAY, "2001:db8::1", ""])

    @settings(max_examples=60, deadline=None)
    @given(some.lists(some.tuples(strings, clients), min_size=2, max_size=8), some.data())
    def test_a_code_is_for_one_string_of_one_client(
        self, attempts: list[tuple[bytes, str]], data: some.DataObject
    ) -> None:
        self.renew()
        code = b"@" + self.code().encode()
        waiting = []
        for string, client in attempts:
            waiting.append(self.begin(string + code, client))
            for _ in range(data.draw(some.integers(0, 4))):
                if self.threads.waiting:
                    self.threads.do(data.draw(some.integers(0, len(self.threads.waiting) - 1)))
        while self.threads.waiting:
            self.threads.do(data.draw(some.integers(0, len(self.threads.waiting) - 1)))
        inside = [attempt for attempt, got_in in zip(attempts, self.end(*waiting)) if got_in]
        self.assertEqual(len({string for string, _ in inside}), 1, inside)
        clients = [client for _, client in inside]
        # The string that got in is a device from then on, honoured in its network.
        self.assertEqual(len({network_of(client) for client in clients}), 1, inside)
        self.assertTrue("" not in clients or len(clients) == 1, inside)
