"""One look at a message: it may say nothing, but never what is not so."""

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailtwist.mail.glance import without
from mailtwist.mail.matching import Finder, folded
from mailtwist.mail.plain_text import PlainText
from mailtwist.mail.structure import Part, StructureParser
from mailtwist.testing.corpus import messages
from tests.mail.test_structure import HOSTILE

PIECES = st.lists(
    st.sampled_from(
        [
            b"Subject: one\r\n two\r\n",
            b"Content-Type: text/plain; charset=",
            b"Content-Type: multipart/mixed; boundary=x\r\n",
            b"utf-8\r\n",
            b'"utf-7"\r\n',
            b"us-ascii; charset=utf-16\r\n",
            b"Content-Transfer-Encoding: Base64\r\n",
            b"Content-Transfer-Encoding: Quoted-\r\n Printable\r\n",
            b"Content-Transfer-Encoding: quoted-printable\r\n",
            b"\r\n",
            b"--x\r\n",
            b"b25lIHR3bw==",
            b"=6Fne two",
            b"+AG8-ne two",
            b"one two",
            b"ONE\r\n TWO\r\n",
            b"\xc3\xb6ne",
            b"Subject: =?utf-8?Q?=6Fne?=\r\n",
        ]
    ),
    max_size=12,
).map(b"".join)


class Heard:
    def __init__(self, text: str) -> None:
        self.finder = Finder([text])

    def header(self, part: Part, text: str) -> None:
        self.finder.divide()
        self.finder.feed(text)
        self.finder.divide()

    body = header


def is_in(octets: bytes, text: str) -> bool:
    """As SEARCH TEXT finds it, with everything taken apart."""
    heard = Heard(text)
    reader = PlainText(heard)
    parser = StructureParser(reader)
    parser.feed(octets)
    parser.finish()
    reader.end()
    return not heard.finder.missing


class Glance(SynchronousTestCase):
    def test_plain_mail_is_seen_through(self) -> None:
        plain = b"Subject: One\r\n two\r\nContent-Type: text/plain; charset=ISO-8859-15\r\n\r\nthree\r\n"
        for text in ("four", "one  two", "three four", "drei", "ö"):
            self.assertTrue(without(plain, [text]), text)
        for text in ("one", "one two", "three", "\r\nthree", ""):
            self.assertFalse(without(plain, ["four", text]), text)

    def test_what_may_hide_something_says_nothing(self) -> None:
        for octets in (
            b"\r\n\xc3\xb6",
            b"Content-Transfer-Encoding: BASE64\r\n\r\nb25l",
            b"Content-Transfer-Encoding: Quoted-Printable\r\n\r\n=6Fne",
            b"Content-Type: text/plain; charset=utf-7\r\n\r\n+AG8-ne",
            b"Content-Type: text/plain; charset=utf-8; charset=hz\r\n\r\n",
            b"Content-Type: text/plain; charset*=us-ascii''utf-7\r\n\r\n",
            b"Content-Type: text/plain; charset=\r\n iso-2022-jp\r\n\r\n",
            b"Subject: =?utf-8?Q?=6Fne?=\r\n\r\n",
        ):
            self.assertFalse(without(octets, ["four"]), octets)

    def test_the_corpus(self) -> None:
        seen_through = 0
        for message in messages(76):
            for text in ("sample-1", "the", "e t", "subject: ", "\r\n\r\n", "nowhere"):
                if without(message, [folded(text)]):
                    seen_through += 1
                    self.assertFalse(is_in(message, folded(text)), (text, message))
        self.assertGreater(seen_through, 20)

    @settings(max_examples=300, deadline=None)
    @given(
        PIECES | HOSTILE, st.sampled_from(["one", "one two", "two", "\r\n", " ", "n", "\ufffd", "öne", "="])
    )
    def test_what_it_says_is_so(self, octets: bytes, text: str) -> None:
        if without(octets, [folded(text)]):
            self.assertFalse(is_in(octets, folded(text)))
