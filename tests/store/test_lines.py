"""Line ends of files that others wrote."""

import random

from twisted.trial.unittest import SynchronousTestCase

from mailtwist.store.maildir import lines
from mailtwist.store.maildir.lines import CRLFView, LineCount, bare_in, with_crlf

TEXTS = (b"", b"\n", b"\r\n", b"\r", b"a\nb\r\nc\r\r\n\n\r", b"\n\r\n\n", b"no end", b"\r\r\r\n\n\n")


def slowly(text):
    """What `text` is with CRLF, octet by octet."""
    out, last = bytearray(), None
    for octet in text:
        if octet == 10 and last != 13:
            out.append(13)
        out.append(octet)
        last = octet
    return bytes(out)


class LinesTests(SynchronousTestCase):
    def test_each_lf_gets_a_cr_if_it_has_none(self):
        for text in TEXTS:
            self.assertEqual(with_crlf(text), slowly(text))

    def test_lone_lfs_are_counted_across_blocks(self):
        for text in TEXTS:
            for size in (1, 2, 3, 100):
                count = LineCount()
                for at in range(0, len(text), size):
                    count.feed(text[at : at + size])
                    count.feed(b"")
                self.assertEqual(len(text) + count.bare, len(slowly(text)), (text, size))

    def test_a_view_reads_like_the_whole(self):
        self.patch(lines, "BLOCK", 7)
        some = random.Random(1)
        for _ in range(60):
            text = bytes(some.choice(b"\r\n\nab") for _ in range(some.randrange(60)))
            expected = slowly(text)

            def read(start, count, text=text):
                return text[start : start + count]

            self.assertEqual(len(text) + bare_in(read), len(expected))
            view = CRLFView(read, len(text))
            if some.random() < 0.5:
                self.assertEqual(view.size(), len(expected))
            for _ in range(20):
                start, count = some.randrange(70), some.randrange(30)
                self.assertEqual(
                    view.read(start, count), expected[start : start + count], (text, start, count)
                )

    def test_a_file_that_shrinks_ends_early(self):
        view = CRLFView(lambda start, count: b"short"[start : start + count], 1_000_000)
        self.assertEqual(view.read(0, 100), b"short")
        self.assertEqual(view.read(500_000, 100), b"")
