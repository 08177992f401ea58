"""What an IMAP server says is cut in the same places, however it comes."""

from collections.abc import Iterable

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailtwist.gateway.relay.imap_lines import LONGEST, Here, Line, ServerLines

DATA = (
    b"* 1 FETCH (FLAGS (\\Seen))\r\n",
    b"* 12 EXISTS\r\n",
    b"* SEARCH " + b"1 " * 3000 + b"2\r\n",
    b"* LIST () \"/\" {8}\r\na OK\r\nxx\r\n",
    b"* LIST () \"/\" {3}\r\n{5}\r\n",
    b"* 1 FETCH (BODY[] {10}\r\nx\r\na1 OK \r\n)\r\n",
    b"* 1 FETCH (BODY[] {0}\r\n BODY[1] ~{5}\r\n{99}\r)\r\n",
    b"* 2 FETCH (BODY[] {6000}\r\n" + b"a OK x\r\n+ go\r\n" * 375 + b"0123456789" * 75 + b")\r\n",
    b'* FLAGS (\\Answered "}")\r\n',
    b"* 3 FETCH (X {3} Y)\r\n",
    b"* LIST () \"/\" {4}\r\na{9}\r\n",
    b"* 5 FETCH (BODY[] {2}\r\nx\r FLAGS ())\r\n",
)  # fmt: skip
LINES = (
    b"+ go on\r\n",
    b"+\r\n",
    b"a1 OK done\r\n",
    b"a1 NO no mailbox {50}\r\n",
    b"* OK still here {12}\r\n",
    b"* BYE\r\n",
    b"* CAPABILITY IMAP4rev1 COMPRESS=DEFLATE\r\n",
    b"* NO\r\n",
    b"*\r\n",
    b"\r\n",
    b"* \r\n",
)
SAID = st.lists(st.sampled_from(DATA + LINES), max_size=8)
LITERALS = sum(b"{" in one for one in DATA)


def cut(said: bytes, at: Iterable[int]) -> list[bytes]:
    places = sorted({place % (len(said) + 1) for place in at})
    return [said[start:end] for start, end in zip([0, *places], [*places, len(said)], strict=True)]


def fed(pieces: Iterable[bytes]) -> tuple[ServerLines, bytes, list[bytes]]:
    """The lines themselves, all that was given, and what counts of it."""
    lines, given, counts = ServerLines(), b"", []
    for piece in pieces:
        for one in lines.feed(piece):
            given += one
            if isinstance(one, Line):
                counts.append(bytes(one))
    return lines, given, counts


class ServerLinesTests(SynchronousTestCase):
    @given(SAID, st.lists(st.integers(0, 100_000), max_size=12))
    def test_any_cutting_gives_the_same(self, said: list[bytes], at: list[int]) -> None:
        whole = b"".join(said)
        lines, given_, counts = fed(cut(whole, at))
        self.assertEqual(given_, whole)
        self.assertEqual(counts, [one for one in said if one in LINES])
        self.assertTrue(lines.boundary)

    def test_octet_by_octet_too(self) -> None:
        said = [*DATA[:2], *LINES, *DATA[3:7], *LINES, *DATA[8:]]
        _, given_, counts = fed(bytes([octet]) for octet in b"".join(said))
        self.assertEqual(given_, b"".join(said))
        self.assertEqual(counts, [one for one in said if one in LINES])

    @given(SAID, st.integers(0, 100_000))
    def test_a_boundary_is_where_a_line_begins(self, said: list[bytes], at: int) -> None:
        whole = b"".join(said)
        lines, given_, _ = fed([whole[: at % (len(whole) + 1)]])
        begins = [len(b"".join(said[:count])) for count in range(len(said) + 1)]
        self.assertEqual(lines.boundary, len(given_) in begins)

    @given(SAID, st.lists(st.integers(0, 100_000), max_size=4))
    def test_who_wants_one_hears_of_the_next(self, said: list[bytes], at: list[int]) -> None:
        whole, given_ = b"".join(said), b""
        begins = {len(b"".join(said[:count])) for count in range(len(said))}
        lines, told = ServerLines(), set()
        lines.wanted = True
        for piece in cut(whole, at):
            for one in lines.feed(piece):
                if one is Here.BOUNDARY:
                    told.add(len(given_))
                else:
                    given_ += one
        self.assertEqual((given_, told), (whole, begins))

    def test_no_more_than_half_a_line_is_held(self) -> None:
        for said in (b"* SEARCH", b"* SEARCH {", b"a1 OK [COPYUID 1", b"* 1 FETCH (BODY[] {70000}\r\n"):
            lines = ServerLines()
            given_ = b"".join(b"".join(lines.feed(piece)) for piece in (said, b" 1:2,4" * 10_000, b"}" * 9))
            self.assertGreater(len(given_), 60_000 - LONGEST)
            self.assertFalse(lines.boundary)

    def test_of_a_very_long_line_that_counts_the_beginning_is_told(self) -> None:
        said = b"a1 OK [COPYUID 1 " + b"1,2," * 30_000 + b"5] {7}\r\n"
        lines, given_, counts = fed([said[:10], said[10:90_000], said[90_000:-1], said[-1:], b"a2 OK\r\n"])
        self.assertEqual(given_, said + b"a2 OK\r\n")
        self.assertEqual([one[:16] for one in counts], [said[:16], b"a2 OK\r\n"])
        self.assertTrue(lines.boundary)

    def test_what_is_announced_at_the_end_of_words_is_no_literal(self) -> None:
        _, _, counts = fed([b"a1 NO no {9}\r\na2 OK\r\n* OK {1}\r\na3 OK\r\n"])
        self.assertEqual(len(counts), 4)
