"""Six digits that are saved are not guessed either, by whoever knows the password and lives next door."""

from dataclasses import replace
from typing import Any

from mailtwist.auth import misses
from mailtwist.config.limits import LimitsSettings
from mailtwist.config.rate import Rate
from mailtwist.kit.spawn import started
from tests.auth.house import AWAY, HOME, PASSWORD, House

DAY = 86400.0
NEXT_DOOR, NEXT_BUT_ONE = "192.0.2.99", "192.0.2.100"
MOST = 10


class GuessedStringTests(House):
    """`NAME` has saved a string at `HOME`."""

    def build(self, **how: Any) -> None:
        super().build(once=(LimitsSettings(known_long=Rate(MOST, 30 * DAY)),), **how)

    def setUp(self) -> None:
        super().setUp()
        self.save()

    def save(self) -> None:
        self.saved = self.right()
        self.accepted(self.saved)
        self.clock.advance(60)

    def answer(self, secret: bytes, address: str = HOME, **more: Any) -> str:
        """What the client sees."""
        waiting = self.begin(secret, address, **more)
        self.clock.advance(2)
        seen: list[str] = []
        waiting.addCallbacks(
            lambda accepted: seen.append("yes"), lambda failure: seen.append(failure.value.status)
        )
        return seen[0]

    def guess(self, address: str, count: int = MOST, first: int = 0) -> None:
        """The attacker knows the password, and tries codes."""
        for number in range(first, first + count):
            secret = PASSWORD + b"@%06d" % number
            if secret != self.saved and secret != self.right():
                self.answer(secret, address)

    def test_next_door_there_are_so_many_guesses_and_no_more(self) -> None:
        self.guess(NEXT_DOOR, 3 * MOST)
        self.assertEqual(self.answer(self.saved, NEXT_DOOR), "4.7.0")
        self.assertEqual(self.answer(self.saved, NEXT_BUT_ONE), "4.7.0")
        self.clock.advance(31 * DAY / 2)
        self.accepted(self.saved)
        self.clock.advance(31 * DAY / 2)
        self.accepted(self.saved, NEXT_DOOR)

    def test_its_owner_goes_on_where_he_is(self) -> None:
        self.guess(NEXT_DOOR, 3 * MOST)
        self.accepted(self.saved)

    def test_somebody_behind_the_same_address_has_no_more_guesses_either(self) -> None:
        self.guess(HOME, 3 * MOST)
        self.assertEqual(self.answer(self.saved), "4.7.0")

    def test_who_guesses_elsewhere_stops_nobody_at_home(self) -> None:
        for n in range(5):
            self.guess(f"198.51.{n}.9", 3 * MOST, 1000 * n)
        for address in (HOME, NEXT_DOOR, NEXT_BUT_ONE):
            self.accepted(self.saved, address)

    def test_unless_saved_strings_are_honoured_everywhere(self) -> None:
        self.build(code_strings="open")
        self.save()
        for n in range(5):
            self.guess(f"198.51.{n}.9", MOST, 1000 * n)
        self.assertEqual(self.answer(self.saved, AWAY), "4.7.0")
        self.assertEqual(self.answer(self.saved, ""), "4.7.0")
        self.accepted(self.saved)

    def test_an_old_string_that_goes_on_polling_is_one(self) -> None:
        for _ in range(5 * MOST):
            self.answer(PASSWORD + b"@000000", NEXT_DOOR)
        self.accepted(self.saved, NEXT_DOOR)

    def test_fresh_codes_are_no_guesses(self) -> None:
        self.build(remember=0.0)
        for _ in range(2 * MOST):
            self.accepted(self.right())
            self.clock.advance(30)

    def test_who_hangs_up_each_time_has_no_more_guesses(self) -> None:
        for number in range(3 * MOST):
            waiting = self.begin(PASSWORD + b"@%06d" % number, NEXT_DOOR)
            waiting.addErrback(lambda failure: None)
            waiting.cancel()
        self.assertEqual(self.answer(self.saved, NEXT_DOOR), "4.7.0")

    def test_what_nobody_guesses_is_not_limited(self) -> None:
        self.guess(HOME, 3 * MOST)
        device = self.successResultOf(started(self.durable.devices("a1")))[0]
        self.assertEqual(device.kind, "code-string")
        self.patch(self.durable, "device", self.of_kind("device-code"))
        self.accepted(self.saved)

    def of_kind(self, kind: str) -> Any:
        real = self.durable.device

        async def device(account: str, marks: Any) -> Any:
            found = await real(account, marks)
            return found and replace(found, kind=kind)

        return device

    def test_beyond_a_limit_nobody_learns_from_elsewhere_which_string_is_saved(self) -> None:
        """Every string is answered alike, or whoever is locked out could try a million."""
        for n in range(6):
            self.guess(AWAY, 6, 100 * n)
        strange, saved = PASSWORD + b"@777777", self.saved
        self.assertEqual([self.answer(strange, AWAY), self.answer(saved, AWAY)], ["4.7.0", "4.7.0"])
        self.clock.advance(3600)
        self.assertEqual(self.answer(saved, AWAY), "5.7.8")

    def test_that_costs_nothing(self) -> None:
        for _ in range(50):
            self.assertEqual(self.answer(self.saved, AWAY), "5.7.8")
        self.accepted(self.right(), AWAY)

    def test_a_flood_of_places_takes_bounded_memory_and_forgets_the_least(self) -> None:
        self.patch(misses, "MOST", 100)
        self.guess(NEXT_DOOR, 3 * MOST)
        for n in range(300):
            self.answer(PASSWORD + b"@123123", f"203.0.{n // 200}.{n % 200}")
        self.assertLessEqual(len(self.assembly.one(misses.the_misses)._tried), 100)
        self.assertEqual(self.answer(self.saved, NEXT_DOOR), "4.7.0")
