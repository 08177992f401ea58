"""When to renew, what is replaced, and by which profile: what new authorities know.  rfc9773"""

import time
from typing import Any

from twisted.trial.unittest import TestCase

from mailtwist.tls.acme.problem import NotIssued
from tests.tls.acme.fake_ca import FakeCA, fake_ca
from tests.tls.acme.faults import Changed
from tests.tls.acme.ordering import AllProven, certified, leaf_of, registered

DAY = 86400.0


class Windows(TestCase):
    timeout = 180

    async def test_the_window_is_told(self) -> None:
        ca = await fake_ca(self)
        one = await registered(self, ca)
        ca.explanation = "https://ca.example/why"
        made = leaf_of(await certified(one, "a.test", by=[AllProven()]))
        now = time.time()
        ca.windows[ca.issued[0].id] = (now - 100, now + 100)
        for said, wait in (("21600", 21600), ("5", 60), ("999999999", 86400), ("", 21600), ("x", 21600)):
            ca.renewal_after = said
            found = await one.renewal(made)
            assert found is not None
            self.assertEqual((found.start, found.end), (int(now - 100), int(now + 100)))
            self.assertEqual(found.explanation, ca.explanation)
            self.assertTrue(0 <= found.again - now - wait < 60, (said, found.again - now))

    async def test_a_revoked_one_is_due(self) -> None:
        ca = await fake_ca(self)
        one = await registered(self, ca)
        made = leaf_of(await certified(one, "a.test", by=[AllProven()]))
        await one.revoke(made, 4)
        found = await one.renewal(made)
        assert found is not None
        self.assertLess(found.end, time.time())

    async def test_nonsense_for_a_window(self) -> None:
        ca = await fake_ca(self)
        one = await registered(self, ca)
        made = leaf_of(await certified(one, "a.test", by=[AllProven()]))
        early, late = "2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z"
        for window in (
            None,
            5,
            {},
            {"start": early},
            {"start": "x", "end": "y"},
            {"start": 5, "end": [late]},
            {"start": early, "end": "9" * 10_000},
            {"start": late, "end": early},
        ):
            ca.once("renewal", Changed({"suggestedWindow": window}))
            with self.assertRaises(NotIssued, msg=str(window)) as caught:
                await one.renewal(made)
            self.assertEqual(caught.exception.kind, "nonsense")

    async def test_one_that_has_ended_is_not_asked_about(self) -> None:
        ca = await fake_ca(self)
        one = await registered(self, ca)
        ca.wrong = "expired"
        with self.assertRaises(NotIssued):
            await certified(one, "a.test", by=[AllProven()])
        self.assertIsNone(await one.renewal(ca.issued[0].certificate))
        self.assertEqual(ca.count("renewal"), 0)

    async def test_where_there_is_no_ari_nothing_is_asked(self) -> None:
        ca = await fake_ca(self, ari=False)
        one = await registered(self, ca)
        made = await certified(one, "a.test", by=[AllProven()])
        self.assertIsNone(await one.renewal(leaf_of(made)))
        await certified(one, "a.test", by=[AllProven()], replaces=made)
        self.assertNotIn("replaces", orders(ca)[1])

    async def test_a_renewal_says_what_it_replaces(self) -> None:
        ca = await fake_ca(self)
        one = await registered(self, ca)
        made = await certified(one, "a.test", by=[AllProven()])
        await certified(one, "a.test", by=[AllProven()], replaces=made)
        self.assertEqual([leaf.replaced for leaf in ca.issued], [True, False])
        self.assertEqual(orders(ca)[1]["replaces"], ca.issued[0].id)

    async def test_what_was_replaced_already_is_ordered_without(self) -> None:
        ca = await fake_ca(self)
        one = await registered(self, ca)
        made = await certified(one, "a.test", by=[AllProven()])
        for _ in range(2):
            again = await certified(one, "a.test", by=[AllProven()], replaces=made)
            ca.verified(again.pem, "a.test")
        self.assertEqual(["replaces" in one for one in orders(ca)], [False, True, True, False])


class Profiles(TestCase):
    timeout = 180

    async def test_a_profile_that_is_offered_is_asked_for(self) -> None:
        ca = await fake_ca(
            self,
            profiles={"classic": "As ever.", "shortlived": "Six days."},
            lives={"shortlived": 6 * DAY, "classic": 45 * DAY},
        )
        short = await registered(self, ca, required_profile="shortlived")
        leaf = leaf_of(await certified(short, "a.test", by=[AllProven()]))
        self.assertEqual((leaf.not_valid_after_utc - leaf.not_valid_before_utc).days, 6)
        await certified(await registered(self, ca, profile="classic"), "a.test", by=[AllProven()])
        self.assertEqual([leaf.profile for leaf in ca.issued], ["shortlived", "classic"])

    async def test_a_profile_that_is_only_preferred_may_be_missing(self) -> None:
        ca = await fake_ca(self, profiles={"classic": "As ever."})
        await certified(await registered(self, ca, profile="tlsserver"), "a.test", by=[AllProven()])
        ca.profiles = {}
        await certified(await registered(self, ca, profile="tlsserver"), "a.test", by=[AllProven()])
        self.assertEqual([leaf.profile for leaf in ca.issued], ["", ""])

    async def test_a_profile_that_is_taken_back(self) -> None:
        """We still believe that it is there."""
        ca = await fake_ca(self, profiles={"classic": "As ever."})
        one = await registered(self, ca, profile="classic")
        await one.directory()
        ca.profiles = {}
        await certified(one, "a.test", by=[AllProven()])
        self.assertEqual([leaf.profile for leaf in ca.issued], [""])
        self.assertEqual(ca.count("order"), 2)

    async def test_without_the_profile_that_is_required_there_is_nothing(self) -> None:
        ca = await fake_ca(self, profiles={"classic": "As ever."})
        one = await registered(self, ca, required_profile="shortlived")
        with self.assertRaises(NotIssued) as caught:
            await certified(one, "a.test", by=[AllProven()])
        self.assertEqual((caught.exception.kind, caught.exception.temporary), ("profile", False))
        self.assertIn("classic", caught.exception.words)
        self.assertEqual(ca.count("order"), 0)

    async def test_profiles_that_are_nonsense_are_none(self) -> None:
        ca = await fake_ca(self)
        for meta in ({"profiles": 5}, {"profiles": ["classic"]}, {"profiles": {"classic": None}}):
            ca.always("directory", Changed({"meta": meta}))
            await certified(await registered(self, ca, profile="classic"), "a.test", by=[AllProven()])
        self.assertEqual({leaf.profile for leaf in ca.issued}, {""})


def orders(ca: FakeCA) -> list[dict[str, Any]]:
    return [dict(one.payload or {}) for one in ca.seen if one.step == "order"]
