"""The header of a message that comes in pieces, and who it says wrote it."""

import re

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailtwist.delivery.authors import LONGEST, MOST, authors
from mailtwist.delivery.header import Header
from mailtwist.mail.headers import LIMIT


def passed(*chunks: bytes) -> tuple[Header, bytes]:
    header = Header()
    told = b"".join([header.see(chunk) for chunk in chunks])
    return header, told + header.finish()


class Passing(SynchronousTestCase):
    def test_return_paths_of_others_are_left_out(self) -> None:
        text = (
            b"Return-Path: <a@b>\r\nSubject: x\r\nRETURN-PATH :\r\n\t<c@d>\r\n e\r\nX-Return-Path: y\r\n"
            b"\r\nReturn-Path: body\r\n"
        )
        header, told = passed(text)
        self.assertEqual(told, b"Subject: x\r\nX-Return-Path: y\r\n\r\nReturn-Path: body\r\n")
        self.assertTrue(header.whole)

    def test_a_message_without_an_end_of_its_header_is_passed_on(self) -> None:
        for text in (b"", b"Subject: x\r\n", b"\r\n", b"\r\nReturn-Path: x\r\n", b"Subject:", b"\r\n\r"):
            header, told = passed(text)
            self.assertEqual((told, header.whole), (text, True))

    def test_a_message_without_a_header_is_no_part_of_ours(self) -> None:
        for text in (
            b"hello\r\n",
            b" (by a server you trust)\r\nSubject: x\r\n\r\nhello\r\n",
            b"\tFrom: boss@example.net\r\n",
            b": x\r\n\r\n",
            b"hello\r\nReturn-Path: x\r\n\r\nReturn-Path: y\r\n",
            b"hello" * LIMIT,
            b"\r",
        ):
            header, told = passed(text)
            self.assertEqual((told, header.octets, header.whole), (b"\r\n" + text, b"\r\n", True))

    def test_a_header_without_end_is_not_held(self) -> None:
        line = b"X: " + b"y" * 997 + b"\r\n"
        header = Header()
        told = b""
        for _ in range(2 * LIMIT // len(line)):
            told += header.see(line)
            self.assertLessEqual(len(header._held), LIMIT + len(line))
        told += header.finish()
        self.assertEqual(len(told), 2 * LIMIT // len(line) * len(line))
        self.assertFalse(header.whole)

    @settings(deadline=None)
    @given(st.data())
    def test_it_does_not_matter_where_it_is_cut(self, data: st.DataObject) -> None:
        lines = st.sampled_from([b"Return-Path: x", b" fold", b"A: b", b"", b"return-path:", b"\r", b"x\n"])
        whole = b"".join(one + b"\r\n" for one in data.draw(st.lists(lines, max_size=8)))
        cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=9)))
        chunks = [whole[a:b] for a, b in zip([0, *cuts], [*cuts, len(whole)], strict=True)]
        self.assertEqual(passed(*chunks)[1], passed(whole)[1])
        body = re.split(rb"\A\r\n|\r\n\r\n", whole, maxsplit=1)[1:]
        self.assertTrue(passed(whole)[1].endswith(b"".join(body)))


class Authors(SynchronousTestCase):
    def named(self, *lines: str) -> list[str] | None:
        found = authors("".join(f"{line}\r\n" for line in (*lines, "To: x@y.example", "")).encode())
        return None if found is None else [str(one) for one in found]

    def test_the_addresses_of_the_one_from_field(self) -> None:
        for value, found in (
            ("ann@example.org", ["ann@example.org"]),
            ("Ann <ann@Example.ORG>", ["ann@example.org"]),
            ('"a@b <c@d>" <ann@example.org> (e@f)', ["ann@example.org"]),
            ('"ann lee"@example.org', ["ann lee@example.org"]),
            ("ann@example.org, Bob <bob@example.net>", ["ann@example.org", "bob@example.net"]),
            ("\r\n ann@\r\n example.org", ["ann@example.org"]),
            ("zo\xeb@ex\xe4mple.org", ["zo\xeb@xn--exmple-cua.org"]),
            ("Ann Q. Lee (a@b) <ann@example.org>", ["ann@example.org"]),
            ("=?utf-8?q?boss=40example=2Enet?= <ann@example.org>", ["ann@example.org"]),
        ):
            self.assertEqual(self.named(f"From: {value}"), found, value)

    def test_what_could_be_read_in_another_way_is_nobodys(self) -> None:
        for value in (
            "",
            "ann",
            "<>",
            "ann@",
            "@example.org",
            "Undisclosed:;",
            "Group: ann@example.org;",
            "<ann@example.org> boss@example.net",
            "boss@example.net <ann@example.org>",
            "<boss@example.net> <ann@example.org>",
            "<@relay.example:ann@example.org>",
            "ann@example.org@example.net",
            "ann@example.org boss@example.net",
            "=?utf-8?q?boss=40example=2Enet?= ann@example.org",
            "ann@example.org =?utf-8?q?boss=40example=2Enet?=",
            "<ann@example.org> =?utf-8?q?boss=40example=2Enet?=",
            'ann@example.org "x, boss@example.net',
            "ann@example.org (x, boss@example.net",
            "ann@example.org ((x), boss@example.net",
            "<ann@example.org",
            "ann@example.org>",
            "ann @ example . org",
            "ann@example.org,",
            "ann\0@example.org",
            "ann@[example.org]",
            "a" * LONGEST + "@example.org",
            ", ".join(["ann@example.org"] * (MOST + 1)),
        ):
            self.assertIsNone(self.named(f"From: {value}"), value)

    def test_there_is_exactly_one_field(self) -> None:
        self.assertIsNone(self.named())
        self.assertIsNone(self.named("From: ann@example.org", "FROM: boss@example.org"))
        self.assertIsNone(self.named("From: ann@example.org", "From : boss@example.org"))

    def test_lines_end_in_one_way(self) -> None:
        """Others end a line or the header where we do not, and see another author (BODY=BINARYMIME)."""
        own = b"From: ann@example.org\r\n"
        for header in (
            b"X: y\rFrom: boss@example.net\r\n" + own,
            b"From: ann@example.org\n\nFrom: boss@example.net\r\n",
            own + b"X: y\n\n",
            b"\r" + own,
        ):
            self.assertIsNone(authors(header + b"\r\n"), header)

    @settings(deadline=None)
    @given(st.binary(max_size=200))
    def test_any_octets_are_somebody_or_nobody(self, octets: bytes) -> None:
        found = authors(b"From: " + octets + b"\r\n\r\n")
        for one in found or ():
            self.assertTrue(one.local and one.domain)
