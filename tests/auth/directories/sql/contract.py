"""What a directory of people in a database does, whichever database it is."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from argon2 import PasswordHasher
from twisted.internet.defer import CancelledError

from mailtwist.auth.api import AccountUnavailable, Directory, LoginUnavailable, Person
from mailtwist.auth.directories.sql.api import DatabaseAway, QueryFailed
from mailtwist.auth.directories.sql.part import SqlDirectory, build, check
from mailtwist.config.load import load_text
from mailtwist.config.login import LoginSettings
from mailtwist.config.values import Hostname
from mailtwist.kit.clock import SystemClock
from mailtwist.kit.spawn import started, together
from mailtwist.kit.steps import steps_heard
from mailtwist.testing.assembly import OnePart
from mailtwist.testing.directory import NAME, PASSWORD, DirectoryContract

HELLO = "$5$saltstring$5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5"
QUICK = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1).hash(PASSWORD)


class Stocked(DirectoryContract):
    """`connection` are the lines that say where the database is, `admin` does statements in it."""

    timeout = 60
    groups = ("mail users", "staff")
    types = "id INTEGER PRIMARY KEY, email VARCHAR(255), hash VARCHAR(255), enabled INTEGER"
    together = "(SELECT group_concat(g.name) FROM memberships g WHERE g.person = p.id)"
    slow = ""
    """An expression that takes ten seconds."""
    where = "p.email = {name} OR p.id IN (SELECT person FROM addresses WHERE address = {name})"

    def connection(self) -> str:
        raise NotImplementedError

    def admin(self, *statements: str) -> Sequence[Any]:
        raise NotImplementedError

    def columns(self) -> str:
        return (
            "p.id AS account, p.email AS name, p.hash AS password, p.enabled AS enabled,"
            f" a.address AS addresses, {self.together} AS groups"
        )

    def source(self) -> str:
        return "FROM people p LEFT JOIN addresses a ON a.person = p.id"

    def queries(self) -> dict[str, str]:
        return {
            "user_query": f"SELECT {self.columns()} {self.source()}\n WHERE {self.where} ORDER BY a.address",
            "recipient_query": "SELECT p.email AS name FROM people p JOIN addresses a ON a.person = p.id"
            "\n WHERE a.address = {address}",
            "people_query": f"SELECT {self.columns()} {self.source()} ORDER BY a.address",
            "alias_query": "SELECT goto AS target FROM aliases WHERE address = {address}",
            "domains_query": "SELECT domain FROM domains",
            "update_password_query": "UPDATE people SET hash = {hash} WHERE id = {account} AND hash = {old}",
        }

    def stock(self) -> None:
        """The tables, new ones, with Ann in them."""
        tables = {
            "people": self.types,
            "addresses": "address VARCHAR(255), person INTEGER",
            "memberships": "name VARCHAR(255), person INTEGER",
            "aliases": "address VARCHAR(255), goto VARCHAR(255)",
            "domains": "domain VARCHAR(255)",
        }
        self.admin(
            *(f"DROP TABLE IF EXISTS {name}" for name in tables),
            *(f"CREATE TABLE {name} ({columns})" for name, columns in tables.items()),
            "INSERT INTO domains VALUES ('Example.ORG'), ('b\u00fccher.example')",
            "INSERT INTO addresses VALUES ('a.smith@example.org', 1), ('ann@example.org', 1)",
            "INSERT INTO memberships VALUES ('staff', 1), ('mail users', 1)",
            "INSERT INTO aliases VALUES ('info@example.org', 'ann@example.org, Bob'), ('ann@example.org',"
            " 'ann@example.org'), ('@example.org', 'ann@example.org')",
        )
        self.put(1, NAME, QUICK)

    def put(self, number: int, email: str, stored: str | None, enabled: str = "1") -> None:
        stored = "NULL" if stored is None else f"'{stored}'"
        self.admin(f"INSERT INTO people VALUES ({number}, '{email}', {stored}, {enabled})")

    def ini(self, **changed: str) -> str:
        queries = {**self.queries(), **changed}
        more = "".join(f"{name} = {text}\n" for name, text in queries.items() if text)
        cost = "hash_memory = 64 KiB\nhash_passes = 1"
        return f"[directory:people]\ntype = sql\n{cost}\n{self.connection()}\n{more}"

    def settings(self, **changed: str) -> Any:
        section = load_text(self.ini(**changed), Path(self.mktemp())).section("directory", "people")
        assert section is not None
        return section.settings

    def assembled(self) -> OnePart:
        folder = Path(self.mktemp())
        folder.mkdir()
        login = LoginSettings(default_domain=Hostname("example.org"))
        assembly = OnePart(folder, clock=SystemClock(), login=login, name="people")
        self.addCleanup(assembly.stop)
        return assembly

    async def make_directory(self, **changed: str) -> SqlDirectory:
        self.stock()
        return await self.opened(**changed)

    async def opened(self, **changed: str) -> SqlDirectory:
        self.assembly = self.assembled()
        directory = build(self.settings(**changed), self.assembly)
        self.assembly.made.append(directory)
        return directory

    async def problems(self, **changed: str) -> list[tuple[str, str]]:
        return await check(self.settings(**changed), self.assembled())

    async def disable(self, directory: Directory) -> None:
        self.admin("UPDATE people SET enabled = 0 WHERE id = 1")

    @contextmanager
    def hearing(self) -> Iterator[list[str]]:
        told: list[str] = []
        with steps_heard(told.append):
            yield told

    def stored(self, number: int = 1) -> str:
        return str(self.admin(f"SELECT hash FROM people WHERE id = {number}")[0][0])

    # -- whom it finds
    async def test_all_is_well(self) -> None:
        self.stock()
        self.assertEqual(await self.problems(), [])

    async def test_a_person_has_what_the_rows_say(self) -> None:
        directory = await self.make_directory()
        person = await self.person(directory)
        addresses = ("a.smith@example.org", "ann@example.org")
        self.assertEqual(person.addresses, addresses)
        self.assertEqual(person.account, "@people@1")
        self.assertEqual(await directory.find("a.smith@example.org"), person)

    async def test_mail_of_others(self) -> None:
        directory = await self.make_directory()
        self.assertEqual(set(await directory.domains()), {"example.org", "xn--bcher-kva.example"})
        self.assertEqual(await directory.alias("info@example.org"), ("ann@example.org", "bob@example.org"))
        self.assertEqual(await directory.alias("@example.org"), ("ann@example.org",))
        for address in (NAME, "nobody@example.org", "@example.net"):
            self.assertEqual(await directory.alias(address), ())

    async def test_an_address_of_two_people_is_temporary_trouble(self) -> None:
        """Mail for it is not sent back."""
        directory = await self.make_directory()
        self.put(2, "bob@example.org", QUICK)
        self.admin("INSERT INTO addresses VALUES ('info@example.org', 1), ('info@example.org', 2)")
        with self.assertRaises(AccountUnavailable) as trouble:
            await directory.recipient("info@example.org")
        self.assertIn("several people", trouble.exception.reason)
        self.assertTrue(trouble.exception.temporary)

    async def test_without_more_queries_the_first_one_says_all(self) -> None:
        nothing = dict.fromkeys(self.queries(), "")
        nothing["user_query"] = "SELECT email AS name, hash AS password FROM people WHERE email = {name}"
        directory = await self.make_directory(**nothing)
        person = await self.person(directory)
        self.assertEqual(person, Person(NAME, NAME, (NAME,)))
        self.assertEqual(await directory.recipient(NAME), person)
        self.assertIsNone(await directory.recipient("a.smith@example.org"))
        self.assertEqual(list(await directory.domains()), [])
        self.assertEqual(await directory.alias("info@example.org"), ())
        self.assertFalse(hasattr(directory, "people"))

    async def test_a_name_alone_is_one_of_the_default_domain(self) -> None:
        directory = await self.make_directory(
            user_query="SELECT 7 AS account, email AS name, hash AS password FROM people"
            "\n WHERE email = {local} AND {domain} = 'example.org'"
        )
        self.put(7, "bob", HELLO)
        person = await directory.find("bob@example.org")
        assert person is not None
        self.assertEqual((person.account, person.name), ("@people@7", "bob@example.org"))
        self.assertIs(await directory.accepts(person, b"Hello world!"), True)

    # -- whom it does not let in
    async def test_who_is_found_by_another_name_is_nobody(self) -> None:
        directory = await self.make_directory(
            user_query="SELECT email AS name, hash AS password FROM people WHERE id = 1 OR email = {name}"
        )
        with self.hearing() as told:
            self.assertIsNone(await directory.find("bob@example.org"))
        self.assertIn("ann@example.org was found, who does not go by this name", told)

    async def test_no_password_is_no_password(self) -> None:
        directory = await self.make_directory()
        for stored in (None, "", " ", "!"):
            self.admin("DELETE FROM people")
            self.put(1, NAME, stored)
            person = await self.person(directory)
            for password in (b"", b" ", b"!", b"NULL", b"None", PASSWORD):
                try:
                    self.assertIs(await directory.accepts(person, password), False)
                except AccountUnavailable:
                    self.assertEqual(stored, "!")

    async def test_who_may_log_in_is_said_clearly_or_not_at_all(self) -> None:
        directory = await self.make_directory()
        for value, enabled in (("1", True), ("0", False), ("NULL", False)):
            self.admin("DELETE FROM people")
            self.put(1, NAME, QUICK, value)
            person = await self.person(directory)
            self.assertIs(person.enabled, enabled)
            self.assertIs(await directory.accepts(person, PASSWORD), enabled)
        for text, said in (("Y", True), ("true", True), ("n", False), ("", False), ("maybe", None)):
            columns = f"email AS name, hash AS password, '{text}' AS enabled"
            other = await self.opened(user_query=f"SELECT {columns} FROM people WHERE email = {{name}}")
            if said is None:
                with self.assertRaises(AccountUnavailable):
                    await other.find(NAME)
            else:
                self.assertIs((await self.person(other)).enabled, said)

    async def test_two_accounts_of_one_name_let_nobody_in(self) -> None:
        directory = await self.make_directory()
        person = await self.person(directory)
        self.put(2, NAME, HELLO)
        for asked in (directory.find(NAME), directory.accepts(person, PASSWORD)):
            with self.assertRaises(AccountUnavailable) as trouble:
                await asked
            self.assertIn("several accounts", trouble.exception.reason)
        self.assertIn(
            ("people_query", f"{NAME} is there twice, in the accounts 1 and 2, and can log in to neither"),
            await self.problems(),
        )

    async def test_rows_that_differ_let_nobody_in(self) -> None:
        directory = await self.make_directory(
            user_query="SELECT 1 AS account, email AS name, hash AS password FROM people WHERE email = {name}"
        )
        self.put(2, NAME, HELLO)
        with self.assertRaises(AccountUnavailable) as trouble:
            await directory.find(NAME)
        self.assertIn("differ in password", trouble.exception.reason)

    async def test_somebody_else_with_the_same_name_is_not_let_in(self) -> None:
        """The account was another one when the name was looked up."""
        directory = await self.make_directory()
        person = await self.person(directory)
        self.admin("DELETE FROM people", "UPDATE addresses SET person = 2")
        self.put(2, NAME, QUICK)
        self.assertIs(await directory.accepts(person, PASSWORD), False)
        self.assertIs(await directory.accepts(await self.person(directory), PASSWORD), True)

    async def test_a_hash_that_nothing_can_check_is_trouble_of_one(self) -> None:
        directory = await self.make_directory()
        self.put(2, "bob@example.org", "{NTLM}31d6cfe0d16ae931b73c59d7e0c089c0")
        bob = await directory.find("bob@example.org")
        assert bob is not None
        with self.assertRaises(AccountUnavailable):
            await directory.accepts(bob, b"x")
        self.assertIs(await directory.accepts(await self.person(directory), PASSWORD), True)
        [(query, words)] = await self.problems()
        self.assertEqual(query, "people_query")
        self.assertIn("bob@example.org: the scheme {NTLM} is not known", words)

    # -- what is wrong with queries
    async def test_what_is_wrong_with_a_query_is_told_and_lets_nobody_in(self) -> None:
        self.stock()
        for query, words in (
            ("SELECT email AS name FROM people WHERE email = {name}", 'its column "password" is missing'),
            ("SELECT hash AS password FROM people WHERE email = {name}", 'its column "name" is missing'),
            (
                "SELECT email AS name, hash AS password, email AS name FROM people WHERE email = {name}",
                "twice",
            ),
            ("SELECT email AS name, hash AS password FROM nowhere WHERE email = {name}", "nowhere"),
            ("SELEC email AS name FROM people WHERE email = {name}", "cannot do what the query says"),
            ("SELECT nothing AS name, hash AS password FROM people WHERE email = {name}", "nothing"),
            ("DELETE FROM people WHERE email = {name}", "it"),
        ):
            [(setting, told)] = await self.problems(user_query=query)
            self.assertEqual(setting, "user_query")
            self.assertIn(words, told)
            directory = await self.opened(user_query=query)
            if not query.startswith("DELETE"):
                with self.assertRaises(LoginUnavailable) as trouble:
                    await directory.find(NAME)
                self.assertEqual(trouble.exception.status[0], "4")
                self.assertNotIsInstance(trouble.exception, DatabaseAway)
        [(setting, told)] = await self.problems(
            user_query="SELECT email AS name, hash AS password, id FROM people WHERE email = {name}"
        )
        self.assertEqual(told[:43], 'its column "id" means nothing here; known a')
        for name in ("recipient_query", "alias_query"):
            found = await self.problems(**{name: "SELECT email FROM people WHERE email = {address}"})
            self.assertEqual({setting for setting, _ in found}, {name})
            self.assertIn("is missing", found[-1][1])
        [(setting, told)] = await self.problems(
            update_password_query="UPDATE nowhere SET hash = {hash} WHERE id = {account} AND hash = {old}"
        )
        self.assertEqual(setting, "update_password_query")
        self.assertIn("nowhere", told)

    async def test_a_check_changes_nothing(self) -> None:
        self.stock()
        before = self.admin("SELECT * FROM people")
        update = "UPDATE people SET hash = {hash} WHERE {old} = {old} OR id = {account}"
        self.assertEqual(await self.problems(update_password_query=update), [])
        self.assertEqual(self.admin("SELECT * FROM people"), before)

    # -- how it is asked
    async def test_each_step_is_told_without_secrets(self) -> None:
        directory = await self.make_directory()
        self.admin(f"UPDATE people SET hash = '{HELLO}'")
        with self.hearing() as told:
            person = await self.person(directory)
            await directory.accepts(person, b"Hello world!")
        text = "\n".join(told)
        for words in (
            f"user_query with name = {NAME}: 2 rows",
            "found ann@example.org, enabled, groups ",
            "the password is hashed as CRYPT",
            "the password is right",
            "a better hash was stored",
        ):
            self.assertIn(words, text)
        for secret in ("Hello", "saltstring", "argon2id$", "it's {name}"):
            self.assertNotIn(secret, text)

    async def test_two_hundred_at_once_get_their_answers(self) -> None:
        directory = await self.make_directory(timeout="60 s")
        person = await self.person(directory)
        answers = await together(*(directory.accepts(person, PASSWORD) for _ in range(200)))
        self.assertEqual(answers, [True] * 200)
        self.assertLessEqual(len(directory._pool._kept), 4)

    async def test_slow_answers_are_not_waited_for(self) -> None:
        query = f"SELECT email AS name, {self.slow} AS password FROM people WHERE email = {{name}}"
        directory = await self.make_directory(user_query=query, timeout="300 ms", connections="2")
        asked = [self.failing(directory.find(NAME)) for _ in range(6)]
        for error in await together(*asked):
            self.assertIsInstance(error, (DatabaseAway, QueryFailed))
        await self.recovers(directory)

    async def recovers(self, directory: SqlDirectory) -> None:
        """Its connections are free again, at once or a little later."""
        for _ in range(20):
            if await self.outcome(directory.alias("@example.org")) == repr((NAME,)):
                return
        self.fail("its connections are not free again")

    async def outcome(self, work: Any) -> str:
        try:
            return repr(await work)
        except LoginUnavailable as error:
            return type(error).__name__

    async def test_who_is_not_there_costs_what_somebody_costs(self) -> None:
        """The hash of somebody is made, always the same one."""
        directory = await self.make_directory()
        person = await self.person(directory)
        self.assertIs(await directory.accepts(person, PASSWORD), True)
        asked: list[tuple[str | None, bytes]] = []

        def verified(stored: str, password: bytes) -> bool:
            asked.append((stored, password))
            return True

        self.patch(directory._passwords, "_verified", verified)
        self.put(2, "none@example.org", None)
        self.put(3, "off@example.org", QUICK, "0")
        for name in ("nobody@example.org", "none@example.org", "off@example.org"):
            found = await directory.find(name)
            stranger = found or Person("?", name)
            self.assertIs(await directory.accepts(stranger, PASSWORD), False, name)
        self.assertEqual(asked, [(QUICK, PASSWORD)] * 3)

    async def test_whoever_goes_leaves_nobody_without_a_connection(self) -> None:
        query = f"SELECT email AS name, {self.slow} AS password FROM people WHERE email = {{name}}"
        directory = await self.make_directory(user_query=query, timeout="300 ms", connections="1")
        asked = [started(directory.find(NAME)) for _ in range(3)]
        for one in reversed(asked):
            one.addErrback(lambda failure: failure.trap(CancelledError))
            one.cancel()
        await self.recovers(directory)

    async def failing(self, work: Any) -> Exception:
        try:
            await work
        except LoginUnavailable as error:
            return error
        raise AssertionError("it went well")
