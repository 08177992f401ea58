"""ENVELOPE and BODYSTRUCTURE: as the RFC shows them, as Dovecot has them, and for any octets at all."""

from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailtwist.mail.structure import structure
from mailtwist.protocols.imap import envelope
from mailtwist.protocols.imap.body_structure import body
from mailtwist.protocols.imap.strings import astring, listed, nstring, string
from mailtwist.testing.corpus import SHAPES, messages
from tests.mail.test_structure import HOSTILE
from tests.protocols.imap.asking import Tree, answers, leaves

DOVECOT = Path(__file__).parent / "dovecot.txt"

TERRY = b"""\
Date: Wed, 17 Jul 1996 02:23:25 -0700 (PDT)\r
From: Terry Gray <gray@cac.washington.edu>\r
Subject: IMAP4rev1 WG mtg summary and minutes\r
To: imap@cac.washington.edu\r
cc: minutes@CNRI.Reston.VA.US, John Klensin <KLENSIN@MIT.EDU>\r
Message-Id: <B27397-0100000@cac.washington.edu>\r
MIME-Version: 1.0\r
Content-Type: TEXT/PLAIN; CHARSET=US-ASCII\r
\r
"""


def of_header(header: bytes) -> bytes:
    return b"".join(envelope.of_header(header))


def read(octets: bytes) -> Tree:
    """What a client makes of an answer."""
    ((_, found),) = answers(b"* 1 FETCH (X " + octets + b")\r\n")
    return found[b"X"]


def read_body(message: bytes, *, extended: bool = True) -> Tree:
    return read(written(message, extended=extended))


def written(message: bytes, *, extended: bool) -> bytes:
    return b"".join(body(structure(message), extended=extended))


class StringTests(SynchronousTestCase):
    def test_a_string_is_quoted_where_that_is_possible(self) -> None:
        for octets, told in {
            b"": b'""',
            b"a\tb": b'"a\tb"',
            b'a"b\\c': b'"a\\"b\\\\c"',
            b"\xc3\xa4": b"{2}\r\n\xc3\xa4",
            b"a\r\nb": b"{4}\r\na\r\nb",
            b"a\0b": b'"ab"',
        }.items():
            self.assertEqual(string(octets), told)

    def test_nothing_is_nil(self) -> None:
        self.assertEqual((nstring(None), nstring(b"NIL")), (b"NIL", b'"NIL"'))
        self.assertEqual((listed([]), listed([b"a", b"b"])), (b"NIL", b"(a b)"))

    def test_an_atom_needs_no_quotes(self) -> None:
        self.assertEqual(
            [astring(o) for o in (b"X-A", b"a b", b"", b"a]")], [b"X-A", b'"a b"', b'""', b'"a]"']
        )


class RfcTests(SynchronousTestCase):
    """rfc3501#8 and rfc3501#7.4.2"""

    def test_the_envelope_of_the_example(self) -> None:
        self.assertEqual(
            of_header(TERRY),
            b'("Wed, 17 Jul 1996 02:23:25 -0700 (PDT)" "IMAP4rev1 WG mtg summary and minutes" '
            b'(("Terry Gray" NIL "gray" "cac.washington.edu")) '
            b'(("Terry Gray" NIL "gray" "cac.washington.edu")) '
            b'(("Terry Gray" NIL "gray" "cac.washington.edu")) '
            b'((NIL NIL "imap" "cac.washington.edu")) '
            b'((NIL NIL "minutes" "CNRI.Reston.VA.US")("John Klensin" NIL "KLENSIN" "MIT.EDU")) NIL NIL '
            b'"<B27397-0100000@cac.washington.edu>")',
        )

    def test_the_body_of_the_example(self) -> None:
        message = TERRY + (b"x" * 30 + b"\r\n") * 91 + b"y" * 114 + b"\r\n"
        told = written(message, extended=False)
        self.assertEqual(told, b'("TEXT" "PLAIN" ("CHARSET" "US-ASCII") NIL NIL "7bit" 3028 92)')

    def test_the_multipart_of_the_example(self) -> None:
        text = (b"x" * 48 + b"\r\n") * 22 + b"x" * 50 + b"\r\n"
        diff = (b"x" * 60 + b"\r\n") * 72 + b"x" * 88 + b"\r\n"
        message = (
            b"Content-Type: MULTIPART/MIXED; boundary=x\r\n\r\n"
            b"--x\r\nContent-Type: TEXT/PLAIN; CHARSET=US-ASCII\r\n"
            b"Content-Transfer-Encoding: 7BIT\r\n\r\n%b\r\n"
            b'--x\r\nContent-Type: TEXT/PLAIN; CHARSET=US-ASCII; NAME="cc.diff"\r\n'
            b"Content-ID: <960723163407.20117h@cac.washington.edu>\r\nContent-Description: Compiler diff\r\n"
            b"Content-Transfer-Encoding: BASE64\r\n\r\n%b\r\n--x--\r\n" % (text, diff)
        )
        self.assertEqual(
            written(message, extended=False),
            b'(("TEXT" "PLAIN" ("CHARSET" "US-ASCII") NIL NIL "7BIT" 1152 23)'
            b'("TEXT" "PLAIN" ("CHARSET" "US-ASCII" "NAME" "cc.diff") '
            b'"<960723163407.20117h@cac.washington.edu>" "Compiler diff" "BASE64" 4554 73) "MIXED")',
        )


class EnvelopeTests(SynchronousTestCase):
    def test_sender_and_reply_to_are_from_where_they_say_nobody(self) -> None:
        for fields in (b"", b"Sender:\r\nReply-To: \r\n", b"Sender: ,\r\nReply-To: <>\r\n"):
            told = read(of_header(b"From: a@b\r\n" + fields + b"\r\n"))
            assert isinstance(told, list)
            self.assertEqual(told[2:5], [[[None, None, b"a", b"b"]]] * 3)
        told = read(of_header(b"Sender: c@d\r\n\r\n"))
        assert isinstance(told, list)
        self.assertEqual(told[2:5], [None, [[None, None, b"c", b"d"]], None])

    def test_what_is_there_and_empty_is_not_nil(self) -> None:
        told = of_header(b"Subject:\r\nDate: \r\nTo:\r\n\r\n")
        self.assertEqual(told, b'("" "" NIL NIL NIL NIL NIL NIL NIL NIL)')

    def test_encoded_words_stay_and_folds_go(self) -> None:
        told = of_header(
            b"Subject: =?utf-8?Q?=C3=BC?=\r\n =?utf-8?Q?x?=\r\nIn-Reply-To: <a>\r\n\t<b>\r\n\r\n"
        )
        subject = b'"=?utf-8?Q?=C3=BC?= =?utf-8?Q?x?="'
        self.assertEqual(told, b'(NIL %b NIL NIL NIL NIL NIL NIL "<a>\t<b>" NIL)' % subject)

    def test_people_of_several_fields_are_told_together(self) -> None:
        told = of_header(b"To: a@b\r\nSubject: 1\r\nTo: g: c@d;\r\nSubject: 2\r\n\r\n")
        people = b'((NIL NIL "a" "b")(NIL NIL "g" NIL)(NIL NIL "c" "d")(NIL NIL NIL NIL))'
        self.assertEqual(told, b'(NIL "1" NIL NIL NIL %b NIL NIL NIL NIL)' % people)


class StructureTests(SynchronousTestCase):
    def test_text_has_a_charset_even_if_it_does_not_say_so(self) -> None:
        for said, told in {
            b"": [b"charset", b"us-ascii"],
            b"Content-Type: text/html; x=y\r\n": [b"x", b"y", b"charset", b"us-ascii"],
            b"Content-Type: text/html; CHARSET=x\r\n": [b"CHARSET", b"x"],
            b"Content-Type: image/png\r\n": None,
        }.items():
            found = read_body(said + b"\r\n")
            assert isinstance(found, list)
            self.assertEqual(found[2], told)

    def test_all_that_is_said_of_a_part_is_told(self) -> None:
        message = (
            b'Content-Type: image/png; name="a b"\r\nContent-MD5: abc\r\nContent-Language: de, en\r\n'
            b'Content-Disposition: attachment; filename="\xc3\xa4"\r\nContent-Location: http://x/ y\r\n\r\nx'
        )
        placed = [b"attachment", [b"filename", b"\xc3\xa4"]]
        told = [b"image", b"png", [b"name", b"a b"], None, None, b"7bit", 1, b"abc", placed]
        self.assertEqual(read_body(message), [*told, [b"de", b"en"], b"http://x/ y"])
        self.assertEqual(read_body(message, extended=False), told[:7])

    def test_a_message_in_a_message_is_told_with_its_envelope(self) -> None:
        found = read_body(b"Content-Type: message/rfc822\r\n\r\nSubject: in\r\n\r\nhello\r\n", extended=False)
        envelope = [None, b"in", *[None] * 8]
        inner = [b"text", b"plain", [b"charset", b"us-ascii"], None, None, b"7bit", 7, 1]
        self.assertEqual(found, [b"message", b"rfc822", None, None, None, b"7bit", 22, envelope, inner, 3])

    def test_the_grammar_wants_a_part_in_every_multipart(self) -> None:
        for boundary in (b"", b"; boundary=x"):
            found = read_body(b"Content-Type: multipart/mixed" + boundary + b"\r\n\r\nnothing\r\n")
            assert isinstance(found, list)
            text = [b"text", b"plain", [b"charset", b"us-ascii"], None, None, b"7bit", 0, 0]
            self.assertEqual(found[0], text + [None] * 4)

    @settings(max_examples=300, deadline=None)
    @given(HOSTILE | st.binary().map(lambda octets: b"Content-Type: " + octets), st.booleans())
    def test_any_octets_have_a_structure_and_an_envelope_that_can_be_read(self, m: bytes, all: bool) -> None:
        read_body(m, extended=all)
        read(of_header(m[: structure(m).body]))

    def test_depth_has_an_end(self) -> None:
        found = read_body(b"Content-Type: message/rfc822\r\n\r\n" * 500)
        self.assertGreater(len(list(leaves(found))), 500)


class DovecotTests(SynchronousTestCase):
    """`dovecot.txt` is what Dovecot 2.3.19 told of one message of each shape of the corpus."""

    DIFFERENT = {
        "folded_header": "unfolding takes the line end (rfc5322#2.2.3); Dovecot makes a space of the tab",
        "odd_addresses": "Dovecot tells `<>` in a list as an address without mailbox and host",
        "parameters": "rfc2231 parameters are told as they stand, Dovecot puts them together",
    }

    def test_we_tell_what_dovecot_tells(self) -> None:
        theirs = [line.partition(": ") for line in DOVECOT.read_text().splitlines()[1:]]
        told = {name: text.encode().decode("unicode_escape").encode("latin-1") for name, _, text in theirs}
        shapes = {shape.__name__: m for shape, m in zip(SHAPES, messages(len(SHAPES)), strict=True)}
        self.assertEqual(set(shapes) - set(told), {"empty"})  # IMAP cannot APPEND that to Dovecot
        differ = {name for name in told if self.ours(shapes[name]) != self.alike(told[name])}
        self.assertEqual(differ, set(self.DIFFERENT))

    def ours(self, message: bytes) -> list[Tree]:
        root = structure(message)
        return [self.plain(read(of_header(message[: root.body]))), self.plain(read_body(message))]

    def alike(self, answer: bytes) -> list[Tree]:
        ((_, found),) = answers(answer + b"\r\n")
        return [self.plain(found[b"ENVELOPE"]), self.plain(found[b"BODYSTRUCTURE"])]

    def plain(self, tree: Tree) -> Tree:
        """Dovecot has words for what is missing where we have nothing."""
        if isinstance(tree, list):
            return [self.plain(one) for one in tree]
        return b"" if tree in (b"MISSING_MAILBOX", b"MISSING_DOMAIN") else tree
