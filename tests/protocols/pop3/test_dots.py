"""Dots and tops, however a message is cut into chunks."""

import poplib
from io import BytesIO

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailtwist.protocols.pop3.dots import Stuffing, Top, stuffed

LIVELY = st.lists(st.sampled_from([b".", b"\r\n", b"\n", b"\r", b"a", b"..", b"\r\n.\r\n", b""]), max_size=30)


def cut(message: bytes, at: list[int]) -> list[bytes]:
    borders = sorted({0, len(message), *(n % (len(message) + 1) for n in at)})
    return [message[a:b] for a, b in zip(borders, borders[1:], strict=False)]


def answer(chunks: list[bytes]) -> bytes:
    stuffing = Stuffing()
    return b"".join(stuffing.stuffed(chunk) for chunk in chunks) + stuffing.end()


def unstuffed(octets: bytes) -> bytes:
    """As rfc1939#3 tells a client to read it: lines end with CRLF."""
    lines = octets.split(b"\r\n")
    end = lines.index(b".")
    assert lines[end:] == [b".", b""], lines
    return b"".join(line.removeprefix(b".") + b"\r\n" for line in lines[:end])


class Dots(SynchronousTestCase):
    @settings(deadline=None, max_examples=300)
    @given(LIVELY, st.lists(st.integers(0, 200), max_size=8))
    def test_the_end_is_the_end_for_every_reader(self, pieces: list[bytes], at: list[int]) -> None:
        message = b"".join(pieces)
        sent = answer(cut(message, at))
        self.assertEqual(sent, answer([message]))
        self.assertEqual(sent, stuffed(message))
        doubled = b"\r\n" + message  # what a search from the left finds, the slow way
        for end in (b"\n", b"\r"):
            doubled = doubled.replace(end + b".", end + b"..")
        self.assertTrue(sent.startswith(doubled[2:]))
        reader = poplib.POP3.__new__(poplib.POP3)  # reads lines as most programs do: up to LF
        reader.file = BytesIO(sent + b"+OK the next answer\r\n")
        reader._debugging = 0
        while reader._getline()[0] != b".":
            pass
        self.assertEqual(reader.file.read(), b"+OK the next answer\r\n")

    @settings(deadline=None, max_examples=300)
    @given(st.lists(st.sampled_from([b".", b"\r\n", b"a", b".."]), max_size=30), st.lists(st.integers(0, 99)))
    def test_a_message_with_proper_lines_comes_back_as_it_was(
        self, pieces: list[bytes], at: list[int]
    ) -> None:
        message = b"".join(pieces)
        whole = message if message.endswith(b"\r\n") or not message else message + b"\r\n"
        self.assertEqual(unstuffed(answer(cut(message, at))), whole)

    def test_a_bare_lf_before_a_dot_ends_nothing(self) -> None:
        self.assertEqual(answer([b"a\n.", b"\r\nDELE 1\r\n"]), b"a\n..\r\nDELE 1\r\n.\r\n")

    def test_a_bare_cr_before_a_dot_ends_nothing(self) -> None:
        self.assertEqual(answer([b"a\n\r", b".\nDELE 1\r\n"]), b"a\n\r..\nDELE 1\r\n.\r\n")


class Tops(SynchronousTestCase):
    @settings(deadline=None, max_examples=300)
    @given(LIVELY, st.integers(0, 6), st.lists(st.integers(0, 200), max_size=8))
    def test_it_is_the_same_however_the_message_is_cut(
        self, pieces: list[bytes], lines: int, at: list[int]
    ) -> None:
        message = b"".join(pieces)
        top = Top(lines)
        kept = b""
        for chunk in cut(message, at):
            kept += top.wanted(chunk)
            if top.over:
                break
        self.assertEqual(kept, expected(message, lines))

    def test_it_reads_no_further_than_it_has_to(self) -> None:
        top = Top(1)
        self.assertEqual((top.wanted(b"a: b\r\n\r\none\r\n"), top.over), (b"a: b\r\n\r\none\r\n", True))


def expected(message: bytes, lines: int) -> bytes:
    """The plain way: line by line."""
    kept, in_body, left = b"", False, lines
    for line in _lines(message):
        if in_body:
            if not left:
                break
            left -= 1
        kept += line
        in_body = in_body or line in (b"\r\n", b"\n")
    return kept


def _lines(message: bytes) -> list[bytes]:
    return [line + b"\n" for line in message.split(b"\n")[:-1]] + [message.split(b"\n")[-1]]
