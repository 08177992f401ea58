"""Words of commands, off a wire that may cut them anywhere."""

import asyncio
from collections.abc import AsyncIterator

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailtwist.protocols.errors import Malformed, Unframed
from mailtwist.protocols.sieve.words import Bounds, Frame, Frames, Word, string

BOUNDS = Bounds(line=8192, literal=4096, words=8, dropped=65536)


class Octets:
    """All that a client has sent."""

    def __init__(self, octets: bytes) -> None:
        self.left = octets

    async def line(self, limit: int) -> bytes:
        line, end, self.left = self.left.partition(b"\r\n")
        assert end, "the client has said no more"
        return line

    async def literal(self, count: int) -> AsyncIterator[bytes]:
        while count:
            piece, self.left = self.left[: min(count, 3)], self.left[min(count, 3) :]
            count -= len(piece)
            yield piece


def read(octets: bytes, streams: bool = False) -> tuple[Frame, bytes]:
    """The command, and what is left behind it."""

    async def work() -> tuple[Frame, bytes]:
        source = Octets(octets)
        frames = Frames(source)
        frame = await frames.read(await source.line(0), BOUNDS, lambda name, words: streams)
        return frame, source.left

    return asyncio.run(work())


def refused(octets: bytes) -> bytes:
    """What is left behind a command that is refused, but for the connection."""

    async def work() -> bytes:
        source = Octets(octets)
        try:
            await Frames(source).read(await source.line(0), BOUNDS)
        except Unframed:
            raise
        except Malformed:
            return source.left
        raise AssertionError("taken")

    return asyncio.run(work())


class WordsTests(SynchronousTestCase):
    def test_strings_are_quoted_or_literals(self) -> None:
        frame, left = read(b'putscript "a\\"b\\\\" {5+}\r\nx\r\ny\0 7\r\nNOOP\r\n')
        self.assertEqual(frame, Frame("PUTSCRIPT", (b'a"b\\', b"x\r\ny\0", 7)))
        self.assertEqual(left, b"NOOP\r\n")

    def test_a_literal_may_be_left_for_others(self) -> None:
        frame, left = read(b'PUTSCRIPT "a" {5+}\r\nhello\r\n', streams=True)
        self.assertEqual((frame, left), (Frame("PUTSCRIPT", (b"a",), 5), b"hello\r\n"))

    def test_what_is_refused_takes_its_literals_along(self) -> None:
        for line in (
            b'PUTSCRIPT "unended {6+}',
            b"PUTSCRIPT atom {6+}",
            b"7 {6+}",
            b'PUTSCRIPT "\\a" {6+}',
            b"NOOP 99999999999 {6+}",
            b"NOOP 1 2 3 4 5 6 7 8 9 {6+}",
            b"NOOP {6+}\r\nLOGOUT nonsense {6+}",
        ):
            self.assertEqual(refused(line + b"\r\nLOGOUT\r\nNOOP\r\n"), b"NOOP\r\n", line)

    def test_a_literal_over_the_limit_is_thrown_away(self) -> None:
        self.assertEqual(refused(b"NOOP {4097+}\r\n" + b"x" * 4097 + b"\r\nNOOP\r\n"), b"NOOP\r\n")

    def test_nobody_reads_a_literal_of_any_size(self) -> None:
        for size in (b"65537", b"9999999999999999999", b"0065537"):
            with self.assertRaises(Unframed):
                refused(b"NOOP {%b+}\r\n" % size)

    def test_nobody_reads_any_number_of_literals(self) -> None:
        with self.assertRaises(Unframed):
            refused(b"7 {0+}\r\n" + b" {0+}\r\n" * 20)

    @given(st.lists(st.binary(max_size=1500) | st.integers(0, 2**32 - 1), max_size=2))
    def test_what_is_written_for_others_is_read_by_us(self, words: list[Word]) -> None:
        said = b"".join(b" " + (string(w) if isinstance(w, bytes) else b"%d" % w) for w in words)
        self.assertEqual(read(b"XNAME" + said + b"\r\nNOOP\r\n"), (Frame("XNAME", tuple(words)), b"NOOP\r\n"))

    @given(st.binary(max_size=60))
    def test_hostile_octets_are_read_or_refused(self, octets: bytes) -> None:
        line = octets.replace(b"\r", b"").replace(b"\n", b"")
        try:
            read(line + b"\r\n" * 9)
        except Malformed as error:
            self.assertTrue(str(error).isascii())
