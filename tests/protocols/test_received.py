"""What a peer sends is cut into lines, literals and blocks, wherever the segments end."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailtwist.protocols.errors import LineTooLong, Unframed
from mailtwist.protocols.received import FLOOD, LIMIT, Block, Received


class Counting(bytearray):
    """Knows how many octets were searched."""

    searched = 0

    def find(self, what, start=0):
        at = super().find(what, start)
        self.searched += (len(self) if at < 0 else at + len(what)) - start
        return at


def pieces(data, cuts):
    at = 0
    for cut in sorted({min(c, len(data)) for c in cuts} | {len(data)}):
        yield data[at:cut]
        at = cut


def block_of(data, cuts=()):
    """What a block gives of `data`, and what is left."""
    received = Received()
    block = Block(received)
    found = []
    for piece in pieces(data, cuts):
        received.add(piece)
        while not block.over and (ready := block.piece()):
            found.append(ready)
    return b"".join(found), block.over, received.take(len(received))


class LineTests(SynchronousTestCase):
    def test_a_line_ends_with_crlf(self):
        received = Received()
        received.add(b"one\r\ntwo\r")
        self.assertEqual(received.line(10), b"one")
        self.assertIsNone(received.line(10))
        received.add(b"\n\r\n")
        self.assertEqual([received.line(10), received.line(10), received.line(10)], [b"two", b"", None])

    def test_a_line_over_the_limit_is_taken_whole(self):
        received = Received()
        received.add(b"12345\r\n123456\r\nnext\r\n")
        self.assertEqual(received.line(5), b"12345")
        self.assertRaises(LineTooLong, received.line, 5)
        self.assertEqual(received.line(5), b"next")

    def test_cr_or_lf_on_its_own(self):
        for bad in (b"a\nb\r\n", b"a\rb\r\n", b"\n\r\n", b"a\r\r\n"):
            received = Received()
            received.add(bad)
            self.assertRaises(Unframed, received.line, 100)

    def test_a_line_without_end(self):
        received = Received()
        received.add(b"x" * (LIMIT - 1))
        self.assertIsNone(received.line(100))
        received.add(b"x")
        self.assertRaises(Unframed, received.line, 100)

    def test_octets_that_trickle_are_searched_once(self):
        received = Received()
        data = received._data = Counting()
        for _ in range(5000):
            received.add(b"x")
            self.assertIsNone(received.line(9999))
        self.assertLess(data.searched, 3 * 5000)

    def test_many_lines_in_one_segment_are_searched_once(self):
        received = Received()
        data = received._data = Counting()
        received.add(b"NOOP\r\n" * 5000)
        for _ in range(5000):
            self.assertEqual(received.line(100), b"NOOP")
        self.assertLess(data.searched, 2 * 6 * 5000)

    @given(st.binary(max_size=60), st.lists(st.integers(0, 60)))
    def test_lines_do_not_depend_on_segments(self, data, cuts):
        self.assertEqual(self.lines(data, cuts), self.lines(data, ()))

    def lines(self, data, cuts):
        received, found = Received(), []
        for piece in pieces(data, cuts):
            received.add(piece)
            try:
                while (line := received.line(8)) is not None:
                    found.append(line)
            except (LineTooLong, Unframed) as error:
                return found, type(error)
        return found, received.take(len(data))


class BlockTests(SynchronousTestCase):
    def test_a_dot_alone_ends_it(self):
        self.assertEqual(block_of(b"a\r\nb\r\n.\r\nQUIT\r\n"), (b"a\r\nb\r\n", True, b"QUIT\r\n"))

    def test_nothing_is_a_message_too(self):
        self.assertEqual(block_of(b".\r\nQUIT\r\n"), (b"", True, b"QUIT\r\n"))
        self.assertEqual(block_of(b"\r\n.\r\n"), (b"\r\n", True, b""))

    def test_dots_are_undone(self):
        self.assertEqual(
            block_of(b"..a\r\n..\r\n.b\r\n. \r\n...\r\n.\r\n")[0], b".a\r\n.\r\nb\r\n \r\n..\r\n"
        )
        self.assertEqual(block_of(b".a\r\n.\r\n")[0], b"a\r\n")

    def test_what_only_looks_like_the_end(self):
        for bad in (
            b"a\n.\r\nX\r\n.\r\n",
            b"a\r\n.\nX\r\n.\r\n",
            b"a\n.\nX\r\n.\r\n",
            b"a\r.\rX\r\n.\r\n",
            b".\nX\r\n.\r\n",
            b"a\rb\n.\r\nX\r\n.\r\n",
            b"a\r\nb\rc\nd\r\n.\r\n",
        ):
            for cuts in ((), range(len(bad))):
                self.assertRaises(Unframed, block_of, bad, cuts)

    def test_nothing_follows_what_only_looks_like_the_end(self):
        for cuts in ((), range(40)):
            found, over, _ = block_of(b"good\r\nbad\nMAIL\r\nmore\r\n", cuts)
            self.assertFalse(over)
            self.assertTrue(b"good\r\nbad".startswith(found))

    def test_what_cannot_be_taken_is_not_read_for_ever(self):
        received = Received()
        block = Block(received)
        for _ in range(FLOOD // 65536):
            received.add(b"\n" * 65536)
            self.assertEqual(block.piece(), b"")
        received.add(b"\n")
        self.assertRaises(Unframed, block.piece)

    def test_all_but_the_last_octets_are_given_at_once(self):
        received = Received()
        block = Block(received)
        received.add(b"x" * 100000)
        self.assertEqual(len(block.piece()), 100000)
        received.add(b"y\r\n.")
        self.assertEqual(block.piece(), b"y")
        self.assertEqual(len(received), 3)

    @given(
        st.lists(st.sampled_from([b"a", b".", b"\r\n", b"..", b"\r\n.", b"bc", b"\r\n.\r\n"]), max_size=20),
        st.lists(st.integers(0, 60)),
    )
    def test_it_is_the_same_wherever_it_is_cut(self, words, cuts):
        data = b"".join(words) + b"\r\n.\r\nQUIT\r\n"
        found, over, left = block_of(data, cuts)
        self.assertEqual((found, over, left), by_lines(data))


def by_lines(data):
    """The same, as slowly and as plainly as it can be said."""
    lines = data.split(b"\r\n")
    end = lines.index(b".")
    undone = [line[1:] if line.startswith(b".") else line for line in lines[:end]]
    return b"".join(line + b"\r\n" for line in undone), True, b"\r\n".join(lines[end + 1 :])
