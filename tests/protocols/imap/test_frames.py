"""Commands as they come off the wire."""

from collections.abc import AsyncIterator

from twisted.trial.unittest import SynchronousTestCase

from mailtwist.protocols.errors import Malformed
from mailtwist.protocols.imap.frames import Bounds, Frame, Frames, Opening, Refused, Streams, TooBig
from tests.protocols.imap.scene import now

BOUNDS = Bounds(line=1000, literal=20, literals=3, dropped=50, unasked=2**63)


class Text:
    """Octets that are all there."""

    def __init__(self, octets: bytes) -> None:
        self.left = octets
        self.asked = 0

    async def line(self, limit: int) -> bytes:
        line, end, self.left = self.left.partition(b"\r\n")
        assert end, "the server waits for more than the client will say"
        if len(line) > limit:
            raise Malformed("line too long")
        return line

    async def literal(self, count: int) -> AsyncIterator[bytes]:
        while count:
            chunk, self.left = self.left[: min(count, 4)], self.left[min(count, 4) :]
            assert chunk, "the server waits for more than the client will say"
            count -= len(chunk)
            yield chunk

    def go_on(self) -> None:
        self.asked += 1


class Keeps:
    def streams(self, before: bytes) -> bool:
        return False


class Reads:
    def streams(self, before: bytes) -> bool:
        return before.strip() != b""


KINDS: dict[str, Streams] = {"KEEP": Keeps(), "READ": Reads()}


def find(opening: Opening) -> Streams | None:
    return KINDS.get(opening.name)


class FrameTests(SynchronousTestCase):
    def read(self, octets: bytes) -> Frame:
        self.text = Text(octets)
        frames = Frames(self.text, self.text.go_on)

        async def reading() -> Frame:
            return await frames.read(await self.text.line(1000), BOUNDS, find)

        return now(reading())

    def refused(self, octets: bytes, why: type[Malformed] = Refused) -> Malformed:
        with self.assertRaises(why) as caught:
            self.read(octets)
        return caught.exception

    def test_a_command_without_literals(self) -> None:
        frame = self.read(b"a.1 uid keep x y\r\nrest")
        self.assertEqual(frame, Frame(Opening(b"a.1", "KEEP", True), b" x y"))
        self.assertEqual(self.text.left, b"rest")
        self.assertEqual(self.read(b"a keep\r\n").text, b"")

    def test_literals_of_both_kinds_are_cut_out(self) -> None:
        frame = self.read(b"a keep {3}\r\n\r\n) {2+}\r\n{}{0}\r\n end\r\nrest")
        self.assertEqual(frame.text, b" \0 \0\0 end")
        self.assertEqual(frame.literals, (b"\r\n)", b"{}", b""))
        self.assertEqual((self.text.asked, self.text.left), (2, b"rest"))

    def test_a_streamed_literal_is_left_to_the_command(self) -> None:
        frame = self.read(b"a read {4+}\r\nname {6}\r\nabcdef\r\nrest")
        self.assertEqual((frame.text, frame.literals), (b" \0 ", (b"name",)))
        announced = frame.announced
        assert announced is not None
        self.assertEqual((announced.size, self.text.asked), (6, 0))

        async def reading() -> bytes:
            whole = b"".join([chunk async for chunk in announced.chunks()])
            await announced.end()
            await announced.drop()
            return whole

        self.assertEqual(now(reading()), b"abcdef")
        self.assertEqual((self.text.asked, self.text.left), (1, b"rest"))

    def test_what_a_command_leaves_of_its_literal_is_dropped(self) -> None:
        for waits, left in ((b"", b"abcdef\r\nrest"), (b"+", b"rest")):
            frame = self.read(b"a read x {6" + waits + b"}\r\nabcdef\r\nrest")
            assert frame.announced is not None
            now(frame.announced.drop())
            self.assertEqual(self.text.left, left)  # nobody who waits was asked

    def test_a_literal_begun_is_dropped_to_its_end(self) -> None:
        frame = self.read(b"a read x {6}\r\nabcdef{2+}\r\nxx\r\nrest")
        announced = frame.announced
        assert announced is not None

        async def reading() -> None:
            async for _ in announced.chunks():
                break
            await announced.drop()

        now(reading())
        self.assertEqual(self.text.left, b"rest")

    def test_a_command_that_goes_on_behind_its_literal_is_refused_whole(self) -> None:
        frame = self.read(b"a read x {1+}\r\nx {7+}\r\nLOGOUT\n{2}\r\nrest")
        announced = frame.announced
        assert announced is not None

        async def reading() -> None:
            async for _ in announced.chunks():
                pass
            await announced.end()

        with self.assertRaises(Malformed):
            now(reading())
        self.assertEqual((self.text.left, self.text.asked), (b"rest", 0))

    def test_nonsense_is_refused_with_its_tag_and_its_literals_are_no_commands(self) -> None:
        for line, tag in (
            (b"", b""),
            (b" a", b""),
            (b"a", b"a"),
            (b"a  keep", b"a"),
            (b"a NO", b"a"),
            (b"+ x", b""),
        ):
            error = self.refused(line + b" {8+}\r\nz LOGOUT\r\nrest")
            assert isinstance(error, Refused)
            self.assertEqual((error.tag, self.text.left), (tag, b"rest"), line)

    def test_nobody_is_asked_for_the_literal_of_nonsense(self) -> None:
        self.refused(b"a NO {8}\r\nrest")
        self.assertEqual((self.text.asked, self.text.left), (0, b"rest"))

    def test_a_nul_is_refused(self) -> None:
        self.refused(b"a keep \0\r\nrest")
        self.refused(b"a keep {1+}\r\nx \0 {2+}\r\nxx\r\nrest")
        self.assertEqual(self.text.left, b"rest")

    def test_too_big_literals_are_dropped_if_that_is_cheap(self) -> None:
        self.refused(b"a keep {21}\r\nrest")
        self.assertEqual((self.text.asked, self.text.left), (0, b"rest"))
        self.refused(b"a keep {21+}\r\n" + b"x" * 21 + b" {2+}\r\nxx\r\nrest")
        self.assertEqual(self.text.left, b"rest")
        self.refused(b"a keep {15+}\r\n" + b"x" * 15 + b" {6+}\r\nxxxxxx\r\nrest")
        self.assertEqual(self.text.left, b"rest")
        self.refused(b"a keep {51+}\r\n", TooBig)
        self.refused(b"a NO {51+}\r\n", TooBig)
        self.refused(b"a NO {%s+}\r\n" % (b"9" * 900), TooBig)

    def test_literals_without_end_end(self) -> None:
        self.refused(b"a keep " + b"{0}\r\n" * 4)
        self.refused(b"a keep " + b"{0+}\r\n" * 100, TooBig)
        self.refused(b"a NO " + b"{0+}\r\n" * 100, TooBig)

    def test_the_lines_of_a_command_together_have_one_limit(self) -> None:
        with self.assertRaises(Malformed):
            self.read(b"a keep " + b"x" * 600 + b"{0+}\r\n" + b"x" * 600 + b"\r\n")
