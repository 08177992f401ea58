"""Six digits from the phone, by the time."""

from dataclasses import replace
from urllib.parse import parse_qs, unquote, urlsplit

import pyotp

from mailtwist.auth.factors.api import (
    Enrolment,
    Proof,
    SupportsEnrolment,
    SupportsLearning,
    TokenForm,
)
from mailtwist.auth.factors.totp import FARTHEST, Settings, Totp
from mailtwist.auth.otpauth import Codes, Issuer
from mailtwist.auth.tokens import MOST, TooManyTokens
from mailtwist.state.api import StateUnusable
from mailtwist.state.keys import SEEDS
from mailtwist.state.process import durable, keys, volatile
from mailtwist.state.rotation import Rotation
from mailtwist.testing.assembly import OnePart
from mailtwist.testing.factor import ENROLLED, STRANGER, FactorContract, about
from tests.auth.factors.house import FactorCase

NAME = "ann@example.org"


class TotpCase(FactorCase):
    part, settings = Totp, Settings
    factor: Totp

    async def make_factor(self) -> Totp:
        await self.begin()
        self.enrolment = await self.factor.enroll(ENROLLED, NAME)
        self.assertIs(await self.factor.confirm(ENROLLED, self.at(-1)), True)
        return self.factor

    async def enroll(self, label: str = "", form: TokenForm | None = None) -> Enrolment:
        return await self.factor.enroll(ENROLLED, NAME, label, form)

    def at(self, steps: int, enrolment: Enrolment | None = None) -> str:
        """The app's code so many steps from now."""
        secret = (enrolment or self.enrolment).secret
        return pyotp.TOTP(secret).at(int(self.clock.now()) + 30 * steps)

    def now(self) -> int:
        return int(self.clock.now()) // 30

    async def right(self, steps: range) -> list[int]:
        """Those of these steps from now whose codes are right."""
        return [
            step for step in steps if await self.factor.verify(about(ENROLLED), self.at(step)) is not None
        ]


class TotpTests(TotpCase, FactorContract):
    async def code(self) -> str:
        return self.at(0)

    async def later_code(self) -> str:
        self.clock.advance(30)
        return self.at(0)

    async def test_one_step_before_and_after_is_right(self) -> None:
        factor = await self.make_factor()
        self.clock.advance(300)
        self.assertEqual(await self.right(range(-3, 4)), [-1, 0, 1])
        proofs = [await factor.verify(about(ENROLLED), self.at(step)) for step in (-1, 0, 1)]
        self.assertEqual([proof and proof.step - self.now() for proof in proofs], [-1, 0, 1])

    async def test_it_gives_tokens_itself_and_learns(self) -> None:
        factor = await self.make_factor()
        self.assertIsInstance(factor, SupportsEnrolment)
        self.assertIsInstance(factor, SupportsLearning)

    async def test_a_token_counts_once_it_is_confirmed(self) -> None:
        await self.begin()
        self.enrolment = await self.enroll()
        self.assertIs(await self.factor.enrolled(ENROLLED), False)
        self.assertIsNone(await self.factor.verify(about(ENROLLED), self.at(0)))
        self.assertIs(await self.factor.confirm(ENROLLED, "000000"), False)
        self.assertIs(await self.factor.confirm(STRANGER, self.at(0)), False)
        self.assertIs(await self.durable.enrolled(ENROLLED), False)
        self.assertIs(await self.factor.confirm(ENROLLED, self.at(0)), True)
        self.assertIs(await self.factor.enrolled(ENROLLED), True)
        self.assertIs(await self.durable.enrolled(ENROLLED), True)
        self.assertIs(await self.factor.confirm(ENROLLED, self.at(0)), False)

    async def test_the_code_that_confirms_is_used(self) -> None:
        await self.begin()
        self.enrolment = await self.enroll()
        await self.factor.confirm(ENROLLED, self.at(0))
        self.assertEqual(await self.durable.last_step(ENROLLED, self.enrolment.token), self.now())

    async def test_an_account_can_have_several_tokens(self) -> None:
        factor = await self.make_factor()
        tablet = await self.enroll("tablet")
        await factor.confirm(ENROLLED, self.at(0, tablet))
        self.clock.advance(300)
        proofs = [await factor.verify(about(ENROLLED), self.at(0, one)) for one in (self.enrolment, tablet)]
        self.assertEqual(proofs, [Proof(one.token, self.now(), "totp") for one in (self.enrolment, tablet)])
        self.assertIs(await factor.remove(ENROLLED, tablet.token), True)
        self.assertIs(await factor.remove(STRANGER, self.enrolment.token), False)
        self.assertIsNone(await factor.verify(about(ENROLLED), self.at(0, tablet)))
        self.assertIsNotNone(await factor.verify(about(ENROLLED), self.at(0)))

    async def test_tokens_are_bounded_and_any_number_costs_the_same(self) -> None:
        factor = await self.make_factor()
        counted = [await self.compared(factor, ENROLLED, "000000")]
        for number in range(1, MOST):
            one = await self.enroll(str(number))
            await factor.confirm(ENROLLED, self.at(0, one))
            counted.append(await self.compared(factor, ENROLLED, "000000"))
        self.assertEqual(len(set(counted)), 1)
        with self.assertRaises(TooManyTokens):
            await self.enroll("one too many")

    async def test_a_new_enrolment_takes_the_place_of_one_that_waits(self) -> None:
        await self.begin()
        first, second = await self.enroll(), await self.enroll()
        self.assertEqual([token.id for token in await self.factor.tokens(ENROLLED)], [second.token])
        self.assertIs(await self.factor.confirm(ENROLLED, self.at(0, first)), False)
        self.assertIs(await self.factor.confirm(ENROLLED, self.at(0, second), first.token), False)
        self.assertIs(await self.factor.confirm(ENROLLED, self.at(0, second), second.token), True)

    async def test_a_code_has_as_many_digits_as_its_token(self) -> None:
        for form in (TokenForm(8, "SHA256", 60), TokenForm(6, "SHA512", 30)):
            await self.begin()
            one = await self.enroll("", form)
            codes = Codes(one.secret, form.digits, form.algorithm)
            step = int(self.clock.now()) // form.period
            self.assertIs(await self.factor.confirm(ENROLLED, codes.at(step)), True)
            other = Codes(one.secret, 14 - form.digits, form.algorithm)
            self.assertIsNotNone(await self.factor.verify(about(ENROLLED), codes.at(step + 1)))
            self.assertIsNone(await self.factor.verify(about(ENROLLED), codes.at(step + 2)))
            self.assertIsNone(await self.factor.verify(about(ENROLLED), other.at(step + 1)))
            (token,) = [token for token in await self.factor.tokens(ENROLLED) if token.id == one.token]
            self.assertEqual(await self.factor.code(token), codes.at(step))
            await self.factor.remove(ENROLLED, one.token)

    async def test_the_section_says_how_many_digits_new_tokens_have(self) -> None:
        await self.begin(Settings(digits="8"))
        self.assertEqual(self.factor.form, TokenForm(8, "SHA1", 30))
        self.assertIn("&digits=8", (await self.enroll()).uri)

    async def test_the_uri_is_what_apps_read(self) -> None:
        await self.begin(Settings(issuer=Issuer("Example & Sons")))
        enrolment = await self.factor.enroll(ENROLLED, "ann+x@example.org")
        parts = urlsplit(enrolment.uri)
        facts = parse_qs(parts.query)
        self.assertEqual((parts.scheme, parts.netloc), ("otpauth", "totp"))
        self.assertEqual(facts, {"secret": [enrolment.secret], "issuer": ["Example & Sons"]})
        self.assertEqual(unquote(parts.path), "/Example & Sons:ann+x@example.org")
        read = pyotp.parse_uri(enrolment.uri)
        self.assertEqual((read.issuer, read.name), ("Example & Sons", "ann+x@example.org"))
        self.assertEqual(len(enrolment.secret), 32)

    async def test_a_token_can_be_shown_again(self) -> None:
        factor = await self.make_factor()
        (token,) = await factor.tokens(ENROLLED)
        self.assertEqual(await factor.shown(token, NAME), self.enrolment)
        self.assertNotIn(self.enrolment.secret, repr(self.enrolment) + repr(token))

    async def test_a_seed_is_nowhere_in_the_state(self) -> None:
        await self.make_factor()
        await self.assembly.stop()
        seed = self.enrolment.secret.encode()
        for file in self.folder.rglob("*.sqlite*"):
            self.assertNotIn(seed, file.read_bytes(), file)

    async def test_a_seed_that_another_process_resealed_brings_its_key(self) -> None:
        factor = await self.make_factor()
        other = OnePart(self.folder, clock=self.clock)
        self.addCleanup(other.stop)
        rotation = Rotation(keys(other), durable(other), volatile(other))
        await other.start()
        self.assertEqual((await rotation.rotate(SEEDS)).resealed, 1)
        self.clock.advance(300)
        self.assertIsNotNone(await factor.verify(about(ENROLLED), self.at(0)))
        self.assertEqual(keys(self.assembly).versions(SEEDS), (2, 1))
        second = await self.enroll("second")
        self.assertEqual({token.key_version for token in await factor.tokens(ENROLLED)}, {2})
        self.assertIs(await factor.confirm(ENROLLED, self.at(0, second)), True)

    async def test_a_seed_moved_to_another_account_opens_nothing(self) -> None:
        factor = await self.make_factor()
        (token,) = await factor.tokens(ENROLLED)
        await self.durable.add_token(replace(token, account=STRANGER))
        with self.assertRaises(StateUnusable):
            await factor.verify(about(STRANGER), self.at(0))


class DriftTests(TotpCase):
    """What is known about a phone's clock."""

    async def drift(self) -> int:
        (token,) = await self.factor.tokens(ENROLLED)
        return token.drift

    async def test_it_is_learned_when_the_token_is_confirmed(self) -> None:
        await self.begin()
        self.enrolment = await self.enroll()
        self.assertIs(await self.factor.confirm(ENROLLED, self.at(3)), True)
        self.clock.advance(3000)
        self.assertEqual(await self.right(range(-1, 7)), [2, 3, 4])
        (token,) = await self.factor.tokens(ENROLLED)
        self.assertEqual(await self.factor.code(token), self.at(3))

    async def test_a_clock_too_far_off_is_not_confirmed(self) -> None:
        await self.begin()
        self.enrolment = await self.enroll()
        for steps in (-5, 5):
            self.assertIs(await self.factor.confirm(ENROLLED, self.at(steps)), False)

    def shown(self, ahead: float) -> str:
        """The code of an app whose clock is so many seconds ahead."""
        return pyotp.TOTP(self.enrolment.secret).at(int(self.clock.now() + ahead))

    async def test_a_clock_that_goes_wrong_slowly_is_followed(self) -> None:
        """A gadget that loses a minute in half a year, used once a week."""
        await self.make_factor()
        ahead = 0.0
        for _ in range(104):
            self.clock.advance(7 * 86400 + 11)
            ahead -= 60 / 26
            await self.succeeded(self.shown(ahead))
        self.assertLess(ahead, -200)
        self.assertLess(abs(await self.drift() - ahead), 30)

    async def test_it_is_known_in_the_next_process(self) -> None:
        await self.make_factor()
        for _ in range(8):
            self.clock.advance(300)
            await self.succeeded(self.shown(35))
        known = await self.drift()
        self.assertGreater(known, 20)
        await self.restarted()
        self.assertEqual(await self.drift(), known)
        self.clock.advance(3025)
        self.assertEqual(await self.right(range(-1, 4)), [0, 1, 2])

    async def test_who_types_slowly_once_has_no_slow_clock(self) -> None:
        await self.make_factor()
        self.clock.advance(300)
        await self.succeeded(self.at(-1))
        for phase in range(30):
            self.clock.advance(301)
            right = await self.right(range(-1, 1))
            self.assertEqual(right, [-1, 0], phase)

    async def test_who_types_slowly_always_still_gets_in_when_quick(self) -> None:
        await self.make_factor()
        for _ in range(50):
            self.clock.advance(307)
            await self.succeeded(self.shown(-29))
        for phase in range(30):
            self.clock.advance(301)
            self.assertIn(0, await self.right(range(1)), phase)

    async def test_guesses_and_replays_teach_nothing(self) -> None:
        await self.make_factor()
        self.clock.advance(300)
        for code in (self.at(-1), self.at(1), "000000"):
            await self.factor.verify(about(ENROLLED), code)
        self.assertEqual(await self.drift(), 0)

    async def test_what_is_learned_is_bounded(self) -> None:
        await self.make_factor()
        proof = Proof(self.enrolment.token, 1, "totp", 10_000_000)
        await self.factor.learned(ENROLLED, proof)
        self.assertEqual(await self.drift(), 0)

    async def test_two_codes_find_a_clock_that_is_an_hour_off(self) -> None:
        await self.make_factor()
        for far in (FARTHEST // 30 - 1, 1 - FARTHEST // 30):
            self.clock.advance(3 * FARTHEST)
            self.assertEqual(await self.right(range(far, far + 1)), [])
            two = (self.at(far), self.at(far + 1))
            self.assertIs(await self.factor.resync(STRANGER, *two), False)
            self.assertIs(await self.factor.resync(ENROLLED, two[1], two[0]), False)
            self.assertIs(await self.factor.resync(ENROLLED, *two, "another token"), False)
            self.assertIs(await self.factor.resync(ENROLLED, *two, self.enrolment.token), True)
            self.assertEqual(await self.drift(), (far + 1) * 30)
            self.clock.advance(90)
            self.assertEqual(await self.right(range(far - 1, far + 4)), [far, far + 1, far + 2])

    async def test_codes_that_were_used_find_no_clock(self) -> None:
        await self.make_factor()
        self.clock.advance(300)
        await self.succeeded(self.at(0))
        self.assertIs(await self.factor.resync(ENROLLED, self.at(-1), self.at(0)), False)
        self.assertIs(await self.factor.resync(ENROLLED, self.at(0), self.at(1)), False)
        two = self.at(1), self.at(2)
        self.assertIs(await self.factor.resync(ENROLLED, *two), True)
        self.assertIs(await self.factor.resync(ENROLLED, *two), False)

    async def test_two_codes_beyond_the_hour_are_not_looked_for(self) -> None:
        await self.make_factor()
        self.clock.advance(3 * FARTHEST)
        far = FARTHEST // 30
        self.assertIs(await self.factor.resync(ENROLLED, self.at(far), self.at(far + 1)), False)
        self.assertIs(await self.factor.resync(ENROLLED, "", ""), False)
