"""Headers in UTF-8 told in ASCII: Python's `email` reads them as people did before."""

from email import message_from_bytes
from email.policy import default

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailtwist.mail import encoded_words, surrogate

INVALID = surrogate.INVALID.decode()
FIELDS = st.sampled_from(
    ["From", "to", "CC", "Subject", "Content-Type", "Content-Disposition", "X-Any", "Größe", ""]
)
TEXT = st.text(st.sampled_from('aZ1.@,;:<>()[]"\\\t =?/éß例\U0001f600'), max_size=40)


def made(*lines: str) -> bytes:
    return surrogate.made("".join(f"{line}\r\n" for line in (*lines, "")).encode())


class Wanted(SynchronousTestCase):
    def test_only_for_utf8_that_is_not_ascii(self) -> None:
        for header, wanted in ((b"Subject: x\r\n\r\n", False), ("ß".encode(), True), (b"\xdf", False)):
            self.assertEqual(surrogate.wanted(header), wanted)


class Made(SynchronousTestCase):
    def test_ascii_fields_stay_octet_for_octet(self) -> None:
        kept = ["Received: from  x\r\n\tby y", "nonsense", "from:a@b.example"]
        self.assertEqual(made("X-Größe: 1", *kept), "".join(f"{one}\r\n" for one in (*kept, "")).encode())

    def test_a_subject_is_told_in_encoded_words(self) -> None:
        for subject in ("Grüße", "日本語 " * 40, "=?utf-8?Q?Gr=C3=BC?= ß", "😀" * 100):
            header = made(f"Subject: {subject}", "")
            self.assertTrue(header.isascii())
            self.assertLessEqual(max(map(len, header.split(b"\r\n"))), 76 + len("Subject: "))
            read = message_from_bytes(header, policy=default)["subject"]
            self.assertEqual(read.strip(), encoded_words.decoded(subject.strip().encode()))

    def test_people_keep_their_names_and_the_addresses_that_they_can(self) -> None:
        header = made('To: "J. Ü" <j@x.example>, 用户@例え.jp, Ann <ann@x.example>, é@x.example (Zoé)')
        to = message_from_bytes(header, policy=default)["to"]
        self.assertEqual(
            [(one.display_name, one.addr_spec) for one in to.addresses],
            [
                ("J. Ü", "j@x.example"),
                ("<用户@例え.jp>", INVALID),
                ("Ann", "ann@x.example"),
                ("Zoé <é@x.example>", INVALID),
            ],
        )

    def test_groups_stay_groups(self) -> None:
        header = made("To: a@x.example, Gäste: b@x.example, ü@x.example;, c@x.example", "Cc: ß:;")
        to = message_from_bytes(header, policy=default)["to"]
        self.assertEqual([group.display_name for group in to.groups], [None, "Gäste", None])
        self.assertEqual([len(group.addresses) for group in to.groups], [1, 2, 1])
        self.assertIn(b"Cc: =?utf-8?B?w58=?=:;\r\n", header)

    def test_quoted_mailboxes_stay_quoted(self) -> None:
        self.assertIn(b'<"a b\\"c"@x.example>', made('From: Ü <"a b\\"c"@x.example>'))

    def test_parameters_that_cannot_be_told_are_left_out(self) -> None:
        header = made('Content-Type: text/plain; charset=utf-8; name="größe\\"; format=flowed', "Subject: x")
        self.assertIn(b"Content-Type: text/plain", header)
        header = made("Content-Disposition: attachment; size=3; filename=größe.txt")
        self.assertEqual(header, b'Content-Disposition: attachment;\r\n size="3"\r\n\r\n')
        self.assertEqual(made("Content-Type: größe/x", "Content-Type: tè"), b"\r\n")

    def test_without_an_empty_line_there_is_none(self) -> None:
        self.assertEqual(surrogate.made("Subject: ß\r\nX: y".encode()), b"Subject: =?utf-8?B?w58=?=\r\nX: y")

    @settings(deadline=None, max_examples=200)
    @given(st.lists(st.tuples(FIELDS, TEXT), max_size=6))
    def test_whatever_stands_there_it_becomes_ascii_in_lines(self, fields: list[tuple[str, str]]) -> None:
        header = made(*(f"{name}: {text}" for name, text in fields))
        self.assertTrue(header.isascii())
        self.assertTrue(header.endswith(b"\r\n"))
        self.assertEqual(header.count(b"\n"), header.count(b"\r\n"))
