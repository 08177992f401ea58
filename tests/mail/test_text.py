"""Header text, transfer encodings and character sets, as they come and as they should not."""

import base64
import quopri

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailtwist.mail import charsets, content_fields, encoded_words, headers, transfer
from mailtwist.mail.matching import folded

CHARSETS = st.sampled_from(sorted(charsets._KNOWN))


class HeaderTests(SynchronousTestCase):
    HEADER = b"A: 1\r\nno colon\r\n folded\r\nb : 2\r\n 3\r\na:4\r\n\r\nC: body\r\n"

    def test_fields_are_found_by_name_in_any_case_and_unfolded(self) -> None:
        found = headers.values(self.HEADER, (b"a", b"b", b"c"))
        self.assertEqual(found, {b"a": [b"1", b"4"], b"b": [b"2 3"]})

    def test_a_subset_has_its_fields_as_they_stand(self) -> None:
        self.assertEqual(headers.subset(self.HEADER, [b"b"]), b"b : 2\r\n 3\r\n\r\n")
        rest = headers.subset(self.HEADER, [b"b"], without=True)
        self.assertEqual(rest, b"A: 1\r\nno colon\r\n folded\r\na:4\r\n\r\n")
        self.assertEqual(headers.subset(b"\r\n", [b"a"]), b"\r\n")

    def test_a_subset_of_a_header_without_an_end_has_none_either(self) -> None:
        self.assertEqual(headers.subset(b"A: 1\r\nB: 2\r\n", [b"a"]), b"A: 1\r\n")
        self.assertEqual(headers.subset(b"A: 1", [b"a"]), b"A: 1")
        self.assertEqual(headers.subset(b"", [b"a"]), b"")
        cut = b"A: 1\r\n" + b"B" * (headers.LIMIT - 6)
        self.assertEqual(headers.subset(cut, [b"a"]), b"A: 1\r\n\r\n")

    def test_many_names_are_found_like_few(self) -> None:
        names = [b"b", b"a:", b" b", b""]
        few = headers.values(self.HEADER, names)
        self.assertEqual(few, headers.values(self.HEADER, names + [b"x%d" % n for n in range(100)]))
        self.assertEqual(few, {b"b": [b"2 3"]})
        self.assertEqual(headers.values(self.HEADER, ()), {})

    def test_of_very_many_fields_the_first_are_looked_at(self) -> None:
        found = headers.values(b"a:1\r\n" * (headers.FIELDS + 1), [b"a"])
        self.assertEqual(len(found[b"a"]), headers.FIELDS)

    @settings(max_examples=300, deadline=None)
    @given(st.lists(st.sampled_from([b"A", b"b", b":", b" ", b"\t", b"\r", b"\n", b"\r\n"])).map(b"".join))
    def test_looking_for_some_fields_finds_what_all_fields_have(self, octets: bytes) -> None:
        end = headers.end(octets)
        header = octets if end < 0 else octets[:end]
        names = frozenset([b"a", b"ab", b"b b"])
        all_of_them = [(name, raw) for name, raw in headers.fields(header) if name in names]
        self.assertEqual(list(headers.named(header, names)), all_of_them)

    def test_the_header_ends_behind_the_first_empty_line(self) -> None:
        self.assertEqual(headers.end(self.HEADER), self.HEADER.index(b"C:"))
        self.assertEqual(headers.end(b"\r\nA: 1\r\n\r\n"), 2)
        self.assertEqual(headers.end(b"A: 1\n\n"), 6)
        self.assertEqual(headers.end(b"A: 1\r\n"), -1)

    @settings(max_examples=200, deadline=None)
    @given(st.lists(st.sampled_from([b"A", b":", b" ", b"\t", b"\r", b"\n", b"\r\n", b"\0"])).map(b"".join))
    def test_all_fields_together_are_the_header(self, octets: bytes) -> None:
        end = headers.end(octets)
        header = octets if end < 0 else octets[:end]
        together = b"".join(raw for _, raw in headers.fields(header))
        self.assertIn(header[len(together) :], (b"", b"\n", b"\r\n"))
        self.assertTrue(header.startswith(together))


class ContentFieldTests(SynchronousTestCase):
    def parameters(self, text: bytes) -> list[tuple[bytes, bytes]]:
        found = content_fields.content_type(b"a/b; " + text)
        assert found is not None
        return list(found[2])

    def test_parameters_are_read_as_people_write_them(self) -> None:
        for text, found in {
            b'x=1 ; Y="2 \\" 3"': [(b"x", b"1"), (b"Y", b'2 " 3')],
            b"x (c) = (d) 1 (e); y=2": [(b"x", b"1"), (b"y", b"2")],
            b"name=a b.txt; y=2": [(b"name", b"a"), (b"y", b"2")],
            b"name=a[1],(2)/@.txt": [(b"name", b"a[1],(2)/@.txt")],
            b"x; =3; y=; ;; z=1;": [(b"y", b""), (b"z", b"1")],
            b'x="unclosed; y=2': [(b"x", b"unclosed; y=2")],
            b"x*0*=a''%20; x*1=b": [(b"x*0*", b"a''%20"), (b"x*1", b"b")],
            b"x=\xc3\xa4": [(b"x", b"\xc3\xa4")],
        }.items():
            self.assertEqual(self.parameters(text), found, text)

    def test_no_field_is_read_to_its_end_if_that_is_far_away(self) -> None:
        far = b"," * content_fields.LENGTH
        self.assertEqual(content_fields.languages(b"en" + far + b"de"), (b"en",))
        far = b";" * content_fields.LENGTH
        self.assertEqual(content_fields.disposition(b"inline" + far + b"a=b"), (b"inline", ()))
        self.assertEqual(content_fields.content_type(b"a/b" + far + b"a=b"), (b"a", b"b", ()))

    def test_what_stands_where_a_parameter_might_is_not_followed_for_ever(self) -> None:
        last = content_fields.STEPS - 1
        self.assertEqual(self.parameters(b";" * (last - 1) + b"x=1"), [(b"x", b"1")])
        self.assertEqual(self.parameters(b";" * (last + 2) + b"x=1"), [])

    def test_dispositions_languages_and_encodings(self) -> None:
        found = content_fields.disposition(b"Attachment; filename=x")
        self.assertEqual(found, (b"Attachment", ((b"filename", b"x"),)))
        self.assertIsNone(content_fields.disposition(b""))
        self.assertEqual(content_fields.languages(b"de, en (x) ,, fr"), (b"de", b"en", b"fr"))
        self.assertEqual(content_fields.encoding(b'"Base64" (c)'), b"Base64")
        self.assertIsNone(content_fields.encoding(b"x-foo bar"))

    @settings(max_examples=200, deadline=None)
    @given(st.binary(max_size=40) | st.text('ab/;="\\() ', max_size=40).map(str.encode))
    def test_any_octets_say_something_or_nothing(self, octets: bytes) -> None:
        content_fields.content_type(octets)
        content_fields.disposition(octets)
        content_fields.languages(octets)
        content_fields.encoding(octets)


class EncodedWordTests(SynchronousTestCase):
    def test_of_very_many_words_the_first_are_decoded(self) -> None:
        found = encoded_words.decoded(b"=?ascii?q?a?= x " * (encoded_words.WORDS + 1))
        self.assertEqual(found, "a x " * encoded_words.WORDS + "=?ascii?q?a?= x ")

    def test_words_become_text(self) -> None:
        for value, text in {
            b"=?utf-8?Q?Gr=C3=BC=C3=9Fe?=": "Grüße",
            b"=?ISO-8859-1*de?q?_=FC?=": " ü",
            b"=?utf-8?B?R3LDvA?=": "Grü",
            b"a =?utf-8?Q?b?= c": "a b c",
            b"=?utf-8?Q?a?= \t=?utf-8?Q?b?=": "ab",
            b"=?utf-8?Q?=C3?= =?utf-8?B?vA==?=": "ü",
            b"=?utf-8?Q?a?= =?koi8-r?Q?=C1?=": "aа",
            b"=?x-unknown?Q?odd?=": "odd",
            b"=?utf-8?x?no?= =?utf-8?Q?n o?= =?": "=?utf-8?x?no?= =?utf-8?Q?n o?= =?",
            "Grüße".encode(): "Grüße",
        }.items():
            self.assertEqual(encoded_words.decoded(value), text, value)

    @settings(max_examples=200, deadline=None)
    @given(st.text(max_size=30), CHARSETS, st.sampled_from("BbQq"))
    def test_any_text_in_any_charset_becomes_some_text(self, text: str, charset: str, how: str) -> None:
        encoded_words.decoded(f"=?{charset}?{how}?{text}?= =?{charset}?{how}?{text}?=".encode())


class TransferTests(SynchronousTestCase):
    @settings(max_examples=200, deadline=None)
    @given(st.binary(max_size=300), st.integers(1, 9), st.sampled_from(["base64", "quoted-printable"]))
    def test_what_was_encoded_comes_back_whatever_the_blocks(
        self, octets: bytes, block: int, how: str
    ) -> None:
        encode = base64.encodebytes if how == "base64" else quopri.encodestring
        self.assertEqual(self.decoded(encode(octets), block, how.upper().encode()), octets)

    @settings(max_examples=200, deadline=None)
    @given(st.text("=aA4\r\n +/-", max_size=60).map(str.encode), st.integers(1, 9))
    def test_blocks_make_no_difference_to_nonsense(self, octets: bytes, block: int) -> None:
        for how in (b"base64", b"quoted-printable", b"8bit", b"x-odd"):
            whole = self.decoded(octets, 100, how)
            self.assertEqual(self.decoded(octets, block, how), whole)

    def test_white_space_at_the_end_of_a_quoted_printable_line_is_not_the_writers(self) -> None:
        for octets, plain in (
            (b"a \t\r\nb  = \r\nc=20\r\nd", b"a\r\nb  c \r\nd"),
            (b"a=\rb\r\n", b"a=\rb\r\n"),
            (b"a=\nb=zz=4", b"ab=zz=4"),
            (b"a =20 \t ", b"a  "),
        ):
            self.assertEqual(self.decoded(octets, 3, b"quoted-printable"), plain)
        blanks = b" " * 3_000_000  # each looked at once
        self.assertEqual(self.decoded(blanks + b"x", 65536, b"quoted-printable"), blanks + b"x")

    def decoded(self, octets: bytes, block: int, how: bytes) -> bytes:
        decode = transfer.decode(how)
        blocks = [octets[start : start + block] for start in range(0, len(octets), block)]
        return b"".join(map(decode, [*blocks, b""]))


class FoldingTests(SynchronousTestCase):
    def test_people_compare_without_case_and_however_accents_are_written(self) -> None:
        for one, other in (("GRÜSSE", "gru\u0308ße"), ("ﬁn", "FIN"), ("abc", "ABC")):
            self.assertEqual(folded(one), folded(other))
        long = "Überall häßliche Wörter, " * 100
        self.assertEqual(folded(long), "".join(map(folded, long)))

    def test_marks_without_end_do_not_take_the_square_of_their_number(self) -> None:
        marks = "\u0300\u0316" * 150_000  # sorted all at once they take minutes
        self.assertEqual(sorted(folded("a" + marks)), sorted("a" + marks))


class CharsetTests(SynchronousTestCase):
    def test_known_names_are_known_and_others_are_not(self) -> None:
        for name in ("US-ASCII", "utf-8", "ISO-8859-1", "koi8-u", "windows-1252", "ISO-8859-8-I", "GB2312"):
            self.assertIsNotNone(charsets.known(name), name)
        for name in ("idna", "punycode", "zlib", "hex", "unicode_escape", "rot13", "../x", "", "x" * 999):
            self.assertIsNone(charsets.known(name), name)

    @settings(max_examples=300, deadline=None)
    @given(st.lists(st.binary(max_size=9), max_size=5), CHARSETS | st.text(max_size=5))
    def test_any_octets_in_any_charset_become_some_text(self, blocks: list[bytes], name: str) -> None:
        decoder = charsets.decoder(name)
        for block in blocks:
            decoder.decode(block)
        decoder.decode(b"", True)

    def test_seven_bits_that_never_shift_back_are_not_read_again_and_again(self) -> None:
        decoder = charsets.decoder("utf-7")
        text = decoder.decode(b"Gr+APwA3w-e +")
        held = 0
        for _ in range(300):  # Python's own keeps all of them and reads them anew each time: minutes
            text += decoder.decode(b"AGEAYQBh" * 8192)
            held = max(held, len(decoder._inner.getstate()[0]))  # type: ignore[attr-defined]
        text += decoder.decode(b"- b", True)
        self.assertTrue(text.startswith("Grüße aa"), text[:20])
        self.assertTrue(text.endswith(" b"), text[-20:])
        self.assertLess(held, 10_000)

    def test_sixteen_bits_need_no_byte_order_mark(self) -> None:
        for name in ("utf-16", "utf-16-be"):
            self.assertEqual(charsets.decoded("Grüße".encode(name), "utf-16"), "Grüße")

    def test_what_is_called_less_than_it_is_is_read_as_what_it_is(self) -> None:
        self.assertEqual(charsets.decoded("ü".encode(), "us-ascii"), "ü")
        self.assertEqual(charsets.decoded(b"\x93x\x94", "iso-8859-1"), "“x”")
