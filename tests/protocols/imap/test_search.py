"""SEARCH: what fits, and how little is read to find out."""

import base64
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailtwist.kit.trouble import Trouble
from mailtwist.mail.flags import ANSWERED, DELETED, DRAFT, FLAGGED, SEEN
from mailtwist.store.api import MessageGone
from mailtwist.testing.corpus import messages
from tests.mail.test_structure import HOSTILE
from tests.protocols.imap.asking import Client
from tests.protocols.imap.scene import BEGIN, now
from tests.protocols.imap.test_fetch import Generated

SMITH = b"""\
Date: Tue, 1 Feb 1994 23:59:59 -0800\r
From: "John Smith" <john@example.org>\r
To: ann@example.net, =?iso-8859-1?Q?J=FCrgen?= <j@example.net>\r
Cc: copy@example.net\r
Bcc: blind@example.net\r
Subject: =?utf-8?B?R3LDvMOfZQ==?= and\r
 more\r
X-Mark:\r
\r
hello world\r
"""
OTHER = b"Date: 3 Jan 93 00:00 GMT\r\nFrom: jones@example.org\r\nSubject: other\r\n\r\nbody, Smith said\r\n"
PLAIN = b"\r\nnothing above\r\n"


def client(*messages: bytes) -> Client:
    return Client(messages or (SMITH, OTHER, PLAIN))


def typed(text: bytes, type: str, encoding: str = "8bit") -> bytes:
    return f"Content-Type: {type}\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n".encode() + text


class KeyTests(SynchronousTestCase):
    def check(self, ann: Client, expected: dict[bytes, list[int]]) -> None:
        for keys, found in expected.items():
            self.assertEqual(ann.search(keys), found, keys)

    def test_flags(self) -> None:
        ann = client(*[PLAIN] * 6)
        for uid, flag in enumerate((SEEN, ANSWERED, FLAGGED, DELETED, DRAFT), 1):
            now(ann.mailbox.change_flags([uid], "add", frozenset([flag, "$Work"])))
        for number, name in enumerate((b"SEEN", b"ANSWERED", b"FLAGGED", b"DELETED", b"DRAFT"), 1):
            rest = [n for n in range(1, 7) if n != number]
            self.check(ann, {name: [number], b"UN" + name: rest, b"NOT " + name: rest})
        self.check(ann, {b"KEYWORD $Work": [1, 2, 3, 4, 5], b"UNKEYWORD $Work": [6], b"KEYWORD None": []})

    def test_keywords_in_any_case(self) -> None:
        ann = client(PLAIN, PLAIN)
        ann.ask(b"STORE 2 FLAGS ($Junk)")
        self.check(ann, {b"KEYWORD $jUNK": [2], b"UNKEYWORD $junk": [1], b"NOT KEYWORD $JUNK": [1]})

    def test_others_have_their_turn_the_sooner_the_more_is_asked(self) -> None:
        def breaths(keys: bytes) -> int:
            ann = client(*[PLAIN] * 300)
            connection = ann.wire.protocol.connection  # type: ignore[attr-defined]
            breathed: list[None] = []

            async def breathe() -> None:
                breathed.append(None)

            self.patch(connection, "breathe", breathe)
            self.assertEqual(ann.search(keys), [7])
            return len(breathed)

        self.assertEqual(breaths(b"7"), 0)
        self.assertEqual(breaths(b"OR 7 " * 400 + b"7"), 3)
        self.assertEqual(breaths(b"NOT (" * 10 + b"OR 7 " * 1300 + b"7" + b")" * 10), 9)

    def test_very_many_keys_are_not_held_against_all_of_a_long_field(self) -> None:
        ann = client(
            b"Subject: near " + b"x" * 200_000 + b" far\r\n\r\n", b"Subject: near far\r\n" * 9 + b"\r\n"
        )
        many = b"OR SUBJECT nowhere " * 700
        self.check(ann, {b"SUBJECT near": [1, 2], b"SUBJECT far": [1, 2]})
        self.check(ann, {many + b"SUBJECT near": [1, 2], many + b"SUBJECT far": [2]})
        self.check(ann, {many + b"HEADER Subject {0+}\r\n": [1, 2], many + b"HEADER To {0+}\r\n": []})

    def test_recent(self) -> None:
        ann = client(PLAIN, PLAIN)
        now(ann.mailbox.change_flags([1], "add", frozenset([SEEN])))
        self.check(ann, {b"RECENT": [1, 2], b"NEW": [2], b"OLD": []})
        self.check(Client(scene=ann.scene), {b"RECENT": [], b"NEW": [], b"OLD": [1, 2], b"NOT OLD": []})

    def test_sets(self) -> None:
        ann = client(*[PLAIN] * 5)
        now(ann.mailbox.remove([2]))
        ann.ask(b"NOOP")
        self.check(
            ann,
            {
                b"1:2,4": [1, 2, 4],
                b"*:3": [3, 4],
                b"UID 2:3": [2],
                b"UID 5,1": [1, 4],
                b"UID 77:*": [4],
                b"NOT 2:3": [1, 4],
                b"2:99": [2, 3, 4],
            },
        )
        self.assertEqual(ann.ask(b"UID SEARCH 2:3"), b"* SEARCH 3 4\r\nt9 OK SEARCH completed\r\n")
        self.check(Client([]), {b"1:*": [], b"UID *": [], b"ALL": []})

    def test_sizes_are_more_and_less_not_as_much(self) -> None:
        size = len(SMITH)
        self.check(client(SMITH), {b"LARGER %d" % size: [], b"LARGER %d" % (size - 1): [1]})
        self.check(client(SMITH), {b"SMALLER %d" % size: [], b"SMALLER %d" % (size + 1): [1]})

    def test_the_day_of_arrival_is_that_of_its_own_zone(self) -> None:
        ann = client()
        for zone in (-120, 0, 120):  # BEGIN is 01:46:40 UTC
            upload = ann.scene.account.upload("Box")
            now(upload.write(b"x"))
            now(upload.commit(frozenset(), BEGIN, zone))
        ann.ask(b"NOOP")
        self.check(
            ann,
            {
                b"UID 4:6 ON 8-Sep-2001": [4],
                b"UID 4:6 BEFORE 9-Sep-2001": [4],
                b'UID 4:6 SINCE "9-Sep-2001"': [5, 6],
                b"UID 4:6 NOT SINCE 9-sep-2001": [4],
                b"BEFORE 8-Sep-2001": [],
            },
        )

    def test_the_day_of_sending_is_that_of_the_date_field(self) -> None:
        self.check(
            client(),
            {
                b"SENTON 1-Feb-1994": [1],
                b"SENTBEFORE 1-Feb-1994": [2],
                b"SENTSINCE 1-Feb-1994": [1],
                b"SENTON 3-Jan-1993": [2],
                b"NOT SENTSINCE 1-Jan-1800": [3],
            },
        )
        for date in (b"", b"nonsense", b"31 Feb 1994 00:00", b"1 Xyz 1994", b"99999 Feb 1994", b"1 Feb"):
            self.check(client(b"Date: " + date + b"\r\n\r\n"), {b"SENTSINCE 1-Jan-1800": []})

    def test_fields_are_searched_as_they_are_read(self) -> None:
        self.check(
            client(),
            {
                b"FROM smith": [1],
                b"FROM example.ORG": [1, 2],
                b"FROM ann": [],
                b"TO {7+}\r\nJ\xc3\xbcRGEN": [1],
                b"CC copy": [1],
                b"BCC blind": [1],
                b"SUBJECT {16+}\r\ngr\xc3\xbc\xc3\x9fe and more": [1],
                b"SUBJECT =?utf-8?": [],
                b'HEADER X-MARK ""': [1],
                b'NOT HEADER X-MARK ""': [2, 3],
                b'HEADER Subject ""': [1, 2],
                b"HEADER date 93": [2],
            },
        )

    def test_case_and_accents_are_those_of_people(self) -> None:
        found = client(
            *(f"Subject: {word}\r\n\r\n".encode() for word in ("STRASSE", "Straße", "café", "cafe\u0301"))
        )
        for word, numbers in {"straße": [1, 2], "CAFÉ": [3, 4], "cafe\u0301": [3, 4], "ﬁ": []}.items():
            octets = word.encode()
            self.assertEqual(found.search(b"SUBJECT {%d+}\r\n%b" % (len(octets), octets)), numbers, word)

    def test_body_is_all_but_the_header_and_text_is_both(self) -> None:
        self.check(
            client(),
            {
                b"BODY smith": [2],
                b"TEXT smith": [1, 2],
                b"TEXT {6+}\r\nGr\xc3\xbc\xc3\x9f": [1],
                b"BODY hello": [1],
                b'BODY "o w"': [1],
                b'BODY ""': [1, 2, 3],
                b"TEXT bcc": [1],
                b"NOT TEXT smith": [3],
                b"BODY smith FROM jones": [2],
                b"OR BODY smith BODY above": [2, 3],
            },
        )

    def test_or_takes_chains_of_any_form(self) -> None:
        ann = client(*[PLAIN] * 4)
        for keys in (b"OR 1 OR 2 3", b"OR OR 1 2 3", b"OR (1) (OR 2 3)", b"OR OR 1 1 OR 2 3", b"or 1 or 2 3"):
            self.check(ann, {keys: [1, 2, 3]})
        self.check(ann, {b"OR " * 1000 + b"1 " * 999 + b"2 4": [1, 2, 4]})
        self.check(ann, {b"OR NOT 1 NOT 2 NOT NOT 3": [3], b"(1:3 (2:4)) NOT (3)": [2], b"OR 1 2 2:3": [2]})


class TextTests(SynchronousTestCase):
    def found(self, message: bytes, text: str) -> bool:
        octets = text.encode()
        return client(message).search(b"BODY {%d+}\r\n%b" % (len(octets), octets)) == [1]

    def test_transfer_encodings_and_charsets_are_undone(self) -> None:
        text = "Grüße aus München, naïve"
        latin = text.encode("latin-1")
        for message in (
            typed(text.encode(), "text/plain; charset=utf-8"),
            typed(latin, "text/plain; charset=iso-8859-1"),
            typed(base64.encodebytes(latin), 'text/html; charset="ISO-8859-1"', "BASE64"),
            typed(text.encode("utf-16"), "text/plain; charset=utf-16", "binary"),
            typed(b"Gr=C3=BC=C3=9Fe aus M=C3=BCn=\r\nchen, na=C3=AFve", "text/plain; charset=utf-8",
                  "quoted-printable"),
            typed(text.encode(), "text/plain"),
            typed(text.encode(), "application/json"),
        ):  # fmt: skip
            self.assertTrue(self.found(message, "GRÜSSE AUS münchen"), message)
            self.assertFalse(self.found(message, "Grüsse nach"), message)

    def test_parts_are_searched_wherever_they_are(self) -> None:
        inner = b"Subject: inner =?utf-8?Q?=C3=BC?=\r\n\r\ndeep\r\n"
        message = (
            b"Subject: outer\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\npreamble\r\n"
            b"--x\r\n\r\nfirst\r\n--x\r\nContent-Type: message/rfc822\r\n\r\n%b\r\n"
            b"--x\r\nContent-Type: image/png; name=cat.png\r\nContent-Transfer-Encoding: base64\r\n\r\n%b"
            b"--x--\r\nepilogue\r\n" % (inner, base64.encodebytes(b"meow"))
        )
        for text in ("first", "deep", "inner ü", "cat.png"):
            self.assertTrue(self.found(message, text), text)
        for text in ("outer", "meow", "bWVvdw", "preamble", "epilogue", "first\r\nSubject"):
            self.assertFalse(self.found(message, text), text)

    def test_a_text_is_found_across_blocks_and_not_across_parts(self) -> None:
        for at in (65_500, 65_520, 65_536, 131_060):
            text = b"x" * at + b"needle in it" + b"y" * 70_000
            self.assertTrue(self.found(typed(text, "text/plain"), "NEEDLE IN IT"), at)
        divided = (
            b"Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n\r\nnee\r\n--x\r\n\r\ndle\r\n--x--\r\n"
        )
        self.assertFalse(self.found(divided, "needle"))
        self.assertFalse(self.found(divided, "nee\r\ndle"))

    @settings(max_examples=100, deadline=None)
    @given(HOSTILE, st.sampled_from(["text", "s", "Content", "\ufffd"]))
    def test_any_octets_can_be_searched(self, message: bytes, text: str) -> None:
        self.found(message, text)

    def test_the_corpus_can_be_searched(self) -> None:
        ann = Client(messages(76))
        self.assertEqual(len(ann.search(b'TEXT ""')), 76)
        self.assertGreater(len(ann.search(b"TEXT sample-1")), 5)


class BoundsTests(SynchronousTestCase):
    def test_what_makes_no_sense_is_bad(self) -> None:
        for keys in (
            b"|XYZZY|OR|OR 1|NOT|UID|UID x|FROM|FROM {1}x|BEFORE 32-Jan-2000|BEFORE today|LARGER x|LARGER -1"
            b"|LARGER 4294967296|KEYWORD|KEYWORD \\Recent|HEADER a|()|(1|1)|1  2|1 |0|CHARSET|CHARSET UTF-8"
            b"|CHARSET UTF-8 |ALL CHARSET UTF-8 ALL|NOT  1|SEEN()"
        ).split(b"|"):
            self.assertRegex(client().ask(b"SEARCH " + keys), rb"^t\d+ BAD ", keys)

    def test_nothing_can_be_nested_or_chained_without_end(self) -> None:
        ann = client()
        for keys in (
            b"(" * 100 + b"1" + b")" * 100,
            b"NOT " * 1000 + b"1",
        ):
            self.assertRegex(ann.ask(b"SEARCH " + keys), rb"^t\d+ BAD ", keys[:20])
        for keys in (b"1 " * 5000 + b"1", b"BODY a " * 100 + b"1"):
            self.assertRegex(ann.ask(b"SEARCH " + keys), rb"^t\d+ NO \[LIMIT\] ", keys[:20])
        self.assertEqual(ann.search(b"(" * 30 + b"1" + b")" * 30), [1])

    def test_a_charset_we_do_not_know_is_no_with_those_we_like(self) -> None:
        said = b" NO [BADCHARSET (US-ASCII UTF-8)] Not with this charset\r\n"
        for name in (b"X-KLINGON", b"idna", b'"zlib"', b'""'):
            self.assertTrue(client().ask(b"SEARCH CHARSET %b ALL" % name).endswith(said), name)
        self.assertEqual(client().search(b"CHARSET utf-7 SUBJECT Gr+APwA3w-e"), [1])

    def test_who_leaves_in_the_middle_is_searched_for_no_more(self) -> None:
        content = Generated(50_000_000)
        ann = client()

        async def open(uid: int) -> Any:
            return content

        ann.mailbox.open = open
        ann.say(b"SEARCH BODY needle")
        self.assertLess(sum(count for _, count in content.reads), 1_000_000)
        ann.wire.hang_up()
        self.assertEqual(content.closed, 1)
        self.assertEqual(ann.scene.clock.reactor.getDelayedCalls(), [])

    def test_others_have_their_turn_while_many_are_looked_at(self) -> None:
        ann = client()
        for _ in range(10_000):
            ann.mailbox.add(b"", frozenset(), 0.0, 0)
        ann.ask(b"NOOP")
        ann.say(b"SEARCH SEEN")
        self.assertEqual(ann.wire.read(), b"")
        for _ in range(3):
            ann.scene.clock.advance(0)
        self.assertEqual(ann.wire.read(), b"* SEARCH\r\nt2 OK SEARCH completed\r\n")

    def test_a_message_that_goes_meanwhile_does_not_fit(self) -> None:
        ann = client()

        async def gone(uid: int) -> Any:
            raise MessageGone()

        ann.mailbox.open = gone
        self.assertEqual(ann.search(b"TEXT smith"), [])
        now(ann.mailbox.remove([1]))
        self.assertEqual(
            ann.ask(b"SEARCH ALL"), b"* SEARCH 2 3\r\nt2 OK [EXPUNGEISSUED] SEARCH completed\r\n"
        )
        self.assertEqual(
            ann.ask(b"UID SEARCH 1:2"),
            b"* SEARCH 2\r\n* 1 EXPUNGE\r\n* 2 RECENT\r\nt3 OK SEARCH completed\r\n",
        )

    def test_a_message_that_cannot_be_read_is_no(self) -> None:
        ann = client()

        async def broken(uid: int) -> Any:
            raise Trouble("4.3.0", "The disk is broken")

        ann.mailbox.open = broken
        self.assertEqual(ann.ask(b"SEARCH TEXT x"), b"t1 NO [UNAVAILABLE] The disk is broken\r\n")
