"""What every part behind [dns:...] must do: subclass, say how to make one, get the tests."""

from collections.abc import Collection
from typing import TYPE_CHECKING
from unittest import SkipTest

from mailtwist.kit.spawn import together
from mailtwist.tls.dns.api import NotPublished, Publisher

if TYPE_CHECKING:
    from unittest import TestCase as _TestCase
else:
    _TestCase = object  # a contract is no test case: trial would run it where it is imported

FIRST = "Zc3kqV9mPj0xO8rTn5yWbLs2aUeGhD4fI7_-uNvXo1Q"
SECOND = "-begins-with-a-hyphen_as-one-of-64-values-does"[:43]
HOSTILE_NAMES = (
    *(
        "",
        ".",
        "a..b",
        "-x.example.org",
        "a b.example.org",
        "a;b.example.org",
        "$(id).example.org",
        "a\n.b.org",
    ),
    *(
        "a'b.example.org",
        'a"b.example.org',
        "a\0.org",
        "../../etc",
        "x" * 64 + ".org",
        "a." * 127 + "b.c",
        "ü.org",
    ),
)
HOSTILE_VALUES = ("", "x" * 256, "a\nb", "a\0b", "ü", "a b", '"', "\\", "../x", "$(id)", "a=b;c")


class DnsContract(_TestCase):
    """Mix into a trial `TestCase`."""

    name = "_acme-challenge.example.test"
    """Of a record that can be made, and is not there yet."""

    others = ("_acme-challenge.other.example.test", "_acme-challenge.deep.below.example.test")
    """More of them; none when there can be only one."""

    forgets = True
    """What was removed is gone, and not only free to be replaced."""

    async def make_publisher(self) -> Publisher:
        raise NotImplementedError

    async def texts(self, name: str) -> Collection[str]:
        """The values that are there now."""
        raise NotImplementedError

    async def take_away(self, publisher: Publisher) -> None:
        """What it writes to cannot be reached from now on."""
        raise SkipTest("it writes to nothing that could be away")

    async def must_be(self, name: str, *values: str) -> None:
        self.assertEqual(sorted(await self.texts(name)), sorted(values))

    async def test_a_record_is_there_when_it_was_added_and_gone_when_it_was_removed(self) -> None:
        publisher = await self.make_publisher()
        await publisher.add(self.name, FIRST)
        await self.must_be(self.name, FIRST)
        await publisher.remove(self.name, FIRST)
        if self.forgets:
            await self.must_be(self.name)

    async def test_two_values_stand_beside_each_other(self) -> None:
        """A domain and its wildcard are proven in one order."""
        publisher = await self.make_publisher()
        await publisher.add(self.name, FIRST)
        await publisher.add(self.name, SECOND)
        await self.must_be(self.name, FIRST, SECOND)

    async def test_one_value_is_removed_and_the_other_stays(self) -> None:
        publisher = await self.make_publisher()
        await publisher.add(self.name, FIRST)
        await publisher.add(self.name, SECOND)
        await publisher.remove(self.name, FIRST)
        self.assertIn(SECOND, await self.texts(self.name))
        if self.forgets:
            await self.must_be(self.name, SECOND)

    async def test_a_value_comes_and_goes_again_and_again(self) -> None:
        publisher = await self.make_publisher()
        for value in (FIRST, SECOND, FIRST, SECOND):
            await publisher.add(self.name, value)
            self.assertIn(value, await self.texts(self.name))
            await publisher.remove(self.name, value)

    async def test_the_same_twice_is_once(self) -> None:
        publisher = await self.make_publisher()
        await publisher.add(self.name, SECOND)
        await publisher.add(self.name, FIRST)
        await publisher.add(self.name, FIRST)
        await self.must_be(self.name, FIRST, SECOND)

    async def test_what_is_not_there_is_removed_without_a_word(self) -> None:
        publisher = await self.make_publisher()
        await publisher.add(self.name, SECOND)
        await publisher.remove(self.name, FIRST)
        await publisher.remove(self.name, FIRST)
        await self.must_be(self.name, SECOND)

    async def test_two_come_at_once(self) -> None:
        publisher = await self.make_publisher()
        await together(publisher.add(self.name, FIRST), publisher.add(self.name, SECOND))
        await self.must_be(self.name, FIRST, SECOND)
        await together(publisher.remove(self.name, FIRST), publisher.remove(self.name, SECOND))
        if self.forgets:
            await self.must_be(self.name)

    async def test_names_do_not_know_of_each_other(self) -> None:
        publisher = await self.make_publisher()
        names = (self.name, *self.others)
        await together(*(publisher.add(name, FIRST) for name in names))
        for name in names:
            await self.must_be(name, FIRST)
        await publisher.remove(self.name, FIRST)
        for name in self.others:
            await self.must_be(name, FIRST)

    async def test_what_is_no_name_and_no_value_is_refused_by_a_sentence(self) -> None:
        """It goes into programs, URLs and zones of other people."""
        publisher = await self.make_publisher()
        for name in HOSTILE_NAMES:
            await self._refused(publisher.add, name, FIRST)
            await self._refused(publisher.remove, name, FIRST)
        for value in HOSTILE_VALUES:
            await self._refused(publisher.add, self.name, value)

    async def test_that_nothing_can_be_written_is_said_in_a_sentence(self) -> None:
        publisher = await self.make_publisher()
        await self.take_away(publisher)
        words = await self._refused(publisher.add, self.name, FIRST)
        self.assertGreater(len(words.split()), 2)

    async def _refused(self, what: object, name: str, value: str) -> str:
        assert callable(what)
        try:
            await what(name, value)
        except NotPublished as refused:
            self.assertTrue(refused.words.isprintable(), name)
            return refused.words
        self.fail(f"{name!r} {value!r} was taken")
