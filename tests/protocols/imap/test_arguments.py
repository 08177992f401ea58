"""The cursor over a command's text."""

from datetime import date

from hypothesis import example, given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailtwist.protocols.errors import Malformed
from mailtwist.protocols.imap.arguments import DEPTH, Arguments
from mailtwist.protocols.imap.mailbox_name import quoted
from mailtwist.store.api import CannotDo

WORDS = ("atom", "number", "string", "nstring", "astring", "mailbox", "pattern", "message_set", "flag")
ALL = (*WORDS, "flag_list", "date", "date_time", "space", "end", "rest")


def taken(word: str, text: bytes, *literals: bytes) -> object:
    """What `word` takes; all of `text` was taken."""
    arguments = Arguments(text, literals)
    found = getattr(arguments, word)()
    arguments.end()
    return found


class Words(SynchronousTestCase):
    def test_what_is_right_is_taken(self) -> None:
        for word, text, value in (
            ("atom", b"BODY.PEEK", "BODY.PEEK"),
            ("number", b"4294967295", 4294967295),
            ("string", b'""', b""),
            ("string", b'"a\\"b\\\\c"', b'a"b\\c'),
            ("string", b'"\xc3\xa9 (%*"', b"\xc3\xa9 (%*"),
            ("nstring", b"nil", None),
            ("nstring", b'"NIL"', b"NIL"),
            ("astring", b"a]b", b"a]b"),
            ("astring", b"NIL", b"NIL"),
            ("mailbox", b"iNbOx", "INBOX"),
            ("mailbox", b'"Inbox/a"', "Inbox/a"),
            ("mailbox", b"&Jjo-&-b", "\u263a&b"),
            ("pattern", b"%*", "%*"),
            ("pattern", b"inbox", "inbox"),
            ("flag", b"\\sEEN", "\\Seen"),
            ("flag", b"$Forwarded", "$Forwarded"),
            ("flag_list", b"()", frozenset()),
            ("flag_list", b"(\\seen a)", frozenset({"\\Seen", "a"})),
            ("date", b"1-Feb-1994", date(1994, 2, 1)),
            ("date", b'"29-fEB-2024"', date(2024, 2, 29)),
            ("date_time", b'" 1-Jan-1970 01:00:00 +0100"', (0.0, 60)),
            ("date_time", b'"31-Dec-1969 23:30:00 -0030"', (0.0, -30)),
            ("date_time", b'"31-Dec-2016 23:59:60 +0000"', (1483228800.0, 0)),
        ):
            self.assertEqual(taken(word, text), value, (word, text))

    def test_what_is_wrong_is_the_peers_fault(self) -> None:
        for word, text in (
            ("atom", b""),
            ("atom", b"(x"),
            ("atom", b"\xff"),
            ("number", b"4294967296"),
            ("number", b"-5"),
            ("number", b"9" * 5000),
            ("string", b"atom"),
            ("string", b'"open'),
            ("string", b'"\\x"'),
            ("string", b'"\\'),
            ("nstring", b"nile"),
            ("astring", b"a{5"),
            ("flag", b"\\Recent"),
            ("flag", b"\\Wrong"),
            ("flag_list", b"(a  b)"),
            ("flag_list", b"(a"),
            ("flag_list", b"(%s)" % b" ".join(b"f%d" % n for n in range(300))),
            ("date", b"30-Feb-1994"),
            ("date", b'"1-Feb-1994'),
            ("date", b"1-Foo-1994"),
            ("date_time", b'"1-Jan-1970 01:00:00 +0100"'),
            ("date_time", b'"31-Dec-2016 23:59:61 +0000"'),
            ("date_time", b'"31-Dec-2016 23:59:59 +9900"'),
            ("space", b"x"),
            ("end", b"x"),
        ):
            with self.assertRaises(Malformed, msg=(word, text)):
                taken(word, text)

    def test_what_can_be_no_name_of_a_mailbox_is_refused(self) -> None:
        for text in (
            b"&Jjo",
            b"&AGE-",
            b"&Jjo-&Jjo-",
            b"&2D0-",
            b'"\xc3\xa9"',
            b"&AAo-",
            b"&ICg-",
            b"a" * 1001,
        ):
            with self.assertRaises(CannotDo, msg=text):
                taken("mailbox", text)
        for text in (
            b'"\xff"',
            b'"\xed\xa0\xbd"',
            b'"\xc2\x85"',
            b'"\xe2\x80\xa8"',
            b'"' + b"\xc3\xa9" * 501 + b'"',
        ):
            with self.assertRaises(CannotDo, msg=text):
                Arguments(text, utf8_names=True).mailbox()

    def test_names_are_utf8_or_modified_utf7(self) -> None:
        for text, utf8, name in (
            (b"&Jjo-", False, "\N{WHITE SMILING FACE}"),
            (b"&Jjo-", True, "&Jjo-"),
            (b"a&b", True, "a&b"),
            (b'"\xe2\x98\xba"', True, "\N{WHITE SMILING FACE}"),
            (b"inbox", True, "INBOX"),
        ):
            self.assertEqual(Arguments(text, utf8_names=utf8).mailbox(), name)
        self.assertEqual(quoted("\N{WHITE SMILING FACE} &", utf8=True), b'"\xe2\x98\xba &"')
        self.assertEqual(quoted("a\r\nb", utf8=True), b'"a??b"')

    def test_a_pattern_that_no_name_fits_is_no_fault(self) -> None:
        self.assertIsNone(Arguments(b"&*").pattern())
        self.assertIsNone(Arguments(b"&").reference())
        self.assertEqual(Arguments(b"&*", utf8_names=True).pattern(), "&*")

    def test_literals_stand_where_they_were_cut_out(self) -> None:
        arguments = Arguments(b" \0 \0", [b'two "words"', b"&Jjo-"])
        arguments.space()
        self.assertEqual(arguments.astring(), b'two "words"')
        arguments.space()
        self.assertEqual(arguments.mailbox(), "\u263a")
        arguments.end()

    def test_lists_nest_so_deep_and_no_deeper(self) -> None:
        def nested(arguments: Arguments) -> None:
            with arguments.parentheses():
                if not arguments.peek(b")"):
                    nested(arguments)

        nested(Arguments(b"(" * DEPTH + b")" * DEPTH))
        with self.assertRaises(Malformed):
            nested(Arguments(b"(" * 100_000))

    def test_letters_are_taken_in_either_case(self) -> None:
        arguments = Arguments(b"Uid (x)")
        self.assertTrue(arguments.take(b"UID"))
        self.assertFalse(arguments.take(b"x"))
        arguments.space()
        self.assertEqual(arguments.list_of(arguments.atom), ["x"])


class Anything(SynchronousTestCase):
    @settings(deadline=None)
    @given(st.binary(max_size=60), st.lists(st.sampled_from(ALL), max_size=5))
    @example(b"\0", ["string"])
    @example(b'"\\', ["astring"])
    def test_any_text_is_taken_or_the_peers_fault(self, text: bytes, words: list[str]) -> None:
        arguments = Arguments(text, [b"literal"] * text.count(b"\0"))
        try:
            for word in words:
                getattr(arguments, word)()
        except (Malformed, CannotDo) as error:
            self.assertTrue(str(error).isascii() and str(error).isprintable())

    @settings(deadline=None)
    @given(st.binary(max_size=40).filter(lambda text: not set(text) & set(b"\0\r\n")))
    def test_any_text_can_be_quoted(self, text: bytes) -> None:
        quoted = b'"%b"' % text.replace(b"\\", b"\\\\").replace(b'"', b'\\"')
        self.assertEqual(taken("string", quoted), text)
