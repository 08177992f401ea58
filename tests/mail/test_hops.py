"""Received lines, counted wherever the octets are cut."""

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailtwist.mail.hops import Hops


def counted(*chunks: bytes) -> int:
    hops = Hops()
    for chunk in chunks:
        hops.see(chunk)
    return hops.count


class Counted(SynchronousTestCase):
    def test_only_the_header_counts(self) -> None:
        self.assertEqual(
            counted(b"Received: a\r\n b\r\nRECEIVED : c\r\nX: Received:\r\n\r\nReceived: d\r\n"), 2
        )

    def test_a_message_without_a_header_has_none(self) -> None:
        self.assertEqual(counted(b"\r\nReceived: a\r\n"), 0)

    @settings(max_examples=100, deadline=None)
    @given(st.data())
    def test_it_does_not_matter_where_it_is_cut(self, data: st.DataObject) -> None:
        lines = st.sampled_from(
            [b"Received: x", b"received:", b"X-Long: " + b"y" * 40, b" Received: z", b"A: b"]
        )
        header = b"".join(one + b"\r\n" for one in data.draw(st.lists(lines, max_size=8)))
        whole = header + b"\r\nReceived: body\r\n\r\nReceived: more\r\n"
        cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=9)))
        chunks = [whole[a:b] for a, b in zip([0, *cuts], [*cuts, len(whole)], strict=True)]
        self.assertEqual(
            counted(*chunks), header.lower().count(b"\r\nreceived:") + header.lower().startswith(b"received:")
        )
