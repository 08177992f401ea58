"""Six digits from a gadget with a button."""

import pyotp

from mailtwist.auth.factors.api import Proof, SupportsEnrolment, TokenForm
from mailtwist.auth.factors.hotp import Hotp, Settings
from mailtwist.state.records import Use
from mailtwist.testing.factor import ENROLLED, STRANGER, FactorContract, about
from tests.auth.factors.house import FactorCase

NAME = "ann@example.org"


class HotpTests(FactorCase, FactorContract):
    part, settings = Hotp, Settings
    factor: Hotp

    async def make_factor(self) -> Hotp:
        await self.begin()
        self.enrolment = await self.factor.enroll(ENROLLED, NAME)
        self.assertIs(await self.factor.confirm(ENROLLED, self.at(0)), True)
        self.pressed = 0
        return self.factor

    async def code(self) -> str:
        return self.at(self.pressed + 1)

    async def later_code(self) -> str:
        self.pressed += 1
        return self.at(self.pressed + 1)

    def at(self, counter: int) -> str:
        return pyotp.HOTP(self.enrolment.secret).at(counter)

    async def right(self, counters: range) -> list[int]:
        return [
            one for one in counters if await self.factor.verify(about(ENROLLED), self.at(one)) is not None
        ]

    async def test_the_next_ten_are_right_and_the_last_one_is_known_as_used(self) -> None:
        await self.make_factor()
        self.assertEqual(await self.right(range(20)), list(range(11)))
        await self.succeeded(self.at(5))
        self.assertEqual(await self.right(range(20)), list(range(5, 16)))

    async def test_the_connections_of_one_client_may_join(self) -> None:
        await self.make_factor()
        proof = await self.proven(self.factor, self.at(3))
        self.assertEqual(await self.durable.advance(ENROLLED, proof.token, proof.step, b"me"), Use.NEW)
        again = await self.proven(self.factor, self.at(3))
        self.assertEqual(again, Proof(self.enrolment.token, 3, "hotp"))
        self.assertEqual(await self.durable.advance(ENROLLED, again.token, again.step, b"me"), Use.JOINED)
        self.assertEqual(await self.durable.advance(ENROLLED, again.token, again.step, b"him"), Use.REPLAY)

    async def test_a_token_that_gave_no_code_yet_begins_at_nought(self) -> None:
        await self.make_factor()
        await self.durable.remove_token(ENROLLED, self.enrolment.token)
        self.enrolment = await self.factor.enroll(ENROLLED, NAME)
        await self.durable.activate_token(ENROLLED, self.enrolment.token, 0)
        self.assertEqual(await self.right(range(12)), list(range(10)))

    async def test_it_gives_tokens_itself(self) -> None:
        factor = await self.make_factor()
        self.assertIsInstance(factor, SupportsEnrolment)
        (token,) = await factor.tokens(ENROLLED)
        self.assertEqual((token.kind, token.active), ("hotp", True))
        self.assertIs(await factor.remove(STRANGER, token.id), False)
        self.assertIs(await factor.remove(ENROLLED, token.id), True)
        self.assertIs(await factor.enrolled(ENROLLED), False)

    async def test_a_button_pressed_in_a_pocket_is_no_matter(self) -> None:
        await self.begin()
        self.enrolment = await self.factor.enroll(ENROLLED, NAME)
        self.assertIs(await self.factor.confirm(ENROLLED, self.at(10)), False)
        self.assertIs(await self.factor.confirm(STRANGER, self.at(9)), False)
        self.assertIs(await self.factor.confirm(ENROLLED, self.at(9)), True)
        self.assertEqual(await self.right(range(9)), [])

    async def test_two_codes_find_a_counter_that_is_far_ahead(self) -> None:
        await self.make_factor()
        self.assertIsNone(await self.factor.verify(about(ENROLLED), self.at(60)))
        self.assertIs(await self.factor.resync(STRANGER, self.at(60), self.at(61)), False)
        self.assertIs(await self.factor.resync(ENROLLED, self.at(61), self.at(60)), False)
        self.assertIs(await self.factor.resync(ENROLLED, self.at(60), self.at(60)), False)
        self.assertIs(await self.factor.resync(ENROLLED, self.at(60), self.at(61)), True)
        self.assertIs(await self.factor.resync(ENROLLED, self.at(60), self.at(61)), False)
        self.assertEqual(await self.right(range(55, 80)), list(range(61, 72)))

    async def test_a_counter_further_ahead_than_is_looked_is_not_found(self) -> None:
        await self.make_factor()
        self.assertIs(await self.factor.resync(ENROLLED, self.at(101), self.at(102)), False)
        self.assertIs(await self.factor.resync(ENROLLED, self.at(100), self.at(101)), True)

    async def test_the_section_says_how_far_is_looked(self) -> None:
        await self.begin(Settings(look_ahead=2, digits="8"))
        self.assertEqual(self.factor.form, TokenForm(8, "SHA1", 0))
        form = TokenForm(6, "SHA1", 0)
        self.enrolment = await self.factor.enroll(ENROLLED, NAME, "", form)
        await self.factor.confirm(ENROLLED, self.at(0))
        self.assertEqual(await self.right(range(5)), [0, 1, 2])

    async def test_an_app_that_begins_now_begins_with_the_next_code(self) -> None:
        factor = await self.make_factor()
        self.assertIn("otpauth://hotp/mail.example.org:ann%40example.org?secret=", self.enrolment.uri)
        self.assertTrue(self.enrolment.uri.endswith("&counter=0"), self.enrolment.uri)
        await self.succeeded(self.at(4))
        (token,) = await factor.tokens(ENROLLED)
        self.assertTrue((await factor.shown(token, NAME)).uri.endswith("&counter=5"))
        self.assertEqual(await factor.code(token), self.at(5))
