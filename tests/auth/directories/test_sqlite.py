"""People in a SQLite file."""

import os
import sqlite3
import stat
from dataclasses import replace
from pathlib import Path
from unittest.mock import patch

from argon2 import PasswordHasher
from twisted.internet.defer import CancelledError
from twisted.trial.unittest import TestCase

from mailtwist.auth.api import Directory, LoginUnavailable, Person
from mailtwist.auth.directories.sqlite import Settings, SqliteDirectory
from mailtwist.config.values import Duration, Size
from mailtwist.kit.spawn import started
from mailtwist.kit.trouble import Trouble
from mailtwist.state import lookups
from mailtwist.state.api import StateAway
from mailtwist.testing.assembly import OnePart
from mailtwist.testing.clock import ManualClock
from mailtwist.testing.directory import NAME, PASSWORD, AliasContract, DirectoryContract
from mailtwist.testing.threads import InTurn

QUICK = Settings(hash_memory=Size(8 << 10), hash_passes=1)


class SqliteDirectoryTests(DirectoryContract, AliasContract, TestCase):
    groups = ("admins", "staff")

    async def disable(self, directory: Directory) -> None:
        assert isinstance(directory, SqliteDirectory)
        await directory.set_enabled(await self.person(directory), False)

    async def take_away(self, directory: Directory) -> None:
        """Its tables are gone: the next question fails."""
        with sqlite3.connect(self.assembly.folder / "people.sqlite") as db:
            db.execute("ALTER TABLE people RENAME TO gone")

    async def make_directory(self) -> SqliteDirectory:
        folder = Path(self.mktemp())
        folder.mkdir()
        self.clock = ManualClock()
        self.assembly = OnePart(folder, clock=self.clock)
        self.addCleanup(self.assembly.stop)
        directory = await self.opened()
        person = await directory.add(NAME, PASSWORD, ["info@example.org", "ann@example.net"], ["ann"])
        for group in ("staff", "admins"):
            await directory.join(person, group)
        return directory

    async def opened(self, settings: Settings = QUICK) -> SqliteDirectory:
        directory = SqliteDirectory(settings, self.assembly)
        await directory.start()
        self.assembly.made.append(directory)
        return directory

    def hashes(self) -> dict[str, str]:
        with sqlite3.connect(self.assembly.folder / "people.sqlite") as db:
            return dict(db.execute("SELECT name, hash FROM people").fetchall())

    async def test_a_person_has_names_addresses_and_aliases(self) -> None:
        directory = await self.make_directory()
        person = await self.person(directory)
        self.assertEqual(person.addresses, (NAME, "info@example.org", "ann@example.net"))
        for name in (NAME, "info@example.org", "ann"):
            self.assertEqual(await directory.find(name), person)
        self.assertEqual(await directory.recipient("ann@example.net"), person)
        self.assertIsNone(await directory.recipient("ann"))

    async def test_an_alias_with_a_domain_gets_no_mail(self) -> None:
        directory = await self.make_directory()
        await directory.add("bob@example.org", b"secret", aliases=["bob@corp.example"])
        self.assertIsNotNone(await directory.find("bob@corp.example"))
        self.assertIsNone(await directory.recipient("bob@corp.example"))

    async def test_groups_are_joined_and_left(self) -> None:
        directory = await self.make_directory()
        person = await self.person(directory)
        self.assertEqual((await directory.join(person, "staff")).groups, ("admins", "staff"))
        left = await directory.leave(person, "admins")
        self.assertEqual(left, await self.person(directory))
        self.assertEqual(left.groups, ("staff",))
        with self.assertRaises(Trouble) as raised:
            await directory.leave(person, "admins")
        self.assertEqual(raised.exception.public, "It is not in the group admins")
        with self.assertRaises(Trouble) as raised:
            await directory.join(Person("x", "x"), "staff")
        self.assertEqual(raised.exception.status, "5.1.1")

    async def test_people_of_before_there_were_groups(self) -> None:
        directory = await self.make_directory()
        await directory.stop()
        with sqlite3.connect(self.assembly.folder / "people.sqlite") as db:
            db.execute("DROP TABLE groups")
            db.execute("PRAGMA user_version = 2")
        again = await self.opened()
        person = await again.find(NAME)
        assert person is not None
        self.assertEqual(person.groups, ())
        self.assertEqual((await again.join(person, "staff")).groups, ("staff",))
        self.assertIs(await again.accepts(person, PASSWORD), True)

    async def test_who_goes_leaves_his_groups(self) -> None:
        directory = await self.make_directory()
        await directory.remove(await self.person(directory))
        with sqlite3.connect(self.assembly.folder / "people.sqlite") as db:
            self.assertEqual(db.execute("SELECT count(*) FROM groups").fetchone(), (0,))

    async def test_domains_are_those_of_its_addresses(self) -> None:
        directory = await self.make_directory()
        await directory.add("bob", b"secret", aliases=["bob@corp.example"])
        self.assertEqual(set(await directory.domains()), {"example.org", "example.net"})

    async def test_domains_of_aliases_are_served_while_there_are_any(self) -> None:
        directory = await self.make_directory()
        await directory.add_alias("@alias.example", [NAME])
        await directory.add_alias("info@list.example", [NAME])
        self.assertLessEqual({"alias.example", "list.example", "example.org"}, set(await directory.domains()))
        await directory.remove_alias("@alias.example")
        self.assertNotIn("alias.example", await directory.domains())

    async def test_what_is_asked_again_takes_no_thread(self) -> None:
        directory = await self.make_directory()
        for _ in range(2):
            await directory.recipient(NAME), await directory.recipient("x@y.example")
            await directory.alias(NAME), await directory.domains()
        turns = InTurn()
        self.patch(directory._db, "_threads", turns)
        for asked in (
            directory.recipient(NAME),
            directory.recipient("x@y.example"),
            directory.alias(NAME),
            directory.domains(),
        ):
            self.successResultOf(started(asked))
        self.assertEqual(len(turns.waiting), 0)

    async def test_what_others_changed_is_seen_at_once(self) -> None:
        directory = await self.make_directory()
        elsewhere = await self.opened()
        for n in range(20):
            address = f"new{n}@new{n}.example"
            self.assertIsNone(await directory.recipient(address))
            self.assertNotIn(f"new{n}.example", await directory.domains())
            await elsewhere.add_alias(address, [NAME])
            self.assertEqual(await directory.alias(address), (NAME,))
            self.assertIn(f"new{n}.example", await directory.domains())
            await directory.remove_alias(address)
            self.assertEqual(await directory.alias(address), ())
        person = await self.person(elsewhere)
        await elsewhere.set_enabled(person, False)
        self.assertEqual(await directory.recipient(NAME), replace(person, enabled=False))

    async def test_an_answer_that_was_overtaken_is_not_kept(self) -> None:
        directory = await self.make_directory()
        turns = InTurn()
        with patch.object(directory._db, "_threads", turns):
            asked = started(directory.alias("info@example.org"))
            ((read, told),) = turns.waiting
            old = read()
        await directory.add_alias("info@example.org", [NAME])
        told.callback(old)
        self.assertEqual(await asked, ())
        self.assertEqual(await directory.alias("info@example.org"), (NAME,))

    async def test_very_many_questions_are_not_all_remembered(self) -> None:
        directory = await self.make_directory()
        self.patch(lookups, "MOST", 10)
        for n in range(100):
            self.assertIsNone(await directory.recipient(f"x{n}@example.org"))
            self.assertLessEqual(len(directory._lookups._known), 10)

    async def test_a_name_means_one_account(self) -> None:
        directory = await self.make_directory()
        for name, addresses, aliases in (
            (NAME, (), ()),
            ("ann", (), ()),
            ("bob@example.org", ("info@example.org",), ()),
            ("bob@example.org", (), ("ann",)),
            ("bob@example.org", ("bob@example.org",), ()),
        ):
            with self.assertRaises(Trouble) as taken:
                await directory.add(name, b"secret", addresses, aliases)
            self.assertEqual(taken.exception.status, "5.1.4")
        self.assertEqual([person.name for person in await directory.people()], [NAME])

    async def test_people_come_by_name(self) -> None:
        directory = await self.make_directory()
        bob = await directory.add("bob@example.org", b"secret")
        amy = await directory.add("amy@example.org", b"secret")
        self.assertEqual(await directory.people(), [amy, await self.person(directory), bob])

    async def test_a_new_account_has_a_new_id(self) -> None:
        directory = await self.make_directory()
        person = await self.person(directory)
        await directory.remove(person)
        self.assertIsNone(await directory.find(NAME))
        self.assertIsNone(await directory.find("ann"))
        self.assertIs(await directory.accepts(person, PASSWORD), False)
        again = await directory.add(NAME, PASSWORD)
        self.assertNotEqual(again.account, person.account)

    async def test_who_is_disabled_is_found_so(self) -> None:
        directory = await self.make_directory()
        await directory.set_enabled(await self.person(directory), False)
        self.assertIs((await self.person(directory)).enabled, False)
        await directory.set_enabled(await self.person(directory), True)
        self.assertIs((await self.person(directory)).enabled, True)

    async def test_a_password_changed_elsewhere_counts_at_once(self) -> None:
        directory = await self.make_directory()
        person = await self.person(directory)
        self.assertIs(await directory.accepts(person, PASSWORD), True)
        elsewhere = await self.opened()
        await elsewhere.set_password(person, b"changed")
        self.assertIs(await directory.accepts(person, PASSWORD), False)
        self.assertIs(await directory.accepts(person, b"changed"), True)

    async def test_who_is_not_there_cannot_be_changed(self) -> None:
        directory = await self.make_directory()
        nobody = Person("nobody", "nobody")
        for change in (
            directory.set_password(nobody, b"x"),
            directory.set_enabled(nobody, True),
            directory.remove(nobody),
        ):
            with self.assertRaises(Trouble):
                await change

    async def test_a_password_is_never_empty(self) -> None:
        directory = await self.make_directory()
        with self.assertRaises(Trouble):
            await directory.add("bob", b"")
        with self.assertRaises(Trouble):
            await directory.set_password(await self.person(directory), b"")
        self.assertIs(await directory.accepts(await self.person(directory), PASSWORD), True)

    async def test_a_right_password_is_hashed_once_in_a_while(self) -> None:
        directory = await self.make_directory()
        person = await self.person(directory)
        with patch.object(
            PasswordHasher, "verify", autospec=True, side_effect=PasswordHasher.verify
        ) as verify:
            for _ in range(5):
                await directory.accepts(person, PASSWORD)
            self.assertEqual(verify.call_count, 1)
            self.clock.advance(301)
            await directory.accepts(person, PASSWORD)
            self.assertEqual(verify.call_count, 2)

    async def test_a_wrong_password_and_a_stranger_are_hashed_every_time(self) -> None:
        directory = await self.make_directory()
        people = (await self.person(directory), Person("?1", "nobody@example.org"))
        for person in people:
            with patch.object(
                PasswordHasher, "verify", autospec=True, side_effect=PasswordHasher.verify
            ) as verify:
                for _ in range(3):
                    await directory.accepts(person, b"wrong")
                self.assertEqual(verify.call_count, 3)
                cost = verify.call_args.args[1].split("$")[3]
                self.assertEqual(cost, "m=8,t=1,p=1")

    async def test_a_hash_of_another_cost_is_made_anew(self) -> None:
        directory = await self.make_directory()
        dearer = await self.opened(
            Settings(hash_memory=Size(16 << 10), hash_passes=2, remembered=Duration(0))
        )
        person = await self.person(directory)
        before = self.hashes()[NAME]
        self.assertIs(await dearer.accepts(person, b"wrong"), False)
        self.assertEqual(self.hashes()[NAME], before)
        self.assertIs(await dearer.accepts(person, PASSWORD), True)
        self.assertIn("$m=16,t=2,p=1$", self.hashes()[NAME])
        self.assertIs(await dearer.accepts(person, PASSWORD), True)

    async def test_a_hash_that_cannot_be_stored_anew_keeps_nobody_out(self) -> None:
        directory = await self.make_directory()
        person, before = await self.person(directory), self.hashes()[NAME]
        dearer = await self.opened(Settings(hash_memory=Size(16 << 10), hash_passes=2))

        async def full(work: object) -> None:
            raise StateAway("database or disk is full")

        dearer._db.write = full  # type: ignore[assignment]
        self.assertIs(await dearer.accepts(person, PASSWORD), True)
        self.assertEqual(self.hashes()[NAME], before)

    async def test_who_goes_while_others_wait_for_a_hash_costs_none(self) -> None:
        directory = await self.make_directory()
        person = await self.person(directory)
        turns = InTurn()
        self.patch(directory._passwords, "_threads", turns)
        gone = [started(directory.accepts(person, b"%d" % n)) for n in range(50)]
        while len(turns.waiting) < len(gone):
            await started(directory.people())  # a turn of the threads
        for one in gone:
            one.cancel()
            self.failureResultOf(one, CancelledError)
        stays = started(directory.accepts(person, PASSWORD))
        while len(turns.waiting) <= len(gone):
            await started(directory.people())  # a turn of the threads
        with patch.object(
            PasswordHasher, "verify", autospec=True, side_effect=PasswordHasher.verify
        ) as verify:
            for _ in range(len(turns.waiting)):
                turns.do()
            self.assertEqual(verify.call_count, 1)
        self.assertIs(await stays, True)

    async def test_no_password_lies_in_the_file(self) -> None:
        await self.make_directory()
        await self.assembly.stop()
        for file in self.assembly.folder.iterdir():
            self.assertNotIn(PASSWORD, file.read_bytes())
            self.assertEqual(stat.S_IMODE(os.stat(file).st_mode), 0o600)

    async def test_a_hash_that_is_none_is_trouble_not_a_refusal(self) -> None:
        directory = await self.make_directory()
        with sqlite3.connect(self.assembly.folder / "people.sqlite") as db:
            db.execute("UPDATE people SET hash = '$argon2id$damaged'")
        with self.assertRaises(LoginUnavailable):
            await directory.accepts(await self.person(directory), PASSWORD)

    async def test_a_file_that_is_away_is_trouble_not_a_stranger(self) -> None:
        directory = await self.make_directory()
        await directory.stop()
        os.rename(self.assembly.folder, self.assembly.folder.with_name("gone"))
        with self.assertRaises(StateAway):
            await directory.find(NAME)
