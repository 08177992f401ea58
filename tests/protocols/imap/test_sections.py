"""Sections of messages: what is named, what lies where, what is not there."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailtwist.mail.structure import structure
from mailtwist.protocols.errors import Malformed
from mailtwist.protocols.imap.arguments import Arguments
from mailtwist.protocols.imap.fetch_items import ITEMS
from mailtwist.protocols.imap.reading import Pace, Reading, Structures
from mailtwist.protocols.imap.sections import Section, find_part
from mailtwist.store.content import Octets
from mailtwist.testing.corpus import messages
from tests.mail.test_structure import HOSTILE
from tests.protocols.imap.scene import now

NO_SECTIONS = (
    b"|[|[MIME]|[mime]|[0]|[01]|[1.]|[.1]|[.TEXT]|[1TEXT]|[1..2]|[x]|[TEXT.1]"
    b"|[HEADER.FIELDS]|[HEADER.FIELDS ()]"
    b"|[HEADER.FIELDS (A]|[HEADER (A)]|[99999999999]|[TEXT|[]<1>|[]<1.0>|[]<-1.5>|[]<1.99999999999>|[TEXT ]"
    b"|[HEADER.FIELDS  (A)]|[1.2 ]|[]<4294967296.1>"
).split(b"|")
NOT_THERE = (
    b"[5]|[1.1]|[1.1.1]|[3.3]|[3.1.1]|[4.2.2.3]|[1.HEADER]|[4.TEXT]|[9.MIME]|[4294967295]"
    b"|[1.HEADER.FIELDS (A)]|[9.HEADER.FIELDS.NOT (A)]|[]<999999.1>|[1]<4294967295.4294967295>"
).split(b"|")
SECTIONS = b"[]|[TEXT]|[HEADER]|[1]|[1.MIME]|[1.1]|[1.HEADER]|[HEADER.FIELDS (Subject)]".split(b"|")


async def nobody() -> None: ...


def opened(message: bytes, content: Any = None) -> Reading:
    return Reading(1, content or Octets(message), Structures(), Pace(nobody))


def section(text: bytes) -> Section:
    arguments = Arguments(text)
    found = Section.parse(arguments)
    arguments.end()
    return found


def octets(message: bytes, text: bytes) -> bytes:
    reading = opened(message)
    found = now(section(text).find(reading))
    return found if isinstance(found, bytes) else now(reading.octets(found.start, found.end))


class GrammarTests(SynchronousTestCase):
    def test_a_section_is_repeated_as_it_was_asked_for(self) -> None:
        for asked, told in {
            b"[]": b"[]",
            b"[1.22.3]": b"[1.22.3]",
            b"[header]<5.7>": b"[HEADER]<5>",
            b"[1.mime]": b"[1.MIME]",
            b"[2.TEXT]<0.4294967295>": b"[2.TEXT]<0>",
            b'[Header.Fields (From "To" "X Y")]': b'[HEADER.FIELDS (From To "X Y")]',
            b"[4.HEADER.FIELDS.NOT (A)]": b"[4.HEADER.FIELDS.NOT (A)]",
        }.items():
            self.assertEqual(section(asked).written(), told)

    def test_what_is_no_section_is_the_peers_fault(self) -> None:
        for text in NO_SECTIONS:
            with self.assertRaises(Malformed, msg=text):
                section(text)


class RuleTests(SynchronousTestCase):
    """The example of rfc3501#6.4.5, each part saying its number."""

    @staticmethod
    def part(type: str, body: bytes) -> bytes:
        return b"Content-Type: " + type.encode() + b"\r\n\r\n" + body

    @staticmethod
    def joined(boundary: bytes, *parts: bytes) -> bytes:
        return (
            b"".join(b"--" + boundary + b"\r\n" + p + b"\r\n" for p in parts) + b"--" + boundary + b"--\r\n"
        )

    @property
    def message(self) -> bytes:
        part, joined = self.part, self.joined
        message3 = b"Subject: 3\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n" + joined(
            b"c", part("text/plain", b"3.1"), part("application/octet-stream", b"3.2")
        )
        alternative = joined(b"f", part("text/plain", b"4.2.2.1"), part("text/richtext", b"4.2.2.2"))
        message42 = b"Subject: 4.2\r\nContent-Type: multipart/mixed; boundary=e\r\n\r\n" + joined(
            b"e", part("text/plain", b"4.2.1"), part("multipart/alternative; boundary=f", alternative)
        )
        mixed4 = joined(b"d", part("image/gif", b"4.1"), part("message/rfc822", message42))
        return b"Subject: top\r\nContent-Type: multipart/mixed; boundary=a\r\n\r\n" + joined(
            b"a",
            part("text/plain", b"1"),
            part("application/octet-stream", b"2"),
            part("message/rfc822", message3),
            part("multipart/mixed; boundary=d", mixed4),
        )

    def test_numbers_lead_to_their_parts(self) -> None:
        for number in (b"1", b"2", b"3.1", b"3.2", b"4.1", b"4.2.1", b"4.2.2.1", b"4.2.2.2"):
            self.assertEqual(octets(self.message, b"[%b]" % number), number)

    def test_parts_that_hold_parts_are_whole(self) -> None:
        self.assertTrue(octets(self.message, b"[3]").startswith(b"Subject: 3\r\nContent-Type"))
        both = octets(self.message, b"[3.HEADER]") + octets(self.message, b"[3.TEXT]")
        self.assertEqual(both, octets(self.message, b"[3]"))
        self.assertTrue(octets(self.message, b"[3.TEXT]").startswith(b"--c\r\n"))
        self.assertTrue(octets(self.message, b"[4]").startswith(b"--d\r\n"))
        self.assertTrue(octets(self.message, b"[4.2.2]").startswith(b"--f\r\n"))

    def test_mime_is_the_header_of_the_part_and_header_that_of_the_message_in_it(self) -> None:
        self.assertEqual(octets(self.message, b"[4.1.MIME]"), b"Content-Type: image/gif\r\n\r\n")
        self.assertEqual(octets(self.message, b"[4.2.MIME]"), b"Content-Type: message/rfc822\r\n\r\n")
        self.assertIn(b"Subject: 4.2\r\n", octets(self.message, b"[4.2.HEADER]"))
        self.assertEqual(octets(self.message, b"[4.2.HEADER.FIELDS (subject)]"), b"Subject: 4.2\r\n\r\n")
        rest = octets(self.message, b"[4.2.HEADER.FIELDS.NOT (subject)]")
        self.assertEqual(rest, b"Content-Type: multipart/mixed; boundary=e\r\n\r\n")

    def test_what_is_not_there_is_empty(self) -> None:
        for text in NOT_THERE:
            self.assertEqual(octets(self.message, text), b"", text)

    def test_a_message_that_is_no_multipart_has_one_part(self) -> None:
        message = b"Subject: x\r\n\r\nhello\r\n"
        self.assertEqual(octets(message, b"[1]"), b"hello\r\n")
        self.assertEqual(octets(message, b"[1.MIME]"), b"Subject: x\r\n\r\n")
        self.assertEqual(octets(message, b"[1.1]"), b"")
        self.assertEqual(octets(message, b"[2]"), b"")

    def test_a_message_in_a_message_has_parts_of_its_own(self) -> None:
        message = b"Content-Type: message/rfc822\r\n\r\nSubject: in\r\n\r\nhello\r\n"
        self.assertEqual(octets(message, b"[1]"), b"Subject: in\r\n\r\nhello\r\n")
        self.assertEqual(octets(message, b"[1.HEADER]"), b"Subject: in\r\n\r\n")
        self.assertEqual(octets(message, b"[1.1]"), b"hello\r\n")
        self.assertEqual(octets(message, b"[1.1.1]"), b"")
        self.assertEqual(octets(message, b"[HEADER]"), b"Content-Type: message/rfc822\r\n\r\n")

    def test_fields_are_told_as_they_stand(self) -> None:
        message = b"To: a\r\nX: 1\r\n folded\r\nx : 2\r\nno colon\r\n\r\nbody"
        self.assertEqual(octets(message, b"[HEADER.FIELDS (X Nope)]"), b"X: 1\r\n folded\r\nx : 2\r\n\r\n")
        self.assertEqual(octets(message, b"[HEADER.FIELDS.NOT (X)]"), b"To: a\r\nno colon\r\n\r\n")
        self.assertEqual(octets(message, b"[HEADER.FIELDS (X)]<3.4>"), b"1\r\n ")


class PropertyTests(SynchronousTestCase):
    @settings(max_examples=300, deadline=None)
    @given(HOSTILE)
    def test_header_and_text_are_the_whole(self, message: bytes) -> None:
        self.assertEqual(octets(message, b"[HEADER]") + octets(message, b"[TEXT]"), message)
        self.assertEqual(octets(message, b"[]"), message)

    @settings(max_examples=300, deadline=None)
    @given(HOSTILE, st.sampled_from(SECTIONS), st.integers(1, 30))
    def test_partials_put_together_are_the_whole(self, message: bytes, text: bytes, size: int) -> None:
        whole = octets(message, text)
        starts = range(0, len(whole) + 2 * size, size)
        pieces = [octets(message, text + b"<%d.%d>" % (start, size)) for start in starts]
        self.assertEqual(b"".join(pieces), whole)

    @settings(max_examples=300, deadline=None)
    @given(HOSTILE, st.lists(st.integers(1, 3), min_size=1, max_size=4).map(tuple))
    def test_no_number_leads_out_of_the_message(self, message: bytes, numbers: tuple[int, ...]) -> None:
        part = find_part(structure(message), numbers)
        if part is not None:
            self.assertTrue(0 <= part.start <= part.body <= part.end <= len(message))


class ReadingTests(SynchronousTestCase):
    """No octet is read twice that need not be."""

    def counted(self, message: bytes) -> tuple[Reading, list[tuple[int, int]]]:
        reads: list[tuple[int, int]] = []

        class Content:
            size = len(message)

            async def read(self, start: int, count: int) -> bytes:
                reads.append((start, count))
                return message[start : start + count]

            def close(self) -> None: ...

        return opened(message, Content()), reads

    def test_a_small_message_is_read_once_whatever_is_asked(self) -> None:
        message = messages(30)[29]
        reading, reads = self.counted(message)
        now(reading.header_end())
        now(reading.header())
        now(reading.structure())
        now(reading.structure())
        self.assertEqual(now(reading.octets(0, len(message))), message)
        self.assertEqual(reads, [(0, len(message))])

    def test_a_range_behind_the_beginning_is_read_alone(self) -> None:
        reading, reads = self.counted(b"x" * 1_000_000)
        self.assertEqual(now(reading.octets(500_000, 500_010)), b"x" * 10)
        self.assertEqual(reads, [(500_000, 10)])

    def test_blocks_are_small(self) -> None:
        reading, reads = self.counted(b"A: b\r\n" * 100_000)
        now(reading.structure())
        self.assertEqual(sum(count for _, count in reads), 600_000)
        self.assertLessEqual(max(count for _, count in reads), 65_536)

    def test_the_end_of_a_header_is_found_wherever_blocks_are_cut(self) -> None:
        for size in (*range(65_530, 65_540), *range(262_140, 262_150), 400_000, *range(524_280, 524_290)):
            for end in (b"\r\n\r\n", b"\n\n", b"\n\r\n"):
                header = b"A: " + b"x" * (size - 3) + end
                reading, _ = self.counted(header + b"body\r\n\r\n")
                self.assertEqual(now(reading.header_end()), len(header), (size, end))
        reading, _ = self.counted(b"A: b\r\n" * 100_000)
        self.assertEqual(now(reading.header_end()), 600_000)

    def test_parts_are_work_and_so_is_writing_about_them(self) -> None:
        """A small message of many parts: others have their turn in between."""
        breaths: list[None] = []

        async def breathe() -> None:
            breaths.append(None)

        message = b"Content-Type: multipart/mixed; boundary=x\r\n\r\n" + b"--x\r\n" * 2_000
        reading = Reading(1, Octets(message), Structures(), Pace(breathe))
        now(reading.structure())
        found = len(breaths)
        now(next(row for row in ITEMS if row.name == "BODYSTRUCTURE").parse(Arguments(b"")).answer(reading))
        self.assertTrue(0 < found < len(breaths) - 5, breaths)

    def test_what_is_known_of_structures_is_bounded(self) -> None:
        known = Structures()
        for uid in range(1, 10_000):
            known.put(uid, structure(b""))
        self.assertIsNone(known.get(1))
        self.assertIsNotNone(known.get(9_999))
        self.assertLessEqual(len(known._known), Structures.MOST)
