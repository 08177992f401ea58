"""What cannot be meant is said when the config is read, or when it is checked."""

from pathlib import Path
from typing import Any
from unittest.mock import patch

from twisted.trial.unittest import TestCase

from mailtwist.auth.directories.sql import mysql, postgresql
from mailtwist.auth.directories.sql.part import build, check
from mailtwist.auth.directories.sql.settings import Settings
from mailtwist.config.load import BadConfig, load_text
from mailtwist.testing.assembly import OnePart

QUERY = "user_query = SELECT email AS name, hash AS password FROM people WHERE email = {name}\n"
SERVED = "driver = postgresql\nhost = db.example.org\ndatabase = mail\nuser = mailtwist\n" + QUERY
FILED = "driver = sqlite\nfile = people.db\n" + QUERY
UPDATE = "update_password_query = UPDATE people SET hash = "


class SettingsTests(TestCase):
    def read(self, lines: str) -> Settings:
        section = load_text(f"[directory:people]\ntype = sql\n{lines}", "/etc/mailtwist.ini").section(
            "directory", "people"
        )
        assert section is not None
        settings: Settings = section.settings
        return settings

    def assembled(self) -> OnePart:
        folder = Path(self.mktemp())
        folder.mkdir()
        assembly = OnePart(folder)
        self.addCleanup(assembly.stop)
        return assembly

    def test_what_is_wrong_is_said_at_once(self) -> None:
        for lines, words in (
            (SERVED + "socket = /run/postgresql\n", '"socket" and "host" are two places'),
            (SERVED + "file = people.db\n", '"file" means nothing to postgresql; remove it'),
            (FILED + "host = db.example.org\n", '"host" means nothing to sqlite'),
            (FILED + "password = hunter2\n", '"password" means nothing to sqlite'),
            (SERVED.replace("db.example.org", "db_.example.org"), "is not a host name"),
            (SERVED.replace("db.example.org", "db.example.org, db.example.org"), "is there twice"),
            (SERVED.replace("{name}", "'{name}'"), 'user_query: "{name}" stands in quotes'),
            (SERVED.replace("{name}", "{user}"), 'user_query: "{user}" is no value'),
            (
                SERVED + "people_query = SELECT {name}\n",
                'people_query: "{name}" is no value that is known here',
            ),
            (SERVED + "weak_hashes = yes\n", 'weak_hashes needs "update_password_query"'),
            (SERVED + UPDATE + "{hash} WHERE email = {name}\n", 'it has no "{old}"'),
            (SERVED + UPDATE + "'x' WHERE email = {name} AND hash = {old}\n", 'it has no "{hash}"'),
            (SERVED + UPDATE + "{hash} WHERE hash = {old}\n", "it does not say whose password"),
        ):
            with self.assertRaises(BadConfig) as bad:
                self.read(lines)
            self.assertIn(words, str(bad.exception), lines)
            self.assertNotIn("hunter2", str(bad.exception))

    async def test_what_is_missing_is_said_when_it_is_checked(self) -> None:
        for lines, setting in (
            ("driver = sqlite\n" + QUERY, "file"),
            (SERVED.replace("host = db.example.org\n", ""), "host"),
            (SERVED.replace("database = mail\n", ""), "database"),
            (SERVED.replace("user = mailtwist\n", ""), "user"),
        ):
            settings = self.read(lines)
            [(told, words)] = await check(settings, self.assembled())
            self.assertEqual(told, setting)
            with self.assertRaises(ValueError) as wrong:
                build(settings, self.assembled())
            self.assertEqual(str(wrong.exception), words)

    async def test_a_library_that_is_not_there_is_named(self) -> None:
        for module, driver, library in ((postgresql, "postgresql", "psycopg"), (mysql, "mysql", "PyMySQL")):
            settings = self.read(SERVED.replace("postgresql", driver))
            with patch.object(module, "find_spec", return_value=None):
                [(setting, words)] = await check(settings, self.assembled())
                with self.assertRaises(ValueError):
                    build(settings, self.assembled())
            self.assertEqual(setting, "driver")
            self.assertIn(f"{library} is not installed", words)
            self.assertIn("pip install 'mailtwist[sql]'", words)

    async def test_a_library_that_would_go_without_tls_is_not_used(self) -> None:
        import pymysql

        settings = self.read(SERVED.replace("postgresql", "mysql"))
        self.patch(pymysql, "VERSION", (1, 1, 2, "final"))
        [(setting, words)] = await check(settings, self.assembled())
        self.assertEqual(setting, "driver")
        self.assertIn("older than 1.2", words)

    def test_who_goes_without_tls(self) -> None:
        for lines, host, verified in (
            (SERVED, "db.example.org", True),
            (SERVED, "192.0.2.1", True),
            (SERVED, "127.0.0.1", False),
            (SERVED, "::1", False),
            (SERVED, "localhost", False),
            (SERVED + "tls = off\n", "db.example.org", False),
            (SERVED + "tls = verify\n", "localhost", True),
            (SERVED.replace("host = db.example.org", "socket = /run/postgresql"), "/run/postgresql", False),
        ):
            self.assertIs(self.read(lines).verified(host), verified, lines)

    def test_a_password_is_shown_nowhere(self) -> None:
        settings: Any = self.read(SERVED + "password = hunter2\n")
        self.assertNotIn("hunter2", repr(settings))
        self.assertNotIn("hunter2", repr(vars(build(settings, self.assembled())._pool)))

    def test_hosts_are_names_and_addresses(self) -> None:
        settings = self.read(
            SERVED.replace("db.example.org", "DB.example.org, [2001:db8::1],\n  192.0.2.1, localhost")
        )
        self.assertEqual(settings.places(), ("db.example.org", "2001:db8::1", "192.0.2.1", "localhost"))
        self.assertEqual(str(settings.host), "db.example.org, 2001:db8::1, 192.0.2.1, localhost")
