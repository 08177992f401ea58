"""What every directory must do: subclass, say how to make one, get the tests.  And one in memory."""

from hmac import compare_digest
from typing import TYPE_CHECKING

from mailtwist.auth.api import Directory, Person

if TYPE_CHECKING:
    from unittest import TestCase as _TestCase
else:
    _TestCase = object  # a contract is no test case: trial would run it where it is imported

NAME = "ann@example.org"
PASSWORD = b"p@ss word \xc3\xa9 %s\xff"
STRANGER = "nobody@example.org"
HOSTILE = ("' OR 1=1 --", "%", "_" * 300, "*)(uid=*", "@", "\N{PILE OF POO}", "ann@example.org ", "ANN", "..")


class DirectoryContract(_TestCase):
    """Mix into a trial `TestCase` that has `async def make_directory()`: a directory that knows `NAME` with
    `PASSWORD`, and no `STRANGER`."""

    guesses = False
    """It cannot tell whom it knows (a checker of twisted.cred), so everybody may be somebody."""

    async def make_directory(self) -> Directory:
        raise NotImplementedError

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

    async def person(self, directory: Directory) -> Person:
        found = await directory.find(NAME)
        assert found is not None
        return found


class MemoryDirectory:
    """People in a dict, for tests; `asked` are the passwords that came to it, with their names."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, bytes]] = []
        self._people: dict[str, tuple[Person, bytes]] = {}

    def add(self, name: str, password: bytes, account: str = "", *, enabled: bool = True) -> Person:
        """A person, who has the address `name` if it is one; takes the place of one with that name."""
        person = Person(account or f"account of {name}", name, (name,) if "@" in name else (), enabled)
        self._people[name] = (person, password)
        return person

    async def find(self, name: str) -> Person | None:
        person, _ = self._people.get(name, (None, b""))
        return person

    async def recipient(self, address: str) -> Person | None:
        return await self.find(address) if "@" in address else None

    async def accepts(self, person: Person, password: bytes) -> bool:
        self.asked.append((person.name, password))
        known, right = self._people.get(person.name, (None, b""))
        return compare_digest(password, right) and bool(right) and known == person
