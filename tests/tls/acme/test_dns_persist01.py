"""Names are proven by a record that stays, which an admin has made."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import TestCase

from mailtwist.kit.dns_records import Answer
from mailtwist.testing.clock import ManualClock
from mailtwist.tls.acme.dns_persist01 import ENDING, NO_ISSUER, DnsPersist01, Persisted, wanted
from mailtwist.tls.records import PERSIST
from tests.hearing import heard
from tests.kit.dns_server import Told, asking, dns_server
from tests.tls.acme.challenges import ACCOUNT, challenge

NAME = "mail.example.test"
RIGHT = f"ca.test; accounturi={ACCOUNT}"


class Records:
    """`Dns.txt` from a table."""

    def __init__(self) -> None:
        self.texts: dict[str, list[str]] = {}

    async def txt(self, name: str) -> Answer[str]:
        return Answer(name, "TXT", tuple(self.texts.get(name, ())))


class DnsPersist01Tests(TestCase):
    def setUp(self) -> None:
        self.clock = ManualClock()
        self.records = Records()
        self.solver = DnsPersist01(self.records, self.clock)  # type: ignore[arg-type]

    async def can(self, *texts: str, at: str = NAME, **how: Any) -> str:
        self.records.texts = {PERSIST + at: list(texts)}
        return await self.solver.can(challenge("dns-persist-01", NAME, token="", **how))

    async def test_a_record_that_is_missing_is_told_as_a_line_for_the_zone(self) -> None:
        self.assertEqual(
            await self.can(),
            "there is no such record yet; make it: _validation-persist.mail.example.test. 3600 IN TXT"
            f' "ca.test; accounturi={ACCOUNT}"',
        )
        self.assertIn(f'accounturi={ACCOUNT}; policy=wildcard"', await self.can(wildcard=True))

    async def test_one_that_is_right_is_enough(self) -> None:
        for text in (
            RIGHT,
            f"CA.test.;accounturi={ACCOUNT};",
            f"ca.test ; AccountURI = {ACCOUNT} ; unknown=thing",
            f"{RIGHT}; persistUntil={self.clock.now() + 60:.0f}",
            f"{RIGHT}; policy=wildcard",
            f"{RIGHT}; policy=other",
        ):
            self.assertEqual(await self.can("v=spf1 -all", text), "", text)

    async def test_what_it_says_makes_the_record_that_it_wants(self) -> None:
        asked = challenge("dns-persist-01", NAME, token="", wildcard=True)
        self.assertEqual(await self.can(wanted(asked).value, wildcard=True), "")

    async def test_why_one_does_not_fit_is_told(self) -> None:
        for text, why in [
            ("other.test; accounturi=x", "it is for other.test"),
            (f"ca.test; accounturi={ACCOUNT}0", "it is for another account"),
            ("ca.test", "it is for another account"),
            (f"{RIGHT}; persistUntil={self.clock.now():.0f}", "it has ended"),
            (f"{RIGHT}; persistUntil=soon", "it has ended"),
            (f"{RIGHT}; accounturi={ACCOUNT}", "it cannot be understood"),
            (f"{RIGHT}; odd", "it cannot be understood"),
            ("; accounturi=x", "it cannot be understood"),
            ("", "it cannot be understood"),
        ]:
            words = await self.can(text)
            self.assertIn(f"({why})", words, text)
            self.assertIn("make it: _validation-persist.", words)

    async def test_a_wildcard_needs_a_record_that_says_so(self) -> None:
        self.assertIn("it has no policy=wildcard", await self.can(RIGHT, wildcard=True))
        self.assertEqual(await self.can(f"{RIGHT}; policy=Wildcard", wildcard=True), "")

    async def test_a_record_above_is_one_for_all_below_if_it_says_so(self) -> None:
        self.assertEqual(await self.can(f"{RIGHT}; policy=wildcard", at="example.test"), "")
        self.assertIn("it has no policy=wildcard", await self.can(RIGHT, at="example.test"))
        self.assertIn("no such record", await self.can(f"{RIGHT}; policy=wildcard", at="test"))

    async def test_an_authority_that_does_not_say_its_name_cannot_be_helped(self) -> None:
        self.assertEqual(await self.can(RIGHT, issuers=()), NO_ISSUER)

    async def test_a_record_that_ends_soon_is_told(self) -> None:
        events = heard(self)
        await self.can(f"{RIGHT}; persistUntil={self.clock.now() + 5 * 86400:.0f}")
        self.assertEqual([(one["event_id"], one["days"]) for one in events], [(ENDING.id, 5)])

    async def test_nothing_is_written_and_nothing_taken_away(self) -> None:
        asked = challenge("dns-persist-01", NAME)
        await self.solver.present(asked)
        await self.solver.withdraw(asked)

    async def test_that_dns_is_away_is_told(self) -> None:
        told = Told()
        told.raw = lambda question, tcp: []
        dns = asking(self, ["127.0.0.1"], dns_server(self, told), timeout=0.2)
        words = await DnsPersist01(dns, self.clock).can(challenge("dns-persist-01", NAME))
        self.assertIn("it cannot be seen whether the record is there", words)

    @given(st.text(max_size=300))
    def test_any_text_is_understood_or_not(self, text: str) -> None:
        found = Persisted.parse(text)
        if found is not None:
            found.objection(challenge("dns-persist-01"), False, 0.0)
