"""Defects of counters and bans: nobody guesses for nothing, and nobody is shut out by what others do."""

from typing import Any

from twisted.internet.defer import Deferred

from mailtwist.auth.api import LoginUnavailable, Person
from mailtwist.kit.spawn import started
from mailtwist.testing.directory import MemoryDirectory
from tests.auth.house import AWAY, HOME, NAME, PASSWORD, House


class Credulous(MemoryDirectory):
    """Takes any password of people whom it knows."""

    async def accepts(self, person: Person, password: bytes) -> bool:
        self.asked.append((person.name, password))
        return True


class CounterDefects(House):
    def judged(self, *secrets: bytes, address: str = AWAY, **more: Any) -> int:
        """How many of these are not told to come later."""
        count = 0
        for secret in secrets:
            waiting = self.begin(secret, address, **more)
            self.clock.advance(2)
            limited: list[object] = []
            waiting.addErrback(lambda failure, limited=limited: limited.append(failure.value))
            count += not any(isinstance(error, LoginUnavailable) for error in limited)
        return count

    def test_defect_02_a_stranger_locks_nobody_for_good(self) -> None:
        """The lock ends by itself, also when the stranger never stops, and the owner is not in it."""
        saved = self.right()
        self.accepted(saved)
        for n in range(300):
            self.judged(b"guess@%06d" % n, address=f"203.0.113.{n % 200}")
            if n % 100 == 50:
                self.accepted(saved)
                self.clock.advance(30)
                self.accepted(self.right())
        self.assertTrue(self.told("limits.locked"))
        self.unavailable(self.right(), AWAY)
        self.clock.advance(2 * 3600)
        self.accepted(self.right(), AWAY)

    def test_defect_06_a_directory_that_takes_any_password_opens_nothing(self) -> None:
        """Wrong codes are counted as ever, and what it takes without a code is no device."""
        people = Credulous()
        people.add(NAME, PASSWORD, "a1")
        self.build(directory=people)
        right = {self.code(steps).encode() for steps in range(-2, 3)}
        wrong = [b"x@" + code for n in range(20) if (code := b"%06d" % n) not in right]
        self.assertEqual(self.judged(*wrong), 6)
        self.assertEqual(people.asked, [])
        self.assertEqual(list(self.successResultOf(started(self.durable.devices("a1")))), [])

    def test_defect_07_what_the_directory_refuses_is_counted(self) -> None:
        """The code is right each time, and the password wrong."""
        judged = 0
        for n in range(12):
            judged += self.judged(b"guess %d@%b" % (n, self.code().encode()))
            self.clock.advance(28)
        self.assertEqual((judged, len(self.directory.asked)), (6, 6))
        self.assertEqual(self.judged(self.right()), 0)

    def test_defect_07_also_where_no_code_is_needed(self) -> None:
        self.build(enrolled=False, factor="optional")
        self.assertEqual(self.judged(*[b"guess %d" % n for n in range(12)]), 6)
        self.assertEqual(len(self.directory.asked), 6)

    def test_defect_12_who_was_pushed_out_of_the_list_harms_nobody_by_going_on(self) -> None:
        self.build(devices=1)
        old = self.right()
        self.accepted(old)
        self.clock.advance(30)
        new = self.right()
        self.accepted(new)
        for _ in range(200):
            self.clock.advance(60)
            self.assertEqual(self.refused(old), "revoked-device")
        self.accepted(new)
        self.accepted(self.right())
        self.assertEqual(list(self.successResultOf(started(self.volatile.bans()))), [])
        self.assertEqual({line["counted"] for line in self.told("login.refused")}, {False})

    def test_defect_28_a_factor_that_is_away_costs_nobody_anything(self) -> None:
        """Its silence is no wrong code."""

        async def away(account: str, code: str) -> None:
            raise LoginUnavailable("the factor does not answer")

        saved = self.right()
        self.accepted(saved)
        self.clock.advance(30)
        with_factor = self.totp.verify
        self.totp.verify = away  # type: ignore[assignment]
        for _ in range(40):
            self.unavailable(self.right(), AWAY)
        self.accepted(saved)
        self.totp.verify = with_factor  # type: ignore[method-assign]
        self.accepted(self.right(), AWAY)

    def test_defect_28_digits_are_ascii(self) -> None:
        code = self.code()
        for zero in ("\N{FULLWIDTH DIGIT ZERO}", "\N{ARABIC-INDIC DIGIT ZERO}"):
            typed = "".join(chr(ord(zero) + int(digit)) for digit in code)
            self.assertEqual(self.refused(PASSWORD + b"@" + typed.encode()), "no-code")
        for typed in (f" {code}", f"{code} ", f"+{code}", f"{code[:3]} {code[3:]}", f"0{code}", code[1:]):
            self.assertEqual(self.refused(PASSWORD + b"@" + typed.encode(), AWAY), "no-code")
        self.assertEqual(self.totp.asked, [])

    def test_defect_29_a_directory_that_is_slow_keeps_nobody_else_waiting(self) -> None:
        slow: list[Deferred[bool]] = []

        class Slow(MemoryDirectory):
            async def accepts(self, person: Person, password: bytes) -> bool:
                if person.name == NAME:
                    slow.append(Deferred())
                    await slow[-1]
                return await super().accepts(person, password)

        people = Slow()
        people.add(NAME, PASSWORD, "a1")
        people.add("bob@example.org", b"secret", "b1")
        self.build(directory=people, enrolled=False, factor="optional")
        waiting = [self.begin(PASSWORD, f"203.0.113.{n}") for n in range(100)]
        self.accepted(b"secret", HOME, "bob@example.org")
        while any(not one.called for one in waiting):
            slow.pop(0).callback(True)
        for one in waiting:
            self.successResultOf(one)
