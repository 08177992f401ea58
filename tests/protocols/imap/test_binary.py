"""FETCH BINARY: parts that are larger than what is held at a time, and sizes that are known already."""

import base64
import quopri
import random
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from tests.protocols.imap.asking import Client, answers

OCTETS = random.Random(7).randbytes(400_000)
TEXT = ("Grüße, eine lange Zeile mit = und Leerzeichen am Ende \r\n" * 4_000).encode()


def message(*parts: tuple[str, bytes]) -> bytes:
    """A multipart; each part has its encoding and what that made of it."""
    lines = [b'Content-Type: multipart/mixed; boundary="=_"', b""]
    for encoding, encoded in parts:
        lines += [b"--=_", f"Content-Transfer-Encoding: {encoding}".encode(), b"", encoded]
    return b"\r\n".join([*lines, b"--=_--", b""])


BIG = message(
    ("base64", base64.encodebytes(OCTETS).replace(b"\n", b"\r\n")),
    ("quoted-printable", quopri.encodestring(TEXT.replace(b"\r\n", b"\n")).replace(b"\n", b"\r\n")),
    ("binary", OCTETS[:200_000].replace(b"\n", b"")),
    ("x-mine", b"?"),
)


class Binary(SynchronousTestCase):
    def setUp(self) -> None:
        self.client = Client([BIG, b"\r\nplain", BIG])

    def got(self, item: bytes) -> Any:
        """A literal8 is a literal for who only reads."""
        heard = self.client.ask(b"FETCH 1 " + item).replace(b" ~{", b" {", 1)
        ((_, values),) = answers(heard)
        return next(iter(values.values()))

    def test_parts_come_decoded_however_large(self) -> None:
        self.assertEqual(self.got(b"BINARY.PEEK[1]"), OCTETS)
        self.assertEqual(self.got(b"BINARY.PEEK[2]"), TEXT)
        self.assertEqual(self.got(b"BINARY.PEEK[3]"), OCTETS[:200_000].replace(b"\n", b""))

    def test_some_of_a_part_is_some_of_it_decoded(self) -> None:
        for number, whole in ((1, OCTETS), (2, TEXT), (3, OCTETS[:200_000].replace(b"\n", b""))):
            for start, count in ((0, 1), (49_000, 90_000), (len(whole) - 3, 99), (len(whole), 1), (10**9, 5)):
                found = self.got(b"BINARY.PEEK[%d]<%d.%d>" % (number, start, count))
                self.assertEqual(found, whole[start : start + count])

    def test_sizes_are_those_of_what_comes(self) -> None:
        heard = self.client.ask(b"FETCH 1 (BINARY.SIZE[1] BINARY.SIZE[2] BINARY.SIZE[7])")
        ((_, sizes),) = answers(heard)
        self.assertEqual(list(sizes.values()), [len(OCTETS), len(TEXT), 0])

    def test_a_size_is_worked_out_once(self) -> None:
        first = self.client.ask(b"FETCH 1 BINARY.SIZE[1]")

        async def never(uids: Any) -> Any:
            raise AssertionError("opened again")

        self.patch(self.client.mailbox, "open_some", never)
        self.assertEqual(self.client.ask(b"FETCH 1 BINARY.SIZE[1]")[:-30], first[:-30])

    def test_messages_before_one_that_cannot_be_decoded_are_told(self) -> None:
        heard = self.client.ask(b"UID FETCH 2:3 BINARY[4]")
        self.assertTrue(heard.startswith(b"* 2 FETCH (UID 2 BINARY[4] {0}\r\n"), heard)
        self.assertIn(b"NO [UNKNOWN-CTE]", heard)
        self.assertNotIn(b"* 3 FETCH (UID 3 BINARY", heard)

    def test_who_examines_does_not_see(self) -> None:
        self.got(b"BINARY[3]<0.1>")
        self.assertIn("\\Seen", self.client.mailbox.entry(1).flags)
        reader = Client(select=b"EXAMINE", scene=self.client.scene)
        reader.ask(b"FETCH 2 BINARY[1]")
        self.assertNotIn("\\Seen", self.client.mailbox.entry(2).flags)
