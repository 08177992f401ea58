"""People in a real MariaDB."""

from collections.abc import Sequence
from typing import Any

from twisted.trial.unittest import TestCase

from tests.auth.directories.mariadb import PASSWORD, USER, Mariadb, mariadb
from tests.auth.directories.sql.contract import HELLO
from tests.auth.directories.sql.served import ServedContract
from tests.auth.directories.sql.values import NASTY


class MariadbTests(ServedContract, TestCase):
    driver = "mysql"
    database = "mail"
    user, password = USER, PASSWORD
    slow = "SLEEP(10)"
    types = (
        "id INTEGER PRIMARY KEY, email VARCHAR(255) COLLATE utf8mb4_bin,"
        " hash VARCHAR(255) COLLATE utf8mb4_bin, enabled TINYINT(1)"
    )
    version = "MariaDB"
    wrong_password = "Access denied"

    def setUp(self) -> None:
        self.server: Mariadb = mariadb()

    def admin(self, *statements: str) -> Sequence[Any]:
        return self.server.admin(*statements, database=self.database)

    def cut(self) -> None:
        for (number,) in self.server.admin(
            f"SELECT id FROM information_schema.processlist WHERE user = '{USER}'"
        ):
            self.server.admin(f"KILL {number}")

    def socket(self) -> str:
        return str(self.server.socket)

    async def test_columns_of_any_collation_are_compared(self) -> None:
        """And who is found because a comparison sees no accents is still nobody."""
        directory = await self.make_directory()
        for collation in ("utf8mb4_unicode_ci", "utf8mb4_general_ci", "latin1_swedish_ci", "utf8mb3_bin"):
            charset = collation.partition("_")[0]
            self.admin(
                f"ALTER TABLE people MODIFY email VARCHAR(255) CHARACTER SET {charset} COLLATE {collation}"
            )
            await self.person(directory)
            for name in ("\u00e4nn@example.org", "ann@example.org ", "ANN@example.org", "\N{PILE OF POO}"):
                self.assertIsNone(await directory.find(name), (collation, name))

    async def test_no_mode_and_no_characters_make_values_a_part_of_a_query(self) -> None:
        """What the driver itself would write in is wrong in one of them."""
        modes = (
            "",
            "NO_BACKSLASH_ESCAPES",
            "ANSI_QUOTES",
            "NO_BACKSLASH_ESCAPES,ANSI_QUOTES,PIPES_AS_CONCAT",
        )
        was = self.server.admin("SELECT @@GLOBAL.sql_mode")[0][0]
        self.addCleanup(self.server.admin, f"SET GLOBAL sql_mode = '{was}'")
        await self.make_directory()
        for mode in modes:
            self.server.admin(f"SET GLOBAL sql_mode = '{mode}'")
            connection = await self.a_connection()
            for nasty in NASTY:
                self.assertEqual(await self.echoed(connection, nasty), nasty, mode)

    async def test_people_in_gbk_are_found_and_nothing_is_broken_out_of(self) -> None:
        self.database = "gbk"
        self.types = "id INTEGER PRIMARY KEY, email VARCHAR(255), hash VARCHAR(255), enabled INTEGER"
        directory = await self.make_directory()
        await self.person(directory)
        connection = await self.a_connection()
        connection._said("SET NAMES gbk")
        for nasty in ("\u00bf' OR 1=1 -- ", "\u7e17' OR 1=1 -- ", "\u00bf\\' OR 1=1 -- "):
            found = await self.asked(connection, "user_query", {"name": nasty})
            self.assertEqual(list(found.rows), [])
            self.assertIsNone(await directory.find(nasty))

    async def test_a_better_hash_is_never_cut_off(self) -> None:
        """Where the server would do so without a word, and cannot take it back."""
        was = self.server.admin("SELECT @@GLOBAL.sql_mode")[0][0]
        self.addCleanup(self.server.admin, f"SET GLOBAL sql_mode = '{was}'")
        self.server.admin("SET GLOBAL sql_mode = ''")
        directory = await self.make_directory()
        self.admin("ALTER TABLE people MODIFY hash VARCHAR(70), ENGINE = MyISAM")
        self.admin(f"UPDATE people SET hash = '{HELLO}'")
        person = await self.person(directory)
        for _ in range(2):
            self.assertIs(await directory.accepts(person, b"Hello world!"), True)
            self.assertEqual(self.stored(), HELLO)
