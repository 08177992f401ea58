"""A quarter of a year under attack: guesses are as many as the manual says, and the owner notices nothing."""

import os
import random
from collections import Counter
from collections.abc import Sequence
from hashlib import sha256
from math import sqrt
from typing import Any

from mailtwist.auth.buckets import key_of
from mailtwist.auth.factors.api import Asked, Proof
from mailtwist.auth.factors.device_code import DeviceCodes
from mailtwist.auth.factors.device_code import Settings as DeviceCodeSettings
from mailtwist.config.limits import DAY, HOUR, LimitsSettings
from mailtwist.config.rate import Rate
from mailtwist.config.values import Duration
from mailtwist.kit.spawn import started
from tests.auth.house import HOME, NAME, PASSWORD, House

FULL = os.environ.get("SOAK") == "full"
SEED = int(os.environ.get("SEED", "1"))
DAYS = 90 if FULL else 9
TICK = 300.0
LIST = 20 if FULL else 4
"""Strings that are tried again every five minutes."""
AGAIN = 1 if FULL else 6
"""Ticks after which the greedy look whether there is room again."""
ACCOUNTS = 150 if FULL else 12
SAVED = 5
IN_VAIN = 1 if FULL else 15
"""Strings that a guesser tries beyond a limit each time; in a quarter he would run out of them."""
STEPS = 3
"""Codes that are right at any moment."""

ANN, BOB, BOBS = "a1", "b1", "bob@example.org"
BOBS_HOME = "192.0.77.20"
LIMITS = LimitsSettings()


def allowed(begin: float, seconds: float, every: float, *rates: Rate) -> int:
    """How many guesses there are for who tries again and again, of budgets that slide over two windows."""
    spent: list[Counter[int]] = [Counter() for _ in rates]
    total, now = 0, begin
    while now < begin + seconds:
        while all(_room(counts, rate, now) for counts, rate in zip(spent, rates, strict=True)):
            total += 1
            for counts, rate in zip(spent, rates, strict=True):
                counts[int(now // rate.seconds)] += 1
        now += every
    return total


def _room(counts: Counter[int], rate: Rate, now: float) -> bool:
    window, passed = divmod(now, rate.seconds)
    return counts[int(window)] + counts[int(window) - 1] * (1 - passed / rate.seconds) + 1 <= rate.number


class Attacked(House):
    """Logins one after the other, and what became of each."""

    timeout = 7200

    def build(self, **more: Any) -> None:
        self.chance = random.Random(SEED)
        self.places = 0
        super().build(**more)

    def elsewhere(self) -> str:
        """An address in a network from which nobody ever came."""
        self.places += 1
        return f"{100 + self.places // 62500 % 90}.{self.places // 250 % 250}.{self.places % 250}.9"

    def come(self, user: str, secret: bytes, address: str) -> str:
        """ "in", "later", or the reason that the log has."""
        self.events.clear()
        self.begin(secret, address, user).addErrback(lambda failure: None)
        told = [one for one in self.events if str(one.get("event_id")).startswith("login.")][-1]
        what = str(told["event_id"]).partition(".")[2]
        return {"accepted": "in", "unavailable": "later", "limited": "later"}.get(what) or str(told["reason"])


class QuarterTests(Attacked):
    def build(self, **more: Any) -> None:
        super().build(**more)
        self.device_codes = DeviceCodes(DeviceCodeSettings(), self.assembly)
        self.assembly._parts["factor"]["device-code"] = self.device_codes
        self.restart()
        self.codes = iter(self.chance.sample(range(10**6), 10**5))
        self.bobs = self.secret_of(BOB, BOBS)
        self.wrong_here: Counter[str] = Counter()
        self.looked: Counter[bytes] = Counter()

    def secret_of(self, account: str, name: str) -> str:
        """Enrolled, as somebody who is not ann."""
        anns, self.secret = self.secret, ""
        self.directory.add(name, PASSWORD, account)
        self.secret = self.successResultOf(started(self.totp.enroll(account, name))).secret
        self.assertTrue(self.successResultOf(started(self.totp.confirm(account, self.code()))))
        self.clock.advance(30)
        mine, self.secret = self.secret, anns
        return mine

    def bobs_code(self) -> bytes:
        anns, self.secret = self.secret, self.bobs
        try:
            return self.right()
        finally:
            self.secret = anns

    def guess(self) -> bytes:
        return PASSWORD + b"@%06d" % next(self.codes)

    # -- who attacks
    def greedy(self) -> None:
        """He knows the password and has as many addresses as he likes."""
        while self.tries(NAME, self.guess(), self.elsewhere(), "ann") not in ("later", "in"):
            pass

    def neighbour(self) -> None:
        """He is in the network of bob's telephone company, and knows the password."""
        for _ in range(100):
            address = f"192.0.77.{self.chance.randrange(100, 250)}"
            if self.tries(BOBS, self.guess(), address, "bob") in ("later", "in"):
                return

    def list_again(self) -> None:
        address = self.elsewhere()
        for string in self.fixed:
            before = len(self.totp.asked)
            self.tries(NAME, string, address, "ann")
            self.looked[string] += len(self.totp.asked) - before

    def spray(self) -> None:
        address = self.elsewhere()
        for name in ("ann", "bob", "carl", "dora", "root"):
            whose = name if name in ("ann", "bob") else ""
            self.tries(f"{name}@example.org", b"Summer2026@%06d" % next(self.codes), address, whose)

    def lock_out(self) -> None:
        for secret in (b"nonsense", b"nonsense@000000", b"", b"@123456"):
            self.tries(NAME, secret, self.elsewhere(), "ann")

    def tries(self, user: str, secret: bytes, address: str, whose: str) -> str:
        """Counts what the factor was asked about this account."""
        before = len(self.totp.asked)
        came = self.come(user, secret, address)
        self.assertNotEqual(came, "in")
        self.wrong_here[whose] += len(self.totp.asked) - before
        return came

    # -- who lives there
    def owners_begin(self) -> None:
        self.saved = []
        for _ in range(3):
            self.saved.append(self.right())
            self.assertEqual(self.come(NAME, self.saved[-1], HOME), "in")
            self.clock.advance(31)
        self.bobs_saved = self.bobs_code()
        self.assertEqual(self.come(BOBS, self.bobs_saved, BOBS_HOME), "in")
        self.clock.advance(31)

    def owners_poll(self, tick: int) -> None:
        self.assertEqual(self.come(NAME, self.saved[tick % 3], HOME), "in")
        if tick % 4 == 0:
            self.assertEqual(self.come(BOBS, self.bobs_saved, BOBS_HOME), "in")

    def once_a_day(self, day: int) -> None:
        """A fresh code at home; every third day she is on the road, where a fresh code waits for the end of
        the attack and a device code does not."""
        fresh = self.right()
        self.assertEqual(self.come(NAME, fresh, HOME), "in")
        self.saved[day % 3] = fresh  # and goes on with that
        if day % 3 == 2:
            road = f"203.0.{day}.5"
            self.assertIn(self.come(NAME, self.saved[0], road), ("other-network", "later"))
            self.assertEqual(self.come(NAME, self.right(1), road), "later")
            issued = self.successResultOf(started(self.device_codes.issue(ANN)))
            phone = PASSWORD + b"@" + issued.code.encode()
            for address in (road, self.elsewhere(), HOME):  # and that one may roam
                self.assertEqual(self.come(NAME, phone, address), "in")
            self.assertEqual(self.come(NAME, self.saved[0], HOME), "in")

    # -- the quarter
    def test_a_quarter_of_all_attacks(self) -> None:
        self.owners_begin()
        self.fixed = [self.guess() for _ in range(LIST)]
        begun = self.clock.now()
        for tick in range(int(DAYS * DAY / TICK)):
            self.list_again()
            if tick % AGAIN == 0:
                self.greedy()
                self.neighbour()
            if tick % 12 == 5:
                self.spray()
                self.lock_out()
            self.owners_poll(tick)
            if tick % 288 == 100:
                self.once_a_day(tick // 288)
            self.clock.advance(TICK)
        self.budgets_were_as_computed(begun)
        self.lists_met_no_new_codes()
        self.owners_are_unharmed()

    def budgets_were_as_computed(self, begun: float) -> None:
        untrusted = allowed(begun, DAYS * DAY, AGAIN * TICK, LIMITS.account, LIMITS.account_long)
        known = allowed(begun, DAYS * DAY, AGAIN * TICK, LIMITS.known, LIMITS.known_long)
        self.assertLess(abs(self.wrong_here["ann"] - untrusted), 4)
        self.assertLessEqual(self.wrong_here["bob"], untrusted + known)
        self.assertGreaterEqual(self.wrong_here["bob"], known - 3)

    def lists_met_no_new_codes(self) -> None:
        self.assertLessEqual(max(self.looked.values()), 2 * -(-DAYS // 30))
        self.assertGreater(max(self.looked.values()), 0)

    def owners_are_unharmed(self) -> None:
        for account in (ANN, BOB):
            for device in self.successResultOf(started(self.durable.devices(account))):
                self.assertIsNone(device.stale_at)
                self.assertIsNone(device.refused_at)
        for name in ("known", "known_long"):
            rate: Rate = getattr(LIMITS, name)
            spent = self.volatile.spent(key_of(f"{name}/known", rate, ANN), rate.seconds)
            self.assertEqual(self.successResultOf(started(spent)), 0)


class ShortCodes:
    """Three digits, another three every thirty seconds: short enough that guessing them can be watched."""

    kind = "totp"
    SPACE = 1000

    def __init__(self, now: Any) -> None:
        self._now = now
        self.asked = 0

    def looks_like(self, text: str) -> bool:
        return len(text) == 3 and text.isascii() and text.isdigit()

    async def enrolled(self, account: str) -> bool:
        return True

    def at(self, account: str, step: int) -> str:
        return f"{int.from_bytes(sha256(f'{SEED} {account} {step}'.encode()).digest()[:8]) % self.SPACE:03d}"

    async def verify(self, asked: Asked, code: str) -> Proof | None:
        self.asked += 1
        now = int(self._now()) // 30
        for step in range(now - 1, now + 2):
            if self.at(asked.account, step) == code:
                return Proof("t", step, self.kind)
        return None


class OddsTests(Attacked):
    """What share of accounts is broken, and what the manual's formula says."""

    def build(self, **more: Any) -> None:
        super().build(enrolled=False, remember=Duration(365 * DAY), **more)
        self.short = ShortCodes(self.clock.now)
        self.assembly._parts["factor"].clear()
        self.assembly._parts["factor"]["short"] = self.short
        self.restart()
        self.people = [f"p{number}@example.org" for number in range(ACCOUNTS)]
        for number, name in enumerate(self.people):
            self.directory.add(name, self.password(number), name)
        self.saved = [self.some_saved(number) for number in range(ACCOUNTS)]
        self.clock.advance(120)

    def password(self, number: int) -> bytes:
        return b"password %d" % number

    def home(self, number: int) -> str:
        return f"192.0.{number}.5"

    def some_saved(self, number: int) -> list[bytes]:
        """Different strings that were saved at home."""
        saved: set[bytes] = set()
        while len(saved) < SAVED:
            self.clock.advance(90)
            code = self.short.at(self.people[number], int(self.clock.now()) // 30).encode()
            secret = self.password(number) + b"@" + code
            if self.come(self.people[number], secret, self.home(number)) == "in":
                saved.add(secret)
        return sorted(saved)

    def owners_poll(self) -> None:
        for number, saved in enumerate(self.saved):
            for secret in saved:
                self.assertEqual(self.come(self.people[number], secret, self.home(number)), "in")
        self.clock.advance(9)

    def guessed(self, rates: Sequence[Rate], right: int, *, at_home: bool) -> None:
        begun = self.clock.now()
        guesses = allowed(begun, DAYS * DAY, 6 * HOUR, *rates)
        left = [self.chance.sample(range(1000), 1000) for _ in self.people]
        broken: set[int] = set()
        before = self.short.asked
        for session in range(int(DAYS * 4)):
            if session % 40 == 0:
                self.owners_poll()
            if session % 120 == 0:
                self.tried = Counter[int]()  # in these thirty days
            for number in sorted(set(range(ACCOUNTS)) - broken):
                if self.as_many_as_he_can(number, left[number], at_home) == "in":
                    broken.add(number)
                self.clock.advance(9)  # the answers leave
            self.clock.advance(begun + (session + 1) * 6 * HOUR - self.clock.now())
        self.owners_poll()
        self.assertLessEqual(self.short.asked - before, guesses * ACCOUNTS)
        computed = 1 - (1 - right / ShortCodes.SPACE) ** guesses
        deviation = sqrt(computed * (1 - computed) / ACCOUNTS)
        self.assertLess(abs(len(broken) / ACCOUNTS - computed), 4 * deviation)

    def as_many_as_he_can(self, number: int, left: list[int], at_home: bool) -> str:
        """He goes on for a while when he is told to come later: what is saved is looked for before limits."""
        in_vain = 0
        while left and in_vain < IN_VAIN:
            secret = self.password(number) + b"@%03d" % left.pop()
            place = f"192.0.{number}.{self.chance.randrange(50, 250)}" if at_home else self.elsewhere()
            came = self.come(self.people[number], secret, place)
            if came == "in":
                self.assertFalse(
                    in_vain and self.tried[number] > LIMITS.known_long.number, "beyond the limit"
                )
                return came
            in_vain += came == "later"
            self.tried[number] += 1
        return ""

    def test_from_anywhere(self) -> None:
        """What was saved is of no use there."""
        self.guessed((LIMITS.account, LIMITS.account_long), STEPS, at_home=False)

    def test_from_the_network_where_it_was_saved(self) -> None:
        self.guessed((LIMITS.known, LIMITS.known_long), STEPS + SAVED, at_home=True)
