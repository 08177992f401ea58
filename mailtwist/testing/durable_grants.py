"""What every durable state must do about refresh tokens: part of `testing.durable.DurableContract`."""

from dataclasses import replace
from typing import TYPE_CHECKING

from mailtwist.kit.spawn import together
from mailtwist.state.api import Durable
from mailtwist.state.records import Grant
from mailtwist.testing.durable_devices import NOW

if TYPE_CHECKING:
    from unittest import TestCase as _TestCase
else:
    _TestCase = object  # a contract is no test case: trial would run it where it is imported


def a_grant(account: str = "ann", source: str = "microsoft", id: str = "g1") -> Grant:
    return Grant(id, account, source, f"{account}@example.org", b"sealed", 1, NOW, NOW)


class GrantsContract(_TestCase):
    """Of `testing.durable.DurableContract`."""

    async def make_durable(self) -> Durable:
        raise NotImplementedError

    async def reopened(self, state: Durable) -> Durable:
        raise NotImplementedError

    async def beside(self, state: Durable) -> Durable:
        raise NotImplementedError

    async def test_a_grant_comes_back_as_it_was(self) -> None:
        state = await self.make_durable()
        refused = replace(a_grant(), refused_at=NOW + 1)
        await state.set_grant(refused)
        again = await self.reopened(state)
        self.assertEqual(await again.grant("ann", "microsoft"), refused)
        for account, source in (("ann", "google"), ("bob", "microsoft")):
            self.assertIsNone(await again.grant(account, source))

    async def test_an_account_has_one_grant_at_each_source(self) -> None:
        state = await self.make_durable()
        grants = [a_grant("bob"), a_grant(source="google"), a_grant(), a_grant(id="g2")]
        for grant in grants:
            await state.set_grant(grant)
        self.assertEqual(list(await state.grants()), [grants[1], grants[3], grants[0]])

    async def test_a_grant_is_changed_by_who_knows_it(self) -> None:
        state = await self.make_durable()
        await state.set_grant(a_grant())
        changed = replace(a_grant(), sealed=b"again", key_version=2, renewed=NOW + 1, refused_at=NOW + 2)
        self.assertIs(await state.change_grant(a_grant(), changed), True)
        self.assertIs(await state.change_grant(a_grant(), replace(changed, sealed=b"late")), False)
        self.assertEqual(await state.grant("ann", "microsoft"), changed)
        self.assertIs(await state.change_grant(changed, a_grant()), True)
        self.assertEqual(await state.grant("ann", "microsoft"), a_grant())

    async def test_of_many_at_once_one_changes_a_grant(self) -> None:
        state = await self.make_durable()
        other = await self.beside(state)
        await state.set_grant(a_grant())
        changes = [replace(a_grant(), sealed=b"by %d" % number) for number in range(6)]
        done = await together(
            *((state, other)[number % 2].change_grant(a_grant(), one) for number, one in enumerate(changes))
        )
        self.assertEqual(done.count(True), 1)
        self.assertEqual(await other.grant("ann", "microsoft"), changes[done.index(True)])

    async def test_what_another_process_grants_and_takes_away_is_known_at_once(self) -> None:
        state = await self.make_durable()
        other = await self.beside(state)
        self.assertIsNone(await state.grant("ann", "microsoft"))
        await other.set_grant(a_grant())
        self.assertEqual(await state.grant("ann", "microsoft"), a_grant())
        self.assertIs(await other.remove_grant("ann", "microsoft"), True)
        self.assertIsNone(await state.grant("ann", "microsoft"))
        self.assertIs(await state.remove_grant("ann", "microsoft"), False)

    async def test_grants_need_their_keys(self) -> None:
        state = await self.make_durable()
        await state.set_grant(a_grant())
        await state.set_grant(replace(a_grant("bob"), key_version=2))
        self.assertEqual(dict(await state.keys_used()), {("seeds", 1): 1, ("seeds", 2): 1})
        self.assertEqual(list(await state.grants_sealed_before(2, 9)), [a_grant()])
        self.assertEqual(list(await state.grants_sealed_before(2, 0)), [])

    async def test_a_removed_account_has_granted_nothing(self) -> None:
        state = await self.make_durable()
        for account in ("ann", "bob"):
            await state.set_grant(a_grant(account))
        await state.forget_account("ann")
        self.assertEqual(list(await state.grants()), [a_grant("bob")])
