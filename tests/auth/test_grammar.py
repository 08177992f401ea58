"""How a code stands beside a password, in each domain's way."""

import re

from hypothesis import example, given
from hypothesis import strategies as some
from twisted.trial.unittest import SynchronousTestCase

from mailtwist.auth.grammar import LONGEST_CODE, Cut, Grammar, Grammars, bare, halves
from mailtwist.config.domain import SEPARATORS, DomainSettings, Separator
from mailtwist.config.login import LoginSettings

LONG = "ABCD-EFGH-2345"
TYPED = "cccjgjgkhcbbirdrfdnlnghhfgrtnnlgedjlftrbdeut"
LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
GRAMMARS = (
    *(Grammar(bytes([octet]), before) for octet in SEPARATORS.encode() for before in (False, True)),
    *(Grammar(b"", before, digits) for before in (False, True) for digits in (6, 8)),
)
digits = some.text("0123456789", min_size=6, max_size=6)
long_codes = some.lists(some.text(LETTERS, min_size=4, max_size=4), min_size=3, max_size=3)


def is_code(text: str) -> bool:
    """Codes of six or eight digits, those typed once, with hyphens or without, and what keys type."""
    letters = "[A-HJ-NP-Z2-9]{4}"
    forms = f"[0-9]{{6}}([0-9]{{2}})?|{letters}-?{letters}-?{letters}|[cbdefghijklnrtuv]{{44}}"
    return re.fullmatch(forms, text) is not None


def parts(grammar: Grammar, secret: bytes) -> tuple[bytes, str] | None:
    found = grammar.split(secret, is_code)
    return None if found is None else (found.password, found.code)


def written(grammar: Grammar, password: bytes, code: str) -> bytes:
    """As somebody types it."""
    octets = code.encode()
    both = (octets, password) if grammar.before else (password, octets)
    return grammar.separator.join(both)


class SeparatorTests(SynchronousTestCase):
    def parts(self, secret: bytes) -> tuple[bytes, str] | None:
        return parts(Grammar(), secret)

    def test_the_code_follows_the_last_separator(self) -> None:
        self.assertEqual(self.parts(b"password@123456"), (b"password", "123456"))
        self.assertEqual(self.parts(b"p@ss@word@123456"), (b"p@ss@word", "123456"))
        self.assertEqual(self.parts(b"p@654321@123456"), (b"p@654321", "123456"))

    def test_longer_codes_have_hyphens_or_not(self) -> None:
        for code in (LONG, LONG.replace("-", "")):
            self.assertEqual(self.parts(b"p@ss@" + code.encode()), (b"p@ss", code))

    def test_the_password_may_be_empty_here(self) -> None:
        self.assertEqual(self.parts(b"@123456"), (b"", "123456"))

    def test_what_is_no_code_belongs_to_the_password(self) -> None:
        arabic = "\N{ARABIC-INDIC DIGIT ONE}" * 6
        for secret in (
            b"password",
            b"123456",
            b"Sup3r@Secret",
            b"p@12345",
            b"p@1234567",
            b"p@123456 ",
            b"p@ 123456",
            b"p@123456@",
            b"p,123456",
            b"@",
            b"p@\xff23456",
            f"p@{arabic}".encode(),
            "p\N{FULLWIDTH COMMERCIAL AT}123456".encode(),
            "p\N{SMALL COMMERCIAL AT}123456".encode(),
        ):
            self.assertIsNone(self.parts(secret), secret)

    def test_nobody_is_asked_about_what_cannot_be_a_code(self) -> None:
        asked: list[str] = []
        for rest in (b"", b"x" * (LONGEST_CODE + 1), b"a b", b"\xc3\xa9"):
            Grammar().split(b"p@" + rest, lambda text: not asked.append(text))
        self.assertEqual(asked, [])

    def test_a_secret_does_not_show_itself(self) -> None:
        told = repr(Grammar().split(b"hunter2@123456", is_code))
        self.assertNotIn("123456", told)
        self.assertNotIn("hunter2", told)

    def test_a_code_before_the_password_ends_at_the_first_separator(self) -> None:
        before = Grammar(b"@", before=True)
        self.assertEqual(parts(before, b"123456@p@ss@word"), (b"p@ss@word", "123456"))
        self.assertEqual(parts(before, b"123456@654321@"), (b"654321@", "123456"))
        self.assertEqual(parts(before, f"{LONG}@p".encode()), (b"p", LONG))
        for secret in (b"password@123456", b"p@ss@123456", b"123456"):
            self.assertIsNone(parts(before, secret), secret)


class NoSeparatorTests(SynchronousTestCase):
    def test_the_last_digits_are_the_code(self) -> None:
        none = Grammar(b"")
        self.assertEqual(parts(none, b"password123456"), (b"password", "123456"))
        self.assertEqual(parts(none, b"pin99123456"), (b"pin99", "123456"))
        self.assertEqual(parts(none, b"123456"), (b"", "123456"))
        self.assertEqual(parts(Grammar(b"", digits=8), b"pin99123456"), (b"pin", "99123456"))
        self.assertEqual(parts(Grammar(b"", before=True), b"123456pin99"), (b"pin99", "123456"))

    def test_longer_codes_are_known_by_their_hyphens_alone(self) -> None:
        """Else `secretABCDEF` with the code `234567` could be `secret` with `ABCDEF234567`."""
        none = Grammar(b"")
        self.assertEqual(parts(none, f"password{LONG}".encode()), (b"password", LONG))
        self.assertEqual(parts(none, b"secretABCDEF234567"), (b"secretABCDEF", "234567"))
        self.assertIsNone(parts(none, b"passwordABCDEFGH2345"))
        self.assertEqual(parts(Grammar(b"", before=True), f"{LONG}password".encode()), (b"password", LONG))

    def test_what_a_key_types_is_known_by_its_letters(self) -> None:
        none = Grammar(b"")
        self.assertEqual(parts(none, f"password{TYPED}".encode()), (b"password", TYPED))
        self.assertEqual(parts(Grammar(b"", before=True), f"{TYPED}password".encode()), (b"password", TYPED))
        for other in (TYPED[1:], TYPED[:-1] + "a", TYPED.upper()):
            self.assertIsNone(parts(none, b"!" + other.encode()), other)

    def test_too_little_is_no_code(self) -> None:
        for secret in (b"", b"12345", b"password", b"ABCD-EFGH-234", b"\xd9\xa1\xd9\xa1\xd9\xa1"):
            self.assertIsNone(parts(Grammar(b""), secret), secret)


class EveryGrammarTests(SynchronousTestCase):
    @given(some.sampled_from(GRAMMARS), some.binary(min_size=1, max_size=40), digits, long_codes)
    def test_any_password_takes_a_code(
        self, grammar: Grammar, password: bytes, short: str, long: list[str]
    ) -> None:
        for code in (short + "00" * (grammar.digits == 8), "-".join(long)):
            secret = written(grammar, password, code)
            self.assertEqual(parts(grammar, secret), (password, code))

    @given(some.sampled_from(GRAMMARS), some.binary(max_size=60))
    def test_what_is_cut_off_and_the_password_make_the_whole(self, grammar: Grammar, secret: bytes) -> None:
        found = grammar.split(secret, lambda text: True)
        if found is not None:
            self.assertEqual(written(grammar, found.password, found.code), secret)
            self.assertEqual(found.cut.password(secret), found.password)
            self.assertEqual(bare(secret, (found.cut.front, found.cut.back)), found.password)

    @given(some.binary(max_size=40), some.integers(0, 60), some.integers(0, 60))
    def test_a_cut_never_leaves_more_than_there_is(self, secret: bytes, front: int, back: int) -> None:
        left = Cut(front, back).password(secret)
        self.assertEqual(len(left), max(0, len(secret) - front - back))
        self.assertIn(left, secret)

    def test_what_was_remembered_without_a_cut_had_its_code_behind_the_last_at(self) -> None:
        self.assertEqual(bare(b"p@ss@123456", None), b"p@ss")

    @given(
        some.sampled_from(GRAMMARS),
        some.binary(min_size=1, max_size=40).filter(lambda one: one != b"@"),
        digits,
    )
    @example(Grammar(b"", digits=8), b"password", "123456")  # both halves are as long as a code
    def test_the_halves_are_known_whatever_the_grammar(
        self, grammar: Grammar, password: bytes, code: str
    ) -> None:
        for one in (code + "00" * (grammar.digits == 8), TYPED):
            found = halves(written(grammar, password, one))
            self.assertIn(password, found)
            self.assertIn(one.encode(), found)
            self.assertNotIn(b"", found)


class GrammarsTests(SynchronousTestCase):
    def setUp(self) -> None:
        domains = {
            "none.example": DomainSettings(separator=Separator(), digits=8),
            "first.example": DomainSettings(code="before"),
        }
        self.grammars = Grammars(LoginSettings(separator=Separator(",")), domains)

    def test_a_domain_has_its_own(self) -> None:
        self.assertEqual(self.grammars.of("none.example"), Grammar(b"", digits=8))

    def test_what_a_domain_does_not_say_is_as_in_login(self) -> None:
        self.assertEqual(self.grammars.of("first.example"), Grammar(b",", before=True))
        for other in ("example.org", ""):
            self.assertEqual(self.grammars.of(other), Grammar(b","))

    def test_a_secret_is_split_as_its_domain_has_it(self) -> None:
        for domain, secret in (
            ("none.example", b"p@ss12345678"),
            ("first.example", b"12345678,p@ss"),
            ("example.org", b"p@ss,12345678"),
        ):
            found = self.grammars.split(domain, secret, is_code)
            assert found is not None
            self.assertEqual((found.password, found.code), (b"p@ss", "12345678"))
            for other in {"none.example", "first.example", "example.org"} - {domain}:
                self.assertIsNone(self.grammars.split(other, secret[:-1], is_code))
