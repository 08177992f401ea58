"""People in a real PostgreSQL."""

from collections.abc import Sequence
from typing import Any

from twisted.trial.unittest import TestCase

from mailtwist.auth.api import AccountUnavailable, LoginUnavailable
from mailtwist.auth.directories.sql.api import DatabaseAway
from mailtwist.testing.directory import NAME
from tests.auth.directories.postgresql import PASSWORD, USER, Postgresql, postgresql
from tests.auth.directories.sql.served import ServedContract


class PostgresqlTests(ServedContract, TestCase):
    driver = "postgresql"
    database = "mail"
    user, password = USER, PASSWORD
    slow = "(SELECT pg_sleep(10)::text)"
    echo = "{name}::text"
    together = "(SELECT array_agg(g.name) FROM memberships g WHERE g.person = p.id)"
    version = "PostgreSQL"
    wrong_password = "password authentication failed"

    def setUp(self) -> None:
        self.server: Postgresql = postgresql()

    def admin(self, *statements: str) -> Sequence[Any]:
        return self.server.admin(*statements, database=self.database, user=USER)

    def cut(self) -> None:
        self.server.admin(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'mailtwist'"
        )

    def socket(self) -> str:
        return str(self.server.folder)

    async def test_casts_and_operators_of_json_stay(self) -> None:
        directory = await self.make_directory(
            user_query="SELECT email AS name, hash AS password, '{}'::jsonb ? 'x' AS enabled,\n"
            " CASE WHEN 7 % 4 = 3 AND email LIKE '%@%' THEN ARRAY['a b', 'c'] END AS groups\n"
            " FROM people WHERE email = {name}::text"
        )
        person = await self.person(directory)
        self.assertEqual((person.enabled, person.groups), (False, ("a b", "c")))

    async def test_a_row_that_cannot_be_read_is_not_nobodys(self) -> None:
        self.stock()
        query = "SELECT email AS name, hash AS password, '-infinity'::date AS enabled FROM people"
        directory = await self.opened(user_query=f"{query} WHERE email = {{name}}")
        with self.assertRaises(AccountUnavailable):
            await directory.find(NAME)

    async def test_names_that_a_database_in_latin_1_cannot_have_are_nobodys(self) -> None:
        self.database = "latin"
        directory = await self.make_directory()
        self.put(2, "zo\u00eb@example.org", None)
        zoe = await directory.find("zo\u00eb@example.org")
        assert zoe is not None
        self.assertEqual(zoe.name, "zo\u00eb@example.org")
        for name in ("\u0437\u043e\u044f@example.org", "\N{PILE OF POO}@example.org", "a\0b"):
            self.assertIsNone(await directory.find(name))

    async def test_a_name_that_cannot_be_compared_is_trouble_of_one(self) -> None:
        self.stock()
        query = "SELECT email AS name, hash AS password FROM people WHERE id = {local}"
        directory = await self.opened(user_query=query)
        with self.assertRaises(LoginUnavailable) as trouble:
            await directory.find(NAME)
        self.assertNotIsInstance(trouble.exception, DatabaseAway)
        [(setting, words)] = await self.problems(user_query=query)
        self.assertIn("invalid input syntax for type integer", words)
