"""Weaker hashes are replaced by better ones, and nobody is kept out by that."""

from typing import Any

from twisted.logger import globalLogPublisher

from mailtwist.auth.api import AccountUnavailable
from mailtwist.auth.directories.hashes import verified
from mailtwist.testing.directory import NAME
from tests.auth.directories.sql.contract import HELLO, QUICK, Stocked


class BetterHashes(Stocked):
    """With `update_password_query`."""

    async def test_a_weaker_hash_is_replaced_after_a_right_password(self) -> None:
        directory = await self.make_directory()
        self.admin(f"UPDATE people SET hash = '{HELLO}'")
        person = await self.person(directory)
        self.assertIs(await directory.accepts(person, b"wrong"), False)
        self.assertEqual(self.stored(), HELLO)
        self.assertIs(await directory.accepts(person, b"Hello world!"), True)
        new = self.stored()
        self.assertTrue(new.startswith("$argon2id$"), new)
        self.assertIs(verified(new, b"Hello world!"), True)
        self.assertIs(await directory.accepts(person, b"Hello world!"), True)
        self.assertEqual(self.stored(), new)

    async def test_a_better_hash_has_the_form_of_the_old_one(self) -> None:
        directory = await self.make_directory(weak_hashes="yes")
        self.admin("UPDATE people SET hash = '{SHA}EfatjsUqKYSrqv18O1FlA3hcIHI='")
        person = await self.person(directory)
        self.assertIs(await directory.accepts(person, b"x"), True)
        self.assertTrue(self.stored().startswith("{ARGON2ID}$argon2id$"))
        strict = await self.opened()
        self.admin("UPDATE people SET hash = '{SHA}EfatjsUqKYSrqv18O1FlA3hcIHI='")
        with self.assertRaises(AccountUnavailable):
            await strict.accepts(person, b"x")

    async def test_a_hash_that_was_changed_meanwhile_stays(self) -> None:
        directory = await self.make_directory()
        self.admin(f"UPDATE people SET hash = '{HELLO}'")
        person = await self.person(directory)
        hashed = directory._passwords.hashed

        async def slowly(password: bytes) -> str:
            self.admin(f"UPDATE people SET hash = '{QUICK}'")
            return await hashed(password)

        self.patch(directory._passwords, "hashed", slowly)
        self.assertIs(await directory.accepts(person, b"Hello world!"), True)
        self.assertEqual(self.stored(), QUICK)

    async def test_an_update_that_fails_keeps_nobody_out(self) -> None:
        events: list[Any] = []
        globalLogPublisher.addObserver(events.append)
        self.addCleanup(globalLogPublisher.removeObserver, events.append)
        self.stock()
        for update in (
            "UPDATE nowhere SET hash = {hash} WHERE id = {account} AND hash = {old}",
            "UPDATE people SET hash = {hash} WHERE {old} = {old} OR id = {account}",
        ):
            directory = await self.opened(update_password_query=update)
            self.admin("DELETE FROM people")
            self.put(1, NAME, HELLO)
            self.put(2, "bob@example.org", HELLO)
            person = await self.person(directory)
            self.assertIs(await directory.accepts(person, b"Hello world!"), True)
            self.assertEqual([self.stored(1), self.stored(2)], [HELLO, HELLO])
        told = [event for event in events if event.get("event_id") == "sql.not_made_anew"]
        self.assertEqual(len(told), 2)
        self.assertIn("2 rows for one account", told[1]["error"])
        self.assertNotIn("argon2", repr([one["error"] for one in told]))

    async def test_a_hash_that_does_not_come_back_whole_is_not_stored(self) -> None:
        """In a column that is too short, say: nobody could log in any more."""
        directory = await self.make_directory(
            update_password_query="UPDATE people SET hash = lower({hash})"
            " WHERE id = {account} AND hash = {old}"
        )
        self.admin(f"UPDATE people SET hash = '{HELLO}'")
        person = await self.person(directory)
        with self.hearing() as told:
            self.assertIs(await directory.accepts(person, b"Hello world!"), True)
        self.assertEqual(self.stored(), HELLO)
        self.assertIn("does not come back whole", told[-1])
        self.assertIs(await directory.accepts(person, b"Hello world!"), True)

    async def test_without_such_a_query_nothing_is_written(self) -> None:
        directory = await self.make_directory(
            update_password_query="",
            user_query=f"SELECT {self.columns()} {self.source()} WHERE {self.where}",
        )
        self.admin(f"UPDATE people SET hash = '{HELLO}'")
        person = await self.person(directory)
        self.assertIs(await directory.accepts(person, b"Hello world!"), True)
        self.assertEqual(self.stored(), HELLO)
