"""Any octets have a structure, and mail has the right one."""

import email
import email.policy
from email.message import Message
from mmap import mmap

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailtwist.mail import headers, structure
from mailtwist.mail.structure import DEPTH, FIELDS, PARTS, Part, StructureParser
from mailtwist.testing.corpus import messages

MIXED = b"Content-Type: multipart/mixed; boundary=x\r\n\r\n"


def everyone(part: Part) -> list[Part]:
    return [part, *(one for inner in part.parts for one in everyone(inner))]


def body(message: bytes, part: Part) -> bytes:
    return message[part.body : part.end]


def header(message: bytes, part: Part) -> bytes:
    return message[part.start : part.body]


def kinds(part: Part) -> object:
    kind = f"{part.type.decode()}/{part.subtype.decode()}"
    return [kind, *map(kinds, part.parts)] if part.parts else kind


class Seen:
    """What a watcher was shown."""

    def __init__(self) -> None:
        self.headers: dict[int, bytes] = {}
        self.bodies: dict[int, bytes] = {}

    def header(self, part: Part, octets: bytes) -> None:
        self.headers[id(part)] = octets

    def body(self, part: Part, octets: bytes) -> None:
        self.bodies[id(part)] = self.bodies.get(id(part), b"") + octets


# Pieces that bring a parser into every state, in any order.
PIECES = st.sampled_from(
    [
        b"Content-Type: multipart/mixed; boundary=x\r\n",
        b'Content-Type: multipart/digest;\r\n boundary="xy"\r\n',
        b"Content-Type: message/rfc822\r\n",
        b"Content-Type: text/plain\r\n",
        b"Subject: s\r\n",
        b"\r\n",
        b"\n",
        b"\r",
        b"--x\r\n",
        b"--x--\r\n",
        b"--xy\r\n",
        b"--xy--",
        b"--",
        b"text",
        b"\0",
        b"\xff",
        b" ",
    ]
)
HOSTILE = st.lists(PIECES, max_size=40).map(b"".join) | st.binary(max_size=200)


class PropertyTests(SynchronousTestCase):
    @settings(max_examples=400, deadline=None)
    @given(HOSTILE, st.integers(1, 50))
    def test_any_octets_have_a_structure_that_lies_within_them(self, message: bytes, block: int) -> None:
        root = structure.structure(message)
        self.assertEqual((root.start, root.end), (0, len(message)))
        self.assertEqual(header(message, root) + body(message, root), message)
        for part in everyone(root):
            self.assertTrue(0 <= part.start <= part.body <= part.end <= len(message), part)
            self.assertEqual(part.lines, body(message, part).count(b"\n"))
            at = part.body
            for inner in part.parts:
                self.assertTrue(at <= inner.start and inner.end <= part.end)
                at = inner.end

    @settings(max_examples=200, deadline=None)
    @given(HOSTILE, st.integers(1, 50))
    def test_the_size_of_blocks_makes_no_difference(self, message: bytes, block: int) -> None:
        seen, seen_whole = Seen(), Seen()
        parser = StructureParser(seen)
        for start in range(0, len(message), block):
            parser.feed(message[start : start + block])
        found = parser.finish()
        parser = StructureParser(seen_whole)
        parser.feed(message)
        self.assertEqual(outline(parser.finish()), outline(found))
        self.assertEqual(outline(structure.structure(message, block)), outline(found))
        self.assertEqual(list(seen.headers.values()), list(seen_whole.headers.values()))
        self.assertEqual(list(seen.bodies.values()), list(seen_whole.bodies.values()))

    def test_real_mail_can_be_cut_anywhere(self) -> None:
        for message in messages(38):
            if len(message) < 8_000:
                whole = outline(structure.structure(message))
                for block in (1, 2, 3, 5, 64, 997):
                    self.assertEqual(outline(structure.structure(message, block)), whole)

    @settings(max_examples=200, deadline=None)
    @given(HOSTILE)
    def test_a_watcher_sees_each_header_and_each_leaf_once(self, message: bytes) -> None:
        seen = Seen()
        parser = StructureParser(seen)
        parser.feed(message)
        for part in everyone(parser.finish()):
            self.assertEqual(seen.headers[id(part)], header(message, part))
            leaf = not part.multipart and not part.message
            self.assertEqual(seen.bodies.get(id(part), b""), body(message, part) if leaf else b"")


def outline(part: Part) -> object:
    return (
        part.start,
        part.body,
        part.end,
        part.lines,
        part.fields,
        [outline(inner) for inner in part.parts],
    )


class OracleTests(SynchronousTestCase):
    """Well-formed mail, as the standard library sees it."""

    def test_the_corpus_has_the_parts_that_python_finds(self) -> None:
        compared = 0
        for message in messages():
            root = structure.structure(message)
            if root.multipart and not root.parts:
                continue  # no boundary: Python makes text of it
            theirs = email.message_from_bytes(message, policy=email.policy.compat32)
            if theirs.defects or b"x\r\nnot --=_" in message:
                continue  # RFC 2046 wants the beginning of a line compared, Python all of it
            self._same(message, root, theirs)
            compared += 1
        self.assertGreater(compared, 150)

    def _same(self, message: bytes, ours: Part, theirs: Message) -> None:
        self.assertEqual(f"{ours.type.decode()}/{ours.subtype.decode()}".lower(), theirs.get_content_type())
        known = ours.parameter(b"charset")
        self.assertEqual(known and known.decode(), theirs.get_param("charset"))
        if ours.subtype == b"delivery-status":
            return  # in Python, these have parts
        if theirs.is_multipart():
            inner = theirs.get_payload()
            self.assertEqual(len(ours.parts), len(inner))
            for part, their in zip(ours.parts, inner, strict=True):
                self._same(message, part, their)
        else:
            text = theirs._payload.encode("ascii", "surrogateescape")
            self.assertEqual(body(message, ours), text)


class ShapeTests(SynchronousTestCase):
    def found(self, message: bytes) -> Part:
        return structure.structure(message)

    def test_a_message_without_anything(self) -> None:
        self.assertEqual(outline(self.found(b"")), (0, 0, 0, 0, {}, []))

    def test_a_header_without_body(self) -> None:
        root = self.found(b"Subject: x\r\n")
        self.assertEqual((root.body, root.end, root.fields), (12, 12, {b"subject": b"x"}))

    def test_a_body_without_header(self) -> None:
        root = self.found(b"\r\nhello\r\n")
        self.assertEqual((root.body, root.end, root.lines), (2, 9, 1))

    def test_a_line_without_colon_does_not_end_the_header(self) -> None:
        root = self.found(b"no colon\r\n folded\r\nContent-Type : text/html\r\n\r\nx")
        self.assertEqual(kinds(root), "text/html")

    def test_the_line_end_before_a_boundary_belongs_to_it(self) -> None:
        message = MIXED + b"--x\r\n\r\nhello\r\n--x--\r\n"
        (part,) = self.found(message).parts
        self.assertEqual((body(message, part), part.lines), (b"hello", 0))

    def test_parts_may_be_empty(self) -> None:
        message = MIXED + b"--x\r\n--x\r\n\r\n--x\r\nA: b\r\n--x\r\nA: b\r\n\r\n--x--\r\n"
        parts = self.found(message).parts
        self.assertEqual([header(message, p) for p in parts], [b"", b"\r\n", b"A: b", b"A: b\r\n\r\n"])
        self.assertEqual([body(message, p) for p in parts], [b"", b"", b"", b""])

    def test_a_boundary_is_the_beginning_of_a_line_the_longest_that_fits(self) -> None:
        inner = b"--x\r\nContent-Type: multipart/mixed; boundary=xy\r\n\r\n--xy\r\n\r\na\r\n--xy--\r\n"
        root = self.found(MIXED + inner + b"--xz\r\n\r\nb\r\n--x--\r\n")
        self.assertEqual(kinds(root), ["multipart/mixed", ["multipart/mixed", "text/plain"], "text/plain"])

    def test_of_equal_boundaries_the_innermost_counts(self) -> None:
        inner = b"--x\r\nContent-Type: multipart/alternative; boundary=x\r\n\r\n--x\r\n\r\na\r\n--x--\r\n"
        root = self.found(MIXED + inner + b"--x\r\n\r\nb\r\n--x--\r\n")
        self.assertEqual(
            kinds(root), ["multipart/mixed", ["multipart/alternative", "text/plain"], "text/plain"]
        )

    def test_an_outer_boundary_ends_a_part_that_was_not_closed(self) -> None:
        inner = b"--x\r\nContent-Type: multipart/alternative; boundary=y\r\n\r\n--y\r\n\r\na\r\n"
        message = MIXED + inner + b"--x\r\n\r\nb\r\n--x--\r\n"
        root = self.found(message)
        self.assertEqual(
            kinds(root), ["multipart/mixed", ["multipart/alternative", "text/plain"], "text/plain"]
        )
        self.assertEqual(body(message, root.parts[0].parts[0]), b"a")

    def test_nothing_begins_behind_the_closing_boundary(self) -> None:
        root = self.found(MIXED + b"--x\r\n\r\na\r\n--x--\r\n--x\r\n\r\nb\r\n")
        self.assertEqual(kinds(root), ["multipart/mixed", "text/plain"])

    def test_parts_of_a_digest_are_messages_unless_they_say_otherwise(self) -> None:
        parts = b"--x\r\n\r\nSubject: s\r\n\r\na\r\n--x\r\nContent-Type: text/plain\r\n\r\nb\r\n--x--\r\n"
        root = self.found(MIXED.replace(b"mixed", b"Digest") + parts)
        self.assertEqual(kinds(root), ["multipart/Digest", ["message/rfc822", "text/plain"], "text/plain"])
        self.assertEqual(root.parts[0].parts[0].fields, {b"subject": b"s"})

    def test_a_multipart_without_boundary_has_no_parts(self) -> None:
        for said in (b"", b"; boundary", b"; boundary=" + b"x" * 2000):
            root = self.found(b"Content-Type: multipart/mixed%b\r\n\r\n--x\r\n\r\na\r\n--x--\r\n" % said)
            self.assertEqual(kinds(root), "multipart/mixed")

    def test_nonsense_is_plain_text(self) -> None:
        for said in (b"text", b"", b"/", b"text/", b"multipart/mixed boundary=x", b"\xff", b'"text/html"'):
            root = self.found(b"Content-Type: %b\r\n\r\n--x\r\n\r\na\r\n--x--\r\n" % said)
            self.assertEqual(kinds(root), "text/plain", said)

    def test_bare_line_feeds_divide_too(self) -> None:
        message = MIXED.replace(b"\r", b"") + b"--x\n\nhello\n--x--\n"
        (part,) = self.found(message).parts
        self.assertEqual(body(message, part), b"hello")

    def test_a_memoryview_or_a_mapped_file_will_do(self) -> None:
        message = messages(40)[29]
        mapped = mmap(-1, len(message))
        mapped[:] = message
        for other in (memoryview(message), mapped):
            self.assertEqual(outline(structure.structure(other)), outline(self.found(message)))

    def test_all_that_is_said_of_a_part_is_kept_as_written(self) -> None:
        root = self.found(
            b"Content-type: TEXT/Html; CHARSET=\"Utf-8\"; name*0*=utf-8'de'Gr%C3; name*1=x\r\n"
            b"Content-ID: <a@b> (c)\r\nContent-Transfer-Encoding: BASE64 (c)\r\nContent-ID: second\r\n\r\n"
        )
        self.assertEqual((root.type, root.subtype, root.encoding), (b"TEXT", b"Html", b"BASE64"))
        names = ((b"CHARSET", b"Utf-8"), (b"name*0*", b"utf-8'de'Gr%C3"), (b"name*1", b"x"))
        self.assertEqual(root.parameters, names)
        self.assertEqual(root.fields[b"content-id"], b"<a@b> (c)")
        self.assertEqual(root.parameter(b"charset"), b"Utf-8")


class BoundsTests(SynchronousTestCase):
    def test_parts_have_a_number_that_is_enough(self) -> None:
        root = structure.structure(MIXED + b"--x\r\n" * (3 * PARTS))
        self.assertEqual(root.count(), PARTS)
        self.assertEqual(root.parts[-1].end, root.end)

    def test_depth_is_enough_at_some_point(self) -> None:
        nested = b"".join(MIXED.replace(b"=x", b"=x%d" % n) + b"--x%d\r\n" % n for n in range(3 * DEPTH))
        for message in (nested, b"Content-Type: message/rfc822\r\n\r\n" * (3 * DEPTH)):
            root, depth = structure.structure(message), 0
            while root.parts:
                root, depth = root.parts[0], depth + 1
            self.assertEqual(depth, DEPTH)

    def test_no_octet_is_copied_or_looked_at_more_often_because_a_message_is_longer(self) -> None:
        """The parser's own record: octets it was given again, which is what becomes quadratic."""
        deep = b"".join(MIXED.replace(b"=x", b"=x%d" % n) + b"--x%d\r\n" % n for n in range(40))
        for line in (b"--y\r\n", b"--x1", b"y" * 70 + b"\r\n", b"\n", b"\r\n-", b"A: b\r\n"):
            for start in (b"", MIXED, deep):
                again = [kept_again(start + line * (size // len(line))) for size in (100_000, 400_000)]
                self.assertLess(again[1], 5 * again[0] + 4 * len(deep), (line, start[:20]))

    def test_what_parts_say_is_kept_up_to_a_limit(self) -> None:
        part = b"--x\r\nContent-Type: text/html\r\nContent-Description: %b\r\n\r\n" % (b"d" * 10_000)
        root = structure.structure(MIXED + part * 200)
        kept = sum(len(value) for one in everyone(root) for value in one.fields.values())
        self.assertLess(kept, FIELDS + 20_000)
        self.assertEqual({one.subtype for one in root.parts}, {b"html"})

    def test_a_header_without_end_is_kept_up_to_the_limit(self) -> None:
        seen = Seen()
        parser = StructureParser(seen)
        for _ in range(20):
            parser.feed(b"A: b\r\n" * 10_000)
        root = parser.finish()
        self.assertEqual((root.body, root.end), (1_200_000, 1_200_000))
        self.assertEqual(len(seen.headers[id(root)]), headers.LIMIT)


def kept_again(message: bytes) -> int:
    parser, again = StructureParser(), 0
    for start in range(0, len(message), 1000):
        parser.feed(message[start : start + 1000])
        again += len(parser._data) - parser._look
    parser.finish()
    return again
