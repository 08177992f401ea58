"""The examples of the operators' page find people in the tables that they are for."""

import re
import sqlite3
from pathlib import Path
from typing import Any

from twisted.trial.unittest import TestCase

from mailtwist.auth.directories.sql.part import build, check
from mailtwist.config.load import load_text
from mailtwist.kit.clock import SystemClock
from mailtwist.testing.assembly import OnePart
from tests.auth.directories.mariadb import PASSWORD, USER, mariadb
from tests.auth.directories.postgresql import postgresql
from tests.docs.test_parts import examples
from tests.tree import ROOT

PAGE = (ROOT / "docs/operators/directory-sql.rst").read_text("utf-8")
MD5 = "$1$JYLKT68W$Xvtzrb7bZ.NqHEz1lPOFd0"
HELLO = "$5$saltstring$5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5"
POSTFIXADMIN = """
    CREATE TABLE mailbox (username VARCHAR(255) PRIMARY KEY, password VARCHAR(255), name VARCHAR(255),
        maildir VARCHAR(255), local_part VARCHAR(255), domain VARCHAR(255), active BOOLEAN);
    CREATE TABLE alias (address VARCHAR(255) PRIMARY KEY, goto TEXT, domain VARCHAR(255), active BOOLEAN);
    CREATE TABLE domain (domain VARCHAR(255) PRIMARY KEY, backupmx BOOLEAN, active BOOLEAN);
    INSERT INTO mailbox VALUES ('ann@example.org', '$1$JYLKT68W$Xvtzrb7bZ.NqHEz1lPOFd0', 'Ann', 'ann', 'ann',
        'example.org', true), ('bob@example.org', '', 'Bob', 'bob', 'bob', 'example.org', false);
    INSERT INTO alias VALUES ('ann@example.org', 'ann@example.org', 'example.org', true),
        ('info@example.org', 'ann@example.org,bob@example.org', 'example.org', true),
        ('@example.org', 'ann@example.org', 'example.org', false);
    INSERT INTO domain VALUES ('ALL', false, true), ('example.org', false, true), ('example.net', true, true)
"""


def example(driver: str, **said: str) -> str:
    """The one for `driver`, with other settings that say where the database is; '': without."""
    (found,) = [one for one in examples(PAGE) if f"driver = {driver}\n" in one]
    for name, value in said.items():
        line = f"{name} = {value}\n" if value else ""
        found, count = re.subn(rf"(?m)^{name} = .*\n", lambda match: line, found)
        if not count:
            found = found.replace("type = sql\n", f"type = sql\n{line}")
    return found


class ExampleTests(TestCase):
    timeout = 60

    def settings(self, ini: str) -> Any:
        section = load_text(ini, Path(self.mktemp()) / "x.ini").section("directory", "people")
        assert section is not None
        return section.settings

    async def opened(self, ini: str) -> Any:
        """Nothing is wrong with it."""
        folder = Path(self.mktemp())
        folder.mkdir()
        assembly = OnePart(folder, clock=SystemClock(), name="people")
        self.addCleanup(assembly.stop)
        settings = self.settings(ini)
        self.assertEqual(await check(settings, assembly), [])
        directory = build(settings, assembly)
        assembly.made.append(directory)
        return directory

    async def served(self, server: Any, driver: str, database: str) -> Any:
        where = {"host": "127.0.0.1", "port": str(server.port), "roots": str(server.certificate.root)}
        secret = f"inline:{PASSWORD}"
        return await self.opened(
            example(driver, tls="verify", database=database, user=USER, password=secret, **where)
        )

    async def test_postgresql(self) -> None:
        server = postgresql()
        (tables,) = [block for block in PAGE.split("\n\n") if "CREATE TABLE people" in block]
        server.admin("DROP DATABASE IF EXISTS example", "CREATE DATABASE example")
        own = tables.replace("CREATE USER mailtwist PASSWORD '...';", "")
        server.admin(*self.statements(own), database="example")
        server.admin(
            f"INSERT INTO people VALUES (7, 'ann@example.org', '{HELLO}', true)",
            "INSERT INTO addresses VALUES ('ann@example.org', 7), ('info@example.org', 7)",
            "INSERT INTO memberships VALUES ('staff', 7)",
            "INSERT INTO domains VALUES ('example.org')",
            database="example",
        )
        directory = await self.served(server, "postgresql", "example")
        for name in ("ann@example.org", "info@example.org"):
            person = await directory.find(name)
            self.assertEqual(
                (person.account, person.name, person.addresses, person.enabled, person.groups),
                ("@people@7", "ann@example.org", ("ann@example.org", "info@example.org"), True, ("staff",)),
            )
            self.assertIs(await directory.accepts(person, b"Hello world!"), True)
        self.assertEqual(set(await directory.domains()), {"example.org"})

    async def test_postfixadmin_in_mariadb(self) -> None:
        server = mariadb()
        server.admin("DROP DATABASE IF EXISTS postfix", "CREATE DATABASE postfix")
        server.admin(*self.statements(POSTFIXADMIN), database="postfix")
        (grants,) = [block for block in PAGE.split("\n\n") if "GRANT SELECT ON postfix.mailbox" in block]
        user = f"{USER}@'127.0.0.1'"
        server.admin(*(one.replace("mailtwist", user) for one in self.statements(grants)))
        await self.has_postfixadmins(await self.served(server, "mysql", "postfix"))
        [(stored,)] = server.admin(
            "SELECT password FROM mailbox WHERE local_part = 'ann'", database="postfix"
        )
        self.assertEqual(stored[:10], "$argon2id$")

    async def test_postfixadmin_in_postgresql(self) -> None:
        server = postgresql()
        server.admin("DROP DATABASE IF EXISTS postfix", f"CREATE DATABASE postfix OWNER {USER}")
        server.admin(*self.statements(POSTFIXADMIN), database="postfix", user=USER)
        where = {
            "port": str(server.port),
            "roots": "",
            "database": "postfix",
            "password": f"inline:{PASSWORD}",
        }
        ini = example("mysql", **where, host="127.0.0.1").replace("driver = mysql", "driver = postgresql")
        await self.has_postfixadmins(await self.opened(ini))

    async def has_postfixadmins(self, directory: Any) -> None:
        ann = await directory.find("ann@example.org")
        self.assertIs(await directory.accepts(ann, b"y"), False)
        self.assertIs(await directory.accepts(ann, b"x"), True)
        self.assertIs(await directory.accepts(ann, b"x"), True)
        self.assertEqual([person.enabled for person in await directory.people()], [True, False])
        self.assertEqual(set(await directory.domains()), {"example.org"})
        self.assertEqual(
            [await directory.alias(one) for one in ("info@example.org", "ann@example.org", "@example.org")],
            [("ann@example.org", "bob@example.org"), (), ()],
        )

    async def test_sqlite(self) -> None:
        file = Path(self.mktemp()).absolute()
        with sqlite3.connect(file) as db:
            db.execute("CREATE TABLE users (email TEXT, password TEXT)")
            db.execute("INSERT INTO users VALUES ('ann@example.org', ?)", (HELLO,))
        directory = await self.opened(example("sqlite", file=str(file)))
        ann = await directory.find("ann@example.org")
        self.assertIs(await directory.accepts(ann, b"Hello world!"), True)

    def statements(self, text: str) -> list[str]:
        return [one for one in text.split(";") if one.strip()]
