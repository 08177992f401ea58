"""People in a SQLite file that somebody else writes."""

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from twisted.trial.unittest import TestCase

from mailtwist.auth.api import AccountUnavailable, Directory
from mailtwist.auth.directories.sql.api import DatabaseAway
from tests.auth.directories.sql.better import BetterHashes
from tests.auth.directories.sql.contract import QUICK
from tests.auth.directories.sql.remembered import RememberedPasswords
from tests.auth.directories.sql.values import ValuesContract


class SqliteTests(BetterHashes, RememberedPasswords, ValuesContract, TestCase):
    slow = (
        "(WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000000000)"
        " SELECT max(i) FROM n)"
    )

    def setUp(self) -> None:
        self.file = Path(self.mktemp()).absolute()

    def connection(self) -> str:
        return f"driver = sqlite\nfile = {self.file}"

    def admin(self, *statements: str) -> Sequence[Any]:
        db = sqlite3.connect(self.file)
        try:
            with db:
                for statement in statements:
                    rows = db.execute(statement).fetchall()
            return rows
        finally:
            db.close()

    async def take_away(self, directory: Directory) -> None:
        self.admin("DROP TABLE people")

    async def test_a_file_that_is_not_there_is_not_made(self) -> None:
        for changed in ({}, {"update_password_query": ""}):
            directory = await self.opened(**changed)
            with self.assertRaises(DatabaseAway):
                await directory.find("ann@example.org")
            [(setting, words)] = await self.problems(**changed)
            self.assertEqual(setting, "file")
            self.assertIn("unable to open", words)
        self.assertFalse(self.file.exists())

    async def test_what_is_no_database_is_away(self) -> None:
        self.file.write_bytes(b"ann:secret\n" * 1000)
        directory = await self.opened()
        with self.assertRaises(DatabaseAway):
            await directory.find("ann@example.org")

    async def test_a_file_that_is_only_read_is_not_written(self) -> None:
        self.stock()
        before = self.file.read_bytes()
        query = "SELECT email AS name, hash AS password FROM people WHERE email = {name}"
        directory = await self.opened(update_password_query="", user_query=query)
        mode = (await self.assembly.threads.run(directory._pool._database.connect, str(self.file)))._db
        with self.assertRaises(sqlite3.OperationalError):
            mode.execute("DELETE FROM people")
        mode.close()
        self.assertEqual(self.file.read_bytes(), before)

    async def test_who_writes_holds_up_nobody_for_long(self) -> None:
        directory = await self.make_directory(timeout="2 s")
        person = await self.person(directory)
        other = sqlite3.connect(self.file, isolation_level=None)
        other.execute("BEGIN EXCLUSIVE")
        try:
            error = await self.failing(directory.accepts(person, b"x"))
            self.assertIsInstance(error, DatabaseAway)
        finally:
            other.close()
        self.assertIs(await directory.accepts(person, b"x"), False)

    async def test_text_that_is_none_is_trouble_of_one(self) -> None:
        directory = await self.make_directory()
        person = await self.person(directory)
        self.put(2, "bob@example.org", QUICK)
        self.admin("UPDATE people SET hash = CAST(x'24ff' AS TEXT) WHERE id = 1")
        with self.assertRaises(AccountUnavailable):
            await directory.accepts(person, b"secret")
        self.assertIsNotNone(await directory.find("bob@example.org"))
