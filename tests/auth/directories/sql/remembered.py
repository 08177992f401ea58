"""What is remembered of passwords in a database: nothing that was changed there, and nothing of strangers."""

from mailtwist.auth.api import Person
from mailtwist.testing.directory import PASSWORD
from tests.auth.directories.sql.contract import HELLO, Stocked


class RememberedPasswords(Stocked):
    """`remembered`."""

    async def test_a_password_changed_there_counts_at_once(self) -> None:
        """Whatever is remembered: it is of the hash that was there."""
        directory = await self.make_directory(remembered="5 min")
        person = await self.person(directory)
        self.assertIs(await directory.accepts(person, PASSWORD), True)
        self.admin(f"UPDATE people SET hash = '{HELLO}' WHERE id = 1")
        self.assertIs(await directory.accepts(person, PASSWORD), False)
        self.assertIs(await directory.accepts(person, b"Hello world!"), True)

    async def test_a_strangers_password_is_not_remembered(self) -> None:
        """A second try that is over sooner would tell whoever guesses that it is somebody's."""
        directory = await self.make_directory(update_password_query="")
        person = await self.person(directory)
        self.patch(directory._passwords, "_remembered", 3600.0)
        self.assertIs(await directory.accepts(person, b"wrong"), False)
        made: list[bytes] = []
        verified = directory._passwords._verified
        self.patch(
            directory._passwords, "_verified", lambda hash, word: made.append(word) or verified(hash, word)
        )
        for word in (PASSWORD, PASSWORD):
            self.assertIs(await directory.accepts(Person("?", "nobody@example.org"), word), False)
        self.assertIs(await directory.accepts(person, PASSWORD), True)
        self.assertIs(await directory.accepts(person, PASSWORD), True)
        self.assertIs(await directory.accepts(Person("?", "nobody@example.org"), PASSWORD), False)
        self.assertEqual(made, [PASSWORD] * 4)
