"""What every directory must do: subclass, say how to make one, get the tests.  And one in memory."""

from hmac import compare_digest
from typing import TYPE_CHECKING
from unittest import SkipTest

from mailtwist.auth.api import Alias, Directory, Person, SupportsAliasChanges, SupportsListing
from mailtwist.kit.spawn import together
from mailtwist.kit.trouble import Trouble

if TYPE_CHECKING:
    from unittest import TestCase as _TestCase
else:
    _TestCase = object  # a contract is no test case: trial would run it where it is imported

NAME = "ann@example.org"
PASSWORD = b"p@ss word \xc3\xa9 %s\xff"
STRANGER = "nobody@example.org"
HOSTILE = ("' OR 1=1 --", "%", "_" * 300, "*)(uid=*", "@", "\N{PILE OF POO}", "ann@example.org ", "ANN", "..")


HOSTILE_PASSWORDS = (
    PASSWORD + b"\0",
    PASSWORD + b"\0x",
    PASSWORD + b"\r\n",
    b"\0",
    b"\0" + PASSWORD,
    PASSWORD * (65536 // len(PASSWORD)),
    b"\xff" * 65536,
    b"{PLAIN}",
    b"$6$",
)


class DirectoryContract(_TestCase):
    """Mix into a trial `TestCase` that has `async def make_directory()`: a directory that knows `NAME` with
    `PASSWORD`, in the groups `groups`, and no `STRANGER`."""

    guesses = False
    """It cannot tell whom it knows (a checker of twisted.cred), so everybody may be somebody."""

    groups: tuple[str, ...] = ()

    async def make_directory(self) -> Directory:
        raise NotImplementedError

    async def disable(self, directory: Directory) -> None:
        """`NAME` may not log in from now on."""
        raise SkipTest("it has nobody who may not log in")

    async def take_away(self, directory: Directory) -> None:
        """What it stands on cannot be reached from now on."""
        raise SkipTest("it stands on nothing that could be away")

    async def test_a_person_is_found_by_name(self) -> None:
        person = await self.person(await self.make_directory())
        self.assertEqual(person.name, NAME)
        self.assertTrue(person.account)
        self.assertTrue(person.enabled)

    async def test_an_account_id_stays_the_same(self) -> None:
        directory = await self.make_directory()
        self.assertEqual(await self.person(directory), await self.person(directory))

    async def test_the_right_password_is_accepted_again_and_again(self) -> None:
        directory = await self.make_directory()
        person = await self.person(directory)
        for _ in range(3):
            self.assertIs(await directory.accepts(person, PASSWORD), True)

    async def test_other_passwords_are_wrong(self) -> None:
        directory = await self.make_directory()
        person = await self.person(directory)
        others = (b"wrong", PASSWORD + b" ", PASSWORD[:-1], PASSWORD.upper(), b"\xff", b"x" * 2048, b"")
        for _ in range(2):
            for other in others:
                self.assertIs(await directory.accepts(person, other), False, other)
            self.assertIs(await directory.accepts(person, PASSWORD), True)

    async def test_a_stranger_is_not_found_and_not_accepted(self) -> None:
        directory = await self.make_directory()
        if not self.guesses:
            self.assertIsNone(await directory.find(STRANGER))
            self.assertIsNone(await directory.recipient(STRANGER))
        stranger = Person("?stranger", STRANGER)
        for password in (PASSWORD, b"wrong"):
            self.assertIs(await directory.accepts(stranger, password), False)

    async def test_hostile_names_are_nobody(self) -> None:
        directory = await self.make_directory()
        for name in HOSTILE:
            person = await directory.find(name)
            if not self.guesses:
                self.assertIsNone(person, name)
                self.assertIsNone(await directory.recipient(name), name)
            self.assertIs(await directory.accepts(person or Person("?", name), PASSWORD), False, name)

    async def test_mail_finds_its_person(self) -> None:
        directory = await self.make_directory()
        person = await self.person(directory)
        for address in person.addresses:
            self.assertEqual(await directory.recipient(address), person)

    async def test_a_person_has_groups(self) -> None:
        person = await self.person(await self.make_directory())
        self.assertEqual(sorted(person.groups), sorted(self.groups))

    async def test_who_is_disabled_is_found(self) -> None:
        """And the decision treats him as anybody with a wrong password."""
        directory = await self.make_directory()
        account = (await self.person(directory)).account
        await self.disable(directory)
        person = await self.person(directory)
        self.assertEqual((person.account, person.enabled), (account, False))

    async def test_a_directory_that_is_away_never_says_no(self) -> None:
        """A mail program would throw the saved password away."""
        directory = await self.make_directory()
        person = await self.person(directory)
        await self.take_away(directory)
        with self.assertRaises(Trouble) as raised:
            await directory.accepts(person, b"another password")
        self.assertEqual(raised.exception.status[0], "4")

    async def test_no_octets_open_anything(self) -> None:
        directory = await self.make_directory()
        person = await self.person(directory)
        for password in HOSTILE_PASSWORDS:
            self.assertIs(await directory.accepts(person, password), False, password[:40])

    async def test_many_at_once_get_their_own_answers(self) -> None:
        directory = await self.make_directory()
        person, stranger = await self.person(directory), Person("?", STRANGER)
        asked = [(person, PASSWORD), (person, b"wrong"), (stranger, PASSWORD), (person, b"")] * 5
        answers = await together(*(directory.accepts(*one) for one in asked))
        self.assertEqual(answers, [True, False, False, False] * 5)

    async def test_all_are_told_by_name(self) -> None:
        directory = await self.make_directory()
        if not isinstance(directory, SupportsListing):
            raise SkipTest("it cannot tell whom it knows")
        self.assertIn(await self.person(directory), await directory.people())

    async def person(self, directory: Directory) -> Person:
        found = await directory.find(NAME)
        assert found is not None
        return found


class AliasContract(_TestCase):
    """The same for a directory whose aliases can be changed (`SupportsAliasChanges`); it has none yet."""

    async def make_directory(self) -> Directory:
        raise NotImplementedError

    async def aliasing(self) -> SupportsAliasChanges:
        directory = await self.make_directory()
        assert isinstance(directory, SupportsAliasChanges)
        return directory

    async def test_an_alias_has_its_targets_in_their_order(self) -> None:
        directory = await self.aliasing()
        made = await directory.add_alias("info@example.org", ["zoe@example.org", NAME])
        self.assertEqual(made, Alias("info@example.org", ("zoe@example.org", NAME)))
        self.assertEqual(tuple(await directory.alias("info@example.org")), made.targets)
        more = await directory.add_alias("info@example.org", ["bob", NAME])
        self.assertEqual(more.targets, ("zoe@example.org", NAME, "bob"))
        self.assertEqual(await directory.aliases(), [more])

    async def test_what_is_no_alias_stands_for_nothing(self) -> None:
        directory = await self.aliasing()
        await directory.add_alias("@example.org", [NAME])
        for name in (NAME, STRANGER, "", "@", "@example.net", "example.org", *HOSTILE):
            self.assertEqual(tuple(await directory.alias(name)), (), name)
        self.assertEqual(tuple(await directory.alias("@example.org")), (NAME,))

    async def test_aliases_are_told_by_address(self) -> None:
        directory = await self.aliasing()
        for address in ("b@example.org", "@example.org", "a@example.org"):
            await directory.add_alias(address, [NAME])
        told = [alias.address for alias in await directory.aliases()]
        self.assertEqual(told, ["@example.org", "a@example.org", "b@example.org"])

    async def test_a_target_is_removed_or_all(self) -> None:
        directory = await self.aliasing()
        await directory.add_alias("info@example.org", ["a@example.org", "b@example.org", "c@example.org"])
        left = await directory.remove_alias("info@example.org", ["b@example.org"])
        self.assertEqual(left, Alias("info@example.org", ("a@example.org", "c@example.org")))
        self.assertEqual(
            (await directory.add_alias("info@example.org", ["d@example.org"])).targets[-1], "d@example.org"
        )
        self.assertIsNone(await directory.remove_alias("info@example.org"))
        self.assertEqual(tuple(await directory.alias("info@example.org")), ())
        await directory.add_alias("info@example.org", [NAME])
        self.assertIsNone(await directory.remove_alias("info@example.org", [NAME]))
        self.assertEqual(await directory.aliases(), [])

    async def test_what_is_not_there_is_not_removed(self) -> None:
        directory = await self.aliasing()
        await directory.add_alias("info@example.org", [NAME])
        for address, targets in (("x@example.org", []), ("info@example.org", [NAME, "b@example.org"])):
            with self.assertRaises(Trouble) as raised:
                await directory.remove_alias(address, targets)
            self.assertEqual(raised.exception.status, "5.1.1")
        self.assertEqual(await directory.aliases(), [Alias("info@example.org", (NAME,))])


class MemoryDirectory:
    """People in a dict, for tests; `asked` are the passwords that came to it, with their names."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, bytes]] = []
        self._people: dict[str, tuple[Person, bytes]] = {}

    def add(
        self,
        name: str,
        password: bytes,
        account: str = "",
        *,
        enabled: bool = True,
        groups: tuple[str, ...] = (),
    ) -> Person:
        """A person, who has the address `name` if it is one; takes the place of one with that name."""
        addresses = (name,) if "@" in name else ()
        person = Person(account or f"account of {name}", name, addresses, enabled, groups)
        self._people[name] = (person, password)
        return person

    async def people(self) -> list[Person]:
        return [person for _, (person, _) in sorted(self._people.items())]

    async def find(self, name: str) -> Person | None:
        person, _ = self._people.get(name, (None, b""))
        return person

    async def recipient(self, address: str) -> Person | None:
        return await self.find(address) if "@" in address else None

    async def accepts(self, person: Person, password: bytes) -> bool:
        self.asked.append((person.name, password))
        known, right = self._people.get(person.name, (None, b""))
        return compare_digest(password, right) and bool(right) and known == person
