"""The last separator divides, if a code follows it."""

import re

from hypothesis import given
from hypothesis import strategies as some
from twisted.trial.unittest import SynchronousTestCase

from mailtwist.auth.grammar import LONGEST_CODE, split


def is_code(text: str) -> bool:
    return re.fullmatch("[0-9]{6}", text) is not None


class GrammarTests(SynchronousTestCase):
    def parts(self, secret: bytes) -> tuple[bytes, str] | None:
        found = split(secret, is_code)
        return None if found is None else (found.password, found.code)

    def test_the_code_follows_the_last_separator(self) -> None:
        self.assertEqual(self.parts(b"password@123456"), (b"password", "123456"))
        self.assertEqual(self.parts(b"p@ss@word@123456"), (b"p@ss@word", "123456"))
        self.assertEqual(self.parts(b"p@654321@123456"), (b"p@654321", "123456"))

    def test_the_password_may_be_empty_here(self) -> None:
        self.assertEqual(self.parts(b"@123456"), (b"", "123456"))

    def test_what_is_no_code_belongs_to_the_password(self) -> None:
        digits = "\N{ARABIC-INDIC DIGIT ONE}" * 6
        for secret in (
            b"password",
            b"Sup3r@Secret",
            b"p@12345",
            b"p@1234567",
            b"p@123456 ",
            b"p@ 123456",
            b"p@123456@",
            b"@",
            b"p@\xff23456",
            f"p@{digits}".encode(),
            "p\N{FULLWIDTH COMMERCIAL AT}123456".encode(),
        ):
            self.assertIsNone(self.parts(secret), secret)

    def test_nobody_is_asked_about_what_cannot_be_a_code(self) -> None:
        asked: list[str] = []
        for rest in (b"", b"x" * (LONGEST_CODE + 1), b"a b", b"\xc3\xa9"):
            split(b"p@" + rest, lambda text: not asked.append(text))
        self.assertEqual(asked, [])

    def test_a_secret_does_not_show_itself(self) -> None:
        self.assertNotIn("123456", repr(split(b"hunter2@123456", is_code)))
        self.assertNotIn("hunter2", repr(split(b"hunter2@123456", is_code)))

    @given(some.binary(max_size=60))
    def test_the_halves_make_the_whole(self, secret: bytes) -> None:
        found = split(secret, lambda text: True)
        if found is not None:
            self.assertEqual(found.password + b"@" + found.code.encode(), secret)
            self.assertNotIn("@", found.code)

    @given(some.binary(min_size=1, max_size=40), some.text("0123456789", min_size=6, max_size=6))
    def test_any_password_takes_a_code(self, password: bytes, code: str) -> None:
        self.assertEqual(self.parts(password + b"@" + code.encode()), (password, code))
