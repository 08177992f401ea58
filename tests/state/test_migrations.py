"""Schemas go forward, whole or not at all."""

import sqlite3

from twisted.trial.unittest import SynchronousTestCase

from mailtwist.state.api import StateUnusable
from mailtwist.state.migrations import migrate

FIRST = ("CREATE TABLE people (name TEXT)", "INSERT INTO people VALUES ('ann')")
SECOND = ("ALTER TABLE people ADD COLUMN age INTEGER NOT NULL DEFAULT 7",)


class MigrationTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.path = self.mktemp()
        self.db = self.connected()

    def connected(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self.path, isolation_level=None)
        self.addCleanup(connection.close)
        return connection

    def people(self) -> list[tuple[object, ...]]:
        return self.connected().execute("SELECT * FROM people").fetchall()

    def test_a_new_file_gets_the_schema_of_today(self) -> None:
        migrate(self.db, [FIRST, SECOND], "people.sqlite")
        self.assertEqual(self.people(), [("ann", 7)])

    def test_an_older_file_keeps_what_it_has(self) -> None:
        migrate(self.db, [FIRST], "people.sqlite")
        self.db.execute("INSERT INTO people VALUES ('bob')")
        migrate(self.db, [FIRST, SECOND], "people.sqlite")
        self.assertEqual(self.people(), [("ann", 7), ("bob", 7)])

    def test_a_second_time_changes_nothing(self) -> None:
        migrate(self.db, [FIRST, SECOND], "people.sqlite")
        migrate(self.db, [FIRST, SECOND], "people.sqlite")
        self.assertEqual(self.people(), [("ann", 7)])

    def test_a_step_that_fails_leaves_nothing_of_itself(self) -> None:
        broken = ("INSERT INTO people VALUES ('eve')", "this is not SQL")
        with self.assertRaises(sqlite3.OperationalError):
            migrate(self.db, [FIRST, broken], "people.sqlite")
        self.assertEqual(self.people(), [("ann",)])
        migrate(self.db, [FIRST, SECOND], "people.sqlite")
        self.assertEqual(self.people(), [("ann", 7)])

    def test_a_full_disk_is_what_is_told(self) -> None:
        """SQLite has taken everything back by then, and there is nothing to roll back."""
        self.db.execute("PRAGMA max_page_count = 5")
        filling = ("CREATE TABLE big (x)", *["INSERT INTO big VALUES (zeroblob(9000))"] * 9)
        with self.assertRaisesRegex(sqlite3.OperationalError, "full"):
            migrate(self.db, [FIRST, filling], "people.sqlite")
        self.db.execute("PRAGMA max_page_count = 1000")
        migrate(self.db, [FIRST, filling], "people.sqlite")
        self.assertEqual(self.people(), [("ann",)])

    def test_a_newer_schema_is_refused_and_left_alone(self) -> None:
        migrate(self.db, [FIRST, SECOND], "people.sqlite")
        with self.assertRaises(StateUnusable) as refused:
            migrate(self.db, [FIRST], "people.sqlite")
        self.assertIn("newer mailtwist (schema 2, this one knows 1)", refused.exception.detail)
        self.assertEqual(self.people(), [("ann", 7)])
