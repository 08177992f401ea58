"""Messages for clients that know no UTF-8: what is told, what is left out, what nobody is to wait for."""

from collections.abc import AsyncGenerator

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailtwist.kit.spawn import started
from mailtwist.mail import headers
from mailtwist.protocols.pop3.readable import NeedsUtf8, Unreadable, Utf8Headers, readable
from tests.protocols.pop3.scene import UTF8


class Pieces:
    """A message that comes in these pieces; an exception among them is raised."""

    def __init__(self, *pieces: bytes | Exception) -> None:
        self.pieces = pieces
        self.size = sum(len(piece) for piece in pieces if isinstance(piece, bytes))
        self.closed = False

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        try:
            for piece in self.pieces:
                if isinstance(piece, Exception):
                    raise piece
                yield piece
        finally:
            self.closed = True


async def whole(message: Pieces, how: Utf8Headers = "downgrade") -> tuple[int, bytes]:
    told = await readable(message, how)
    return told.size, b"".join([chunk async for chunk in told.chunks()])


class Readables(SynchronousTestCase):
    def got(self, *pieces: bytes, how: Utf8Headers = "downgrade") -> bytes:
        message = Pieces(*pieces)
        size, octets = self.successResultOf(started(whole(message, how)))
        self.assertEqual(size, len(octets))
        self.assertTrue(message.closed)
        return octets

    def test_ascii_headers_and_any_body_stay_as_they_are(self) -> None:
        for message in (b"", b"Subject: x\r\n", b"Subject: x\r\n\r\n\xc3\xbc\xff", b"\r\n\xff"):
            self.assertEqual(self.got(message), message)

    def test_what_is_neither_ascii_nor_utf8_stays_as_it_is(self) -> None:
        message = b"Subject: gr\xfc\xdfe\r\n\r\nx\r\n"
        self.assertEqual(self.got(message), message)
        self.assertEqual(self.got(message, how="refuse"), message)

    def test_as_is_changes_nothing(self) -> None:
        self.assertEqual(self.got(UTF8, how="as_is"), UTF8)

    @settings(deadline=None, max_examples=60)
    @given(st.lists(st.integers(0, len(UTF8)), max_size=6))
    def test_the_pieces_do_not_matter(self, cuts: list[int]) -> None:
        at = sorted({0, len(UTF8), *cuts})
        pieces = [UTF8[a:b] for a, b in zip(at, at[1:], strict=False)]
        self.assertEqual(self.got(*pieces), self.got(UTF8))
        self.assertTrue(self.got(UTF8).endswith("\r\n\r\nhallo\r\nß\r\n".encode()))

    def test_a_refused_message_is_closed(self) -> None:
        message = Pieces(UTF8)
        self.failureResultOf(started(readable(message, "refuse")), NeedsUtf8)
        self.assertTrue(message.closed)

    def test_a_header_of_any_size_keeps_nobody_from_the_rest(self) -> None:
        line = "X-ß: y\r\n".encode() * 1000
        count = headers.LIMIT // len(line) + 2
        for how in ("downgrade", "refuse"):
            self.assertEqual(self.got(*[line] * count, b"\r\nbody", how=how), line * count + b"\r\nbody")

    def test_what_cannot_be_read_is_trouble_and_told(self) -> None:
        message = Pieces(b"Subject: x\r\n", OSError(5, "Input/output error"))
        failure = self.failureResultOf(started(readable(message, "downgrade")), Unreadable)
        self.assertTrue(failure.value.temporary)
        self.assertTrue(message.closed)
