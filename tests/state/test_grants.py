"""Refresh tokens, sealed: what is stored when two processes use the same one."""

from dataclasses import replace
from pathlib import Path

from twisted.trial.unittest import TestCase

from mailtwist.state.api import StateUnusable
from mailtwist.state.grants import Grants
from mailtwist.state.process import durable, keys
from mailtwist.state.records import Grant
from mailtwist.testing.assembly import OnePart

SECRET = "0.AXEA-refresh"


class GrantsTests(TestCase):
    async def made(self) -> Grants:
        folder = Path(self.mktemp())
        folder.mkdir()
        self.assembly = OnePart(folder)
        self.addCleanup(self.assembly.stop)
        self.durable = durable(self.assembly)
        grants = Grants(self.durable, keys(self.assembly), self.assembly.clock)
        await self.assembly.start()
        return grants

    async def known(self, grants: Grants) -> Grant:
        grant = await grants.of("ann", "provider")
        assert grant is not None
        return grant

    async def test_the_state_does_not_have_it_in_clear(self) -> None:
        grants = await self.made()
        grant = await grants.put("ann", "provider", "ann@example.org", SECRET)
        self.assertNotIn(SECRET.encode(), grant.sealed)
        self.assertNotIn("sealed", repr(grant))
        self.assertEqual(await grants.opened(await self.known(grants)), SECRET)

    async def test_one_that_was_moved_to_another_account_or_source_does_not_open(self) -> None:
        grants = await self.made()
        grant = await grants.put("ann", "provider", "ann@example.org", SECRET)
        for moved in (replace(grant, account="bob"), replace(grant, source="x"), replace(grant, id="y")):
            with self.assertRaises(StateUnusable):
                await grants.opened(moved)

    async def test_a_rotated_one_takes_the_place_of_the_one_that_was_used(self) -> None:
        grants = await self.made()
        grant = await grants.put("ann", "provider", "ann@example.org", SECRET)
        self.assertIs(await grants.refused(grant), True)
        changed = await grants.renewed(await self.known(grants), SECRET, "the next")
        self.assertEqual(changed, await self.known(grants))
        self.assertEqual(await grants.opened(await self.known(grants)), "the next")
        self.assertIsNone((await self.known(grants)).refused_at)
        self.assertEqual((await self.known(grants)).id, grant.id)

    async def test_one_that_was_sealed_anew_meanwhile_is_renewed_all_the_same(self) -> None:
        grants = await self.made()
        grant = await grants.put("ann", "provider", "ann@example.org", SECRET)
        await grants.renewed(grant, SECRET, SECRET)
        anew = replace(grant, refused_at=1.0)
        await self.durable.change_grant(grant, anew)
        await grants.renewed(grant, SECRET, "the next")
        self.assertEqual(await grants.opened(await self.known(grants)), "the next")

    async def test_who_was_connected_anew_meanwhile_keeps_that(self) -> None:
        grants = await self.made()
        old = await grants.put("ann", "provider", "ann@example.org", SECRET)
        new = await grants.put("ann", "provider", "ann@example.org", "quite another")
        self.assertIsNone(await grants.renewed(old, SECRET, "the next"))
        self.assertIs(await grants.refused(old), False)
        self.assertEqual(await self.known(grants), new)

    async def test_who_was_renewed_by_another_process_keeps_that(self) -> None:
        grants = await self.made()
        grant = await grants.put("ann", "provider", "ann@example.org", SECRET)
        await grants.renewed(grant, SECRET, "by another")
        self.assertIsNone(await grants.renewed(grant, SECRET, "by us"))
        self.assertEqual(await grants.opened(await self.known(grants)), "by another")

    async def test_who_was_taken_away_meanwhile_stays_so(self) -> None:
        grants = await self.made()
        grant = await grants.put("ann", "provider", "ann@example.org", SECRET)
        self.assertIs(await grants.forget("ann", "provider"), True)
        self.assertIsNone(await grants.renewed(grant, SECRET, "the next"))
        self.assertIsNone(await grants.of("ann", "provider"))
