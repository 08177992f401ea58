"""CR, LF and CRLF are told apart."""

from hypothesis import given
from hypothesis import strategies as some
from twisted.trial.unittest import SynchronousTestCase

from mailtwist.mail.line_ends import line_ends


class LineEnds(SynchronousTestCase):
    @given(some.lists(some.sampled_from([b"\r", b"\n", b"\r\n", b"a", b"\x85\x0b\x1c", b"\xff"])))
    def test_they_are_what_is_left_without_pairs(self, pieces: list[bytes]) -> None:
        octets = b"".join(pieces)
        alone = octets.replace(b"\r\n", b"")
        expected = {"\r"} & {chr(octet) for octet in alone} | {"\n"} & {chr(octet) for octet in alone}
        if b"\r\n" in octets:
            expected.add("\r\n")
        self.assertEqual(line_ends(octets), expected)

    def test_a_cr_at_the_end_is_one_alone(self) -> None:
        self.assertEqual(line_ends(b"a\r\nb\r"), {"\r", "\r\n"})
