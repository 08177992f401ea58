"""Whatever is in a value, it never becomes a part of a query, and is compared as it is."""

from collections.abc import Sequence
from typing import Any

from mailtwist.auth.api import Person
from mailtwist.auth.directories.sql.queries import Query, statement
from mailtwist.auth.directories.sql.settings import DIALECTS
from mailtwist.testing.directory import PASSWORD
from tests.auth.directories.sql.contract import QUICK, Stocked

NASTY = (
    "'", "''", '"', "`", "\\", "\\'", "\\\\", "\\0", "%", "%s", "%(name)s", "%%", "?", "$1", ":name",
    "{name}", "{}", "{hash}", "--", "/*", "*/", "#", ";", "' OR '1'='1", "' OR 1=1 --",
    "'; DROP TABLE people; --", "x' UNION SELECT", "\\' OR 1=1 -- ", "' OR SLEEP(5) -- ",
    "'||pg_sleep(5)||'", "$$", "$x$", "E'\\047'", "\u00bf'", "\u00bf\\", "\uff07", "\u2019", "\u02bc",
    "\N{PILE OF POO}'", "\u0160'", "\u7e17'", "a\\nb", "0x27", "X'27'", "CHAR(39)", "@mailtwist0",
    "_gbk'", "\u00df", "\u0131", "NULL", "\\N", "[", "]", "(", ")", ",", "~", "\u202e", "\u00ad",
)  # fmt: skip
"""What has meant something to some parser of SQL."""


class ValuesContract(Stocked):
    """`echo` is an expression that gives a name back as the database has it."""

    echo = "{name}"

    async def test_no_value_is_ever_a_part_of_a_query(self) -> None:
        directory = await self.make_directory()
        self.admin("DELETE FROM people", "DELETE FROM addresses", "DELETE FROM aliases")
        connection = await self.a_connection()
        for nasty in NASTY:
            values = {"name": nasty, "local": nasty, "domain": nasty, "address": nasty}
            self.assertEqual(await self.echoed(connection, nasty), nasty)
            for query in ("user_query", "recipient_query", "alias_query"):
                self.assertEqual(list((await self.asked(connection, query, values)).rows), [], nasty)
            self.assertIsNone(await directory.find(nasty))
            self.assertIsNone(await directory.recipient(f"{nasty}@example.org"))
            self.assertEqual(await directory.alias(f"{nasty}@example.org"), ())
            self.assertIs(await directory.accepts(Person("?", nasty), PASSWORD), False)
        self.assertEqual(self.admin("SELECT COUNT(*) FROM domains")[0][0], 2)

    async def test_what_is_stored_comes_back_and_is_compared_as_it_is(self) -> None:
        await self.make_directory()
        connection = await self.a_connection()
        await self.inserted(connection, NASTY)
        for number, nasty in enumerate(NASTY, 100):
            found = await self.asked(connection, "user_query", {"name": nasty})
            keys = {int(row[0]) for row in found.rows}
            self.assertIn(number, keys, nasty)
            self.assertEqual(keys, {number}, nasty)
        for number, nasty in enumerate(NASTY, 100):
            new = f"new {nasty}"
            values = {"hash": new, "old": f"hash {nasty}", "account": str(number)}
            wrong = {**values, "old": nasty}
            self.assertEqual(await self.changed(connection, "update_password_query", wrong), 0)
            self.assertEqual(await self.changed(connection, "update_password_query", values), 1)
            self.assertEqual(self.stored(number), new)
        self.assertEqual(self.stored(), QUICK)

    async def a_connection(self) -> Any:
        settings = self.settings()
        directory = await self.opened()
        database = directory._pool._database
        self._statements = directory._statements
        connection = await self.assembly.threads.run(database.connect, settings.places()[0])
        self.addCleanup(connection.close)
        return connection

    async def asked(self, connection: Any, query: str, values: Any) -> Any:
        return await self.assembly.threads.run(connection.found, self._statements[query], values)

    async def changed(self, connection: Any, query: str, values: Any) -> Any:
        return await self.assembly.threads.run(
            connection.changed, self._statements[query], values, lambda: True
        )

    async def echoed(self, connection: Any, value: str) -> Any:
        one = statement(
            Query.parse(f"SELECT {self.echo} AS name"), DIALECTS[self.settings().driver], ("name",)
        )
        found = await self.assembly.threads.run(connection.found, one, {"name": value})
        return found.rows[0][0]

    async def inserted(self, connection: Any, values: Sequence[str]) -> None:
        text = "INSERT INTO people VALUES ({account}, {name}, {old}, 1)"
        one = statement(Query.parse(text), DIALECTS[self.settings().driver], ("account", "name", "old"))
        for number, value in enumerate(values, 100):
            bound = {"account": str(number), "name": value, "old": f"hash {value}"}
            await self.assembly.threads.run(connection.changed, one, bound, lambda: True)
