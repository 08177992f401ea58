"""Six digits from the phone."""

from dataclasses import replace
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

import pyotp
from twisted.trial.unittest import TestCase

from mailtwist.auth.api import Enrolment, Proof, SupportsEnrolment
from mailtwist.auth.factors.totp import Settings, Totp
from mailtwist.state.api import StateUnusable
from mailtwist.testing.assembly import OnePart
from mailtwist.testing.clock import ManualClock
from mailtwist.testing.factor import ENROLLED, STRANGER, FactorContract


class TotpTests(FactorContract, TestCase):
    async def make_factor(self) -> Totp:
        await self.begin()
        self.enrolment = await self.factor.enroll(ENROLLED, "ann@example.org")
        self.assertIs(await self.factor.confirm(ENROLLED, self.at(-1)), True)
        return self.factor

    async def code(self) -> str:
        return self.at(0)

    async def later_code(self) -> str:
        self.clock.advance(30)
        return self.at(0)

    async def begin(self, settings: Settings | None = None) -> None:
        self.clock = ManualClock()
        folder = Path(self.mktemp())
        folder.mkdir()
        self.assembly = OnePart(folder, clock=self.clock)
        self.addCleanup(self.assembly.stop)
        self.factor = Totp(settings or Settings(), self.assembly)
        await self.assembly.start()

    def at(self, steps: int, enrolment: Enrolment | None = None) -> str:
        """The app's code so many steps from now."""
        secret = (enrolment or self.enrolment).secret
        return pyotp.TOTP(secret).at(int(self.clock.now()) + 30 * steps)

    def now(self) -> int:
        return int(self.clock.now()) // 30

    async def test_one_step_before_and_after_is_right(self) -> None:
        factor = await self.make_factor()
        self.clock.advance(300)
        found = {step: await factor.verify(ENROLLED, self.at(step)) for step in range(-3, 4)}
        self.assertEqual([step for step in found if found[step]], [-1, 0, 1])
        self.assertEqual(
            [found[step] and found[step].step for step in (-1, 0, 1)], [self.now() + s for s in (-1, 0, 1)]
        )

    async def test_it_gives_tokens_itself(self) -> None:
        self.assertIsInstance(await self.make_factor(), SupportsEnrolment)

    async def test_a_token_counts_once_it_is_confirmed(self) -> None:
        await self.begin()
        self.enrolment = await self.factor.enroll(ENROLLED, "ann@example.org")
        self.assertIs(await self.factor.enrolled(ENROLLED), False)
        self.assertIsNone(await self.factor.verify(ENROLLED, self.at(0)))
        self.assertIs(await self.factor.confirm(ENROLLED, "000000"), False)
        self.assertIs(await self.factor.confirm(STRANGER, self.at(0)), False)
        self.assertIs(await self.factor.confirm(ENROLLED, self.at(0)), True)
        self.assertIs(await self.factor.enrolled(ENROLLED), True)
        self.assertIs(await self.factor.confirm(ENROLLED, self.at(0)), False)

    async def test_the_code_that_confirms_is_used(self) -> None:
        await self.begin()
        self.enrolment = await self.factor.enroll(ENROLLED, "ann@example.org")
        await self.factor.confirm(ENROLLED, self.at(0))
        durable = self.factor._seeds.durable
        self.assertEqual(await durable.last_step(ENROLLED, self.enrolment.token), self.now())

    async def test_the_drift_of_the_phones_clock_is_learned(self) -> None:
        await self.begin()
        self.enrolment = await self.factor.enroll(ENROLLED, "ann@example.org")
        self.assertIs(await self.factor.confirm(ENROLLED, self.at(3)), True)
        self.clock.advance(3000)
        found = {step: await self.factor.verify(ENROLLED, self.at(step)) for step in range(-1, 7)}
        self.assertEqual([step for step in found if found[step]], [2, 3, 4])
        (token,) = await self.factor.tokens(ENROLLED)
        self.assertEqual(await self.factor.code(token), self.at(3))

    async def test_a_clock_too_far_off_is_not_confirmed(self) -> None:
        await self.begin()
        self.enrolment = await self.factor.enroll(ENROLLED, "ann@example.org")
        for steps in (-5, 5):
            self.assertIs(await self.factor.confirm(ENROLLED, self.at(steps)), False)

    async def test_an_account_can_have_several_tokens(self) -> None:
        factor = await self.make_factor()
        tablet = await factor.enroll(ENROLLED, "ann@example.org", "tablet")
        await factor.confirm(ENROLLED, self.at(0, tablet))
        self.clock.advance(300)
        proofs = [await factor.verify(ENROLLED, self.at(0, one)) for one in (self.enrolment, tablet)]
        self.assertEqual(proofs, [Proof(one.token, self.now(), "totp") for one in (self.enrolment, tablet)])

    async def test_a_new_enrolment_takes_the_place_of_one_that_waits(self) -> None:
        await self.begin()
        first = await self.factor.enroll(ENROLLED, "ann@example.org")
        second = await self.factor.enroll(ENROLLED, "ann@example.org")
        self.assertEqual([token.id for token in await self.factor.tokens(ENROLLED)], [second.token])
        self.assertIs(await self.factor.confirm(ENROLLED, self.at(0, first)), False)
        self.assertIs(await self.factor.confirm(ENROLLED, self.at(0, second), first.token), False)
        self.assertIs(await self.factor.confirm(ENROLLED, self.at(0, second), second.token), True)

    async def test_the_uri_is_what_apps_read(self) -> None:
        await self.begin(Settings(issuer="Example & Sons: Mail"))
        enrolment = await self.factor.enroll(ENROLLED, "ann+x@example.org")
        parts = urlsplit(enrolment.uri)
        facts = parse_qs(parts.query)
        self.assertEqual((parts.scheme, parts.netloc), ("otpauth", "totp"))
        self.assertEqual(facts["secret"], [enrolment.secret])
        self.assertEqual(facts["issuer"], ["Example & Sons: Mail"])
        self.assertTrue(unquote(parts.path).endswith("ann+x@example.org"))
        self.assertEqual(len(enrolment.secret), 32)
        self.assertNotIn("=", enrolment.secret)

    async def test_a_token_can_be_shown_again(self) -> None:
        factor = await self.make_factor()
        (token,) = await factor.tokens(ENROLLED)
        self.assertEqual(await factor.shown(token, "ann@example.org"), self.enrolment)
        self.assertNotIn(self.enrolment.secret, repr(self.enrolment) + repr(token))

    async def test_a_seed_is_nowhere_in_the_state(self) -> None:
        await self.make_factor()
        await self.assembly.stop()
        seed = self.enrolment.secret.encode()
        for file in self.assembly.folder.rglob("*.sqlite*"):
            self.assertNotIn(seed, file.read_bytes(), file)

    async def test_a_seed_moved_to_another_account_opens_nothing(self) -> None:
        factor = await self.make_factor()
        (token,) = await factor.tokens(ENROLLED)
        await factor._seeds.durable.add_token(replace(token, account=STRANGER))
        with self.assertRaises(StateUnusable):
            await factor.verify(STRANGER, self.at(0))
