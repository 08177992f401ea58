"""What the second factor has to stand, by the numbers of its design."""

from typing import Any

from twisted.internet.defer import Deferred

from mailtwist.auth.api import Accepted, LoginRefused, LoginRequest, LoginUnavailable, Person, Source
from mailtwist.auth.buckets import key_of
from mailtwist.config.limits import LimitsSettings
from mailtwist.config.network import Hostname
from mailtwist.config.rate import Rate
from mailtwist.kit.spawn import started
from mailtwist.state.api import StateAway
from mailtwist.testing.directory import MemoryDirectory
from tests.auth.house import AWAY, HOME, HOME_TOO, NAME, PASSWORD
from tests.auth.test_returning import Refusing
from tests.auth.watching import Watching

TEN = LimitsSettings(account=Rate(10, 900.0), account_address=Rate(10, 900.0), in_flight=1000)


class Proofs(Watching):
    def reasons(self, waiting: list[Deferred[Accepted]]) -> list[str]:
        """Why each did not get in, '' for who did."""
        self.clock.advance(2)
        self.clock.advance(8)
        found = []
        for one in waiting:
            if isinstance(one.result, Accepted):
                found.append("")
            else:
                error: Any = self.failureResultOf(one).value
                self.assertIsInstance(error, LoginRefused | LoginUnavailable)
                found.append(error.reason)
        return found

    def spent(self) -> float:
        key = key_of(f"account/{Source.UNTRUSTED.value}", TEN.account, "a1")
        return float(self.successResultOf(started(self.volatile.spent(key, 900.0))))

    def test_1_of_two_hundred_wrong_logins_at_once_ten_are_judged(self) -> None:
        self.build(once=(TEN,))
        waiting = [self.begin(b"%d" % n + self.wrong(), f"203.0.113.{n}") for n in range(200)]
        reasons = self.reasons(waiting)
        self.assertEqual((reasons.count("wrong-code"), reasons.count("too-many-attempts")), (10, 190))
        self.assertEqual((len(self.totp.asked), self.directory.asked), (10, []))
        self.assertEqual(self.spent(), 10)
        self.clock.advance(1800)
        self.assertEqual(self.spent(), 0)

    def test_2_a_lock_from_outside_hurts_nobody_inside(self) -> None:
        self.build(once=(TEN,))
        self.directory.add("bob@example.org", b"secret", "b1")
        phone = self.right()
        self.accepted(phone, HOME)
        self.clock.advance(60)
        attack = [self.begin(b"%d" % n + self.wrong(), f"203.0.113.{n}") for n in range(30)]
        self.assertIn("too-many-attempts", self.reasons(attack))
        self.accepted(phone, HOME)
        bob = self.begin(b"secret@000000", HOME_TOO, "bob@example.org")
        self.assertEqual(self.reasons([bob]), ["wrong-code"])
        self.assertEqual(self.reasons([self.begin(self.right(), AWAY)]), ["too-many-attempts"])
        self.clock.advance(1800)
        self.accepted(self.right(), AWAY)

    def test_3_one_code_one_string_one_client(self) -> None:
        code = b"@" + self.code().encode()
        two = [self.begin(PASSWORD + code), self.begin(b"other" + code)]
        self.assertEqual(sorted(self.reasons(two)), ["", "used-code"])
        self.clock.advance(60)
        self.totp.asked.clear()
        self.directory.asked.clear()
        secret = self.right()
        self.assertEqual(self.reasons([self.begin(secret) for _ in range(5)]), [""] * 5)
        self.assertEqual((len(self.totp.asked), len(self.directory.asked)), (1, 5))
        self.clock.advance(5)
        self.assertEqual(self.refused(secret, AWAY), "other-network")
        self.build(remember=0.0)
        secret = self.right()
        self.accepted(secret)
        self.clock.advance(5)
        self.assertEqual(self.refused(secret, HOME_TOO), "used-code")

    def test_4_a_password_arrives_as_it_was_typed(self) -> None:
        for password in (b"a b", b"100%", b"a@b@c", b"a+b", "pässwörd\N{SNOWMAN}".encode(), b"x" * 200):
            self.directory.add(NAME, password, "a1")
            self.clock.advance(30)
            self.accepted(password + b"@" + self.code().encode())
            self.assertEqual(self.directory.asked.pop(), (NAME, password))

    def test_5_a_password_without_a_code_goes_nowhere(self) -> None:
        self.assertEqual(self.refused(b"Sup3r@Secret"), "no-code")
        self.assertEqual((self.totp.asked, self.directory.asked), ([], []))

    def test_6_who_gets_a_token_later_has_no_plain_device(self) -> None:
        self.build(enrolled=False, factor="optional")
        self.accepted(PASSWORD)
        self.enroll()
        self.assertEqual(self.successResultOf(started(self.durable.devices("a1"))), [])
        self.assertEqual(self.refused(PASSWORD), "no-code")
        self.directory.asked.clear()
        self.assertEqual(self.refused(b"@" + self.code().encode()), "no-password")
        self.assertEqual(self.directory.asked, [])

    def test_7_a_changed_password_is_asked_about_twice(self) -> None:
        people = Refusing()
        people.add(NAME, PASSWORD, "a1")
        self.build(directory=people)
        phone = self.right()
        self.accepted(phone)
        people.add(NAME, b"new", "a1")
        people.asked.clear()
        for _ in range(60):
            self.clock.advance(60)
            self.reasons([self.begin(phone)])
        self.assertEqual(len(people.asked), 2)
        self.accepted(b"new@" + self.code().encode())
        self.assertEqual(self.refused(phone), "stale-device")

    def test_8_all_spellings_have_one_budget(self) -> None:
        class Aliased(MemoryDirectory):
            async def find(self, name: str) -> Person | None:
                return await super().find(NAME if name == "annie@example.net" else name)

        people = Aliased()
        people.add(NAME, PASSWORD, "a1")
        self.build(once=(TEN,), directory=people, default_domain=Hostname("example.org"))
        spellings = (
            "ann",
            "ANN@EXAMPLE.ORG",
            "CORP\\Ann",
            "annie@example.net",
            "\N{FULLWIDTH LATIN SMALL LETTER A}nn@example.org.",
        )
        for n in range(20):
            waiting = self.begin(b"%d" % n + self.wrong(), f"203.0.113.{n}", spellings[n % 5])
            waiting.addErrback(lambda failure: None)
        self.assertEqual(len(self.totp.asked), 10)
        self.assertEqual({one.attempt.account for one in self.charged}, {"a1"})

    def test_12_state_that_comes_and_goes_lets_nobody_in_and_blames_nobody(self) -> None:
        phone = self.right()
        self.accepted(phone)
        self.clock.advance(60)
        for method in ("lead", "refused", "charge", "use_once", "refund", "settle", "spent"):
            real = getattr(self.volatile, method)

            async def away(*args: object) -> Any:
                raise StateAway("redis")

            self.patch(self.volatile, method, away)
            self.accepted(phone)
            good, bare = self.begin(self.right(), HOME_TOO), self.begin(PASSWORD, AWAY)
            self.assertIn(self.reasons([good])[0], ("", "redis"), method)
            self.assertIn(self.reasons([bare])[0], ("no-code", "redis"), method)
            self.patch(self.volatile, method, real)
            self.clock.advance(120)
            self.accepted(self.right(), HOME_TOO)
            self.clock.advance(60)

    def test_13_all_refusals_are_one(self) -> None:
        used = self.right()
        self.accepted(used)
        self.clock.advance(30)
        self.directory.add("off@example.org", PASSWORD, "a9", enabled=False)
        begun = self.clock.seconds()
        waiting = {
            "unknown": self.begin(self.wrong(), user="nobody@example.org"),
            "wrong-password": self.begin(b"x@" + self.code().encode()),
            "wrong-code": self.begin(self.wrong()),
            "used-code": self.begin(b"x" + used),
            "other-network": self.begin(used, AWAY),
            "disabled": self.begin(self.wrong(), user="off@example.org"),
        }
        answers: dict[str, tuple[float, str]] = {}
        while len(answers) < len(waiting):
            self.clock.advance(1 / 64)
            for reason, one in waiting.items():
                if reason not in answers and one.called:
                    error: Any = self.failureResultOf(one, LoginRefused).value
                    self.assertEqual(error.reason, reason)
                    answers[reason] = (self.clock.seconds() - begun, f"{error.status} {error.public}")
        self.assertEqual(set(answers.values()), {(2.0, "5.7.8 Authentication failed")})


class BackendTests(Watching):
    """The rest of 7 and 12: directories that open something and go away."""

    def test_an_outage_of_the_backend_makes_no_device_stale(self) -> None:
        class Upstream(MemoryDirectory):
            away = False

            async def open(self, person: Person, password: bytes, request: LoginRequest) -> str | None:
                if self.away:
                    raise LoginUnavailable("no answer")
                return "session" if await self.accepts(person, password) else None

        upstream = Upstream()
        upstream.add(NAME, PASSWORD, "a1")
        self.build(directory=upstream)
        phone = self.right()
        self.accepted(phone)
        upstream.away = True
        for _ in range(30):
            self.clock.advance(60)
            waiting = self.begin(phone)
            self.clock.advance(2)
            self.failureResultOf(waiting, LoginUnavailable)
        upstream.away = False
        self.clock.advance(60)
        self.accepted(phone)
