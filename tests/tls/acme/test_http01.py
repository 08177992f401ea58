"""Names are proven by a file that any process of ours can show."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import TestCase

from mailtwist.testing.certificates import MemoryStore
from mailtwist.testing.clock import ManualClock
from mailtwist.tls.acme.http01 import FOLDER, LIFE, NO_WILDCARD, ODD_TOKEN, Http01, is_token, shown, token_in
from tests.tls.acme.challenges import TOKEN, challenge

HOSTILE = (
    *(
        "",
        ".",
        "..",
        "../../keys/x",
        "a/b",
        "a" * 15,
        "a" * 257,
        "%2e%2e",
        f"{TOKEN}.",
        f"{TOKEN}/",
        f"{TOKEN}\0",
    ),
    *(f"{TOKEN}?x", f"{TOKEN}\n", f" {TOKEN}", "ü" * 20, "１" * 20),
)


class Http01Tests(TestCase):
    def setUp(self) -> None:
        self.clock = ManualClock()
        self.store = MemoryStore(self.clock)
        self.solver = Http01(self.store, self.clock)
        self.asked = challenge("http-01")

    async def test_the_key_authorization_is_shown_and_then_no_more(self) -> None:
        self.assertEqual(await self.solver.can(self.asked), "")
        await self.solver.present(self.asked)
        other = MemoryStore(self.clock)
        self.assertEqual(await shown(self.store, TOKEN), self.asked.key_authorization.encode())
        self.assertIsNone(await shown(other, TOKEN))
        await self.solver.withdraw(self.asked)
        await self.solver.withdraw(self.asked)
        self.assertIsNone(await shown(self.store, TOKEN))

    async def test_two_orders_with_the_same_challenge_share_it(self) -> None:
        await self.solver.present(self.asked)
        await self.solver.present(self.asked)
        await self.solver.withdraw(self.asked)
        self.assertIsNotNone(await shown(self.store, TOKEN))
        await self.solver.withdraw(self.asked)
        self.assertIsNone(await shown(self.store, TOKEN))

    async def test_what_nobody_withdraws_is_shown_for_a_day(self) -> None:
        await self.solver.present(self.asked)
        self.clock.advance(LIFE + 1)
        self.assertIsNone(await shown(self.store, TOKEN))

    async def test_a_wildcard_is_for_others_to_prove(self) -> None:
        self.assertEqual(await self.solver.can(challenge("http-01", wildcard=True)), NO_WILDCARD)

    async def test_a_token_of_odd_characters_is_not_shown(self) -> None:
        for token in HOSTILE:
            self.assertEqual(await self.solver.can(challenge("http-01", token=token)), ODD_TOKEN)
            await self.store.show("http-01", token, b"whatever", self.clock.now() + LIFE)
            self.assertIsNone(await shown(self.store, token))

    def test_a_path_has_a_token_in_it_or_is_for_somebody_else(self) -> None:
        self.assertEqual(token_in(FOLDER + TOKEN), TOKEN)
        for path in (
            *(FOLDER + token for token in HOSTILE),
            "/",
            TOKEN,
            "/" + TOKEN,
            FOLDER + FOLDER + TOKEN,
        ):
            self.assertIsNone(token_in(path), path)

    @given(st.text(max_size=300))
    def test_a_token_is_safe_wherever_it_goes(self, text: str) -> None:
        if is_token(text):
            self.assertTrue(text.isascii() and text.isprintable() and not set(text) & set("./\\% ?#:"))
