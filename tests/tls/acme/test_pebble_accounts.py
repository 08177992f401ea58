"""Accounts at a real authority: registered, bound to an external one, given other keys, closed."""

from twisted.trial.unittest import TestCase

from mailtwist.kit.spawn import together
from mailtwist.tls.acme.account_key import AccountKey
from mailtwist.tls.acme.problem import NotIssued
from tests.tls.acme.ordering import client, registered, secret
from tests.tls.acme.pebble import pebble


class PebbleAccounts(TestCase):
    timeout = 180

    async def refused(self, asked: object, kind: str) -> str:
        """Its sentence."""
        with self.assertRaises(NotIssued) as caught:
            await asked
        self.assertEqual(caught.exception.kind, kind, caught.exception.words)
        return caught.exception.words

    async def test_an_account_is_registered_once_and_found_again(self) -> None:
        one = client(self, pebble())
        self.assertIsNone(await one.find())
        made = await one.register(["ann@example.test"], agree=True)
        self.assertEqual((made.url, made.status), (one.account, "valid"))
        self.assertEqual((await one.register(agree=True)).url, made.url)
        again = client(self, pebble(), one.key)
        found = await again.find()
        self.assertEqual((found.url, found.contact), (made.url, ("mailto:ann@example.test",)))
        changed = await again.set_contact(["bob@example.test"])
        self.assertEqual(changed.contact, ("mailto:bob@example.test",))

    async def test_every_kind_of_key_signs(self) -> None:
        for kind in ("EC", "EC384", "RSA"):
            one = await registered(self, pebble(), key=AccountKey.new(kind))
            self.assertTrue(one.account, kind)

    async def test_who_does_not_agree_gets_no_account(self) -> None:
        words = await self.refused(client(self, pebble()).register(["ann@example.test"]), "terms")
        self.assertIn("agree_to_terms = yes", words)

    async def test_an_account_gets_another_key(self) -> None:
        one = await registered(self, pebble())
        old, new = one.key, AccountKey.new()
        await one.change_key(new)
        self.assertEqual((await one.set_contact(["bob@example.test"])).status, "valid")
        self.assertEqual((await client(self, pebble(), new).find()).url, one.account)
        self.assertIsNone(await client(self, pebble(), old).find())

    async def test_a_key_that_another_account_has_is_not_taken(self) -> None:
        one, other = await registered(self, pebble()), await registered(self, pebble())
        before = one.key
        with self.assertRaises(NotIssued):
            await one.change_key(other.key)
        self.assertIs(one.key, before)
        await one.set_contact(["bob@example.test"])

    async def test_a_closed_account_is_no_more_used(self) -> None:
        one = await registered(self, pebble())
        await one.deactivate()
        await self.refused(one.order(["a.example.test"]), "unauthorized")

    async def test_an_external_account_is_bound(self) -> None:
        ca = pebble(eab=True)
        kid, key = next(iter(ca.eab.items()))
        words = await self.refused(client(self, ca).register(agree=True), "externalAccountRequired")
        self.assertIn("eab_kid", words)
        one = client(self, ca, eab_kid=kid, eab_key=secret(key))
        self.assertEqual((await one.register(agree=True)).status, "valid")
        self.assertEqual((await client(self, ca, one.key).find()).url, one.account)

    async def test_a_wrong_external_key_is_refused(self) -> None:
        ca = pebble(eab=True)
        kid, other = list(ca.eab)[0], list(ca.eab.values())[1]
        for more in ({"eab_kid": kid, "eab_key": other}, {"eab_kid": "nobody", "eab_key": other}):
            one = client(self, ca, **(more | {"eab_key": secret(other)}))
            with self.assertRaises(NotIssued) as caught:
                await one.register(agree=True)
            self.assertFalse(caught.exception.words.count(other))
        self.assertEqual(one.account, "")

    async def test_half_of_all_nonces_are_refused(self) -> None:
        """Requests at once, too."""
        ca = pebble(nonce_reject=50)
        one = await registered(self, ca)
        before = ca.count(" POST /")
        await together(*(one.order([f"n{number}.example.test"]) for number in range(10)))
        for number in range(10):
            await one.set_contact([f"n{number}@example.test"])
        self.assertGreater(ca.count(" POST /") - before, 20)  # it was asked again and again
