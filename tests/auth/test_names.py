"""One account, one name."""

from hypothesis import example, given
from hypothesis import strategies as some
from twisted.trial.unittest import SynchronousTestCase

from mailtwist.auth import names
from mailtwist.auth.names import LONGEST_NAME, LONGEST_SECRET, BadName, canonical, clean, login_name


class NameTests(SynchronousTestCase):
    def test_all_spellings_are_one_name(self) -> None:
        spellings = (
            "ann@example.org",
            "Ann@Example.ORG",
            "EXAMPLE\\ann@example.org",
            "\N{FULLWIDTH LATIN SMALL LETTER A}nn@example.org",
            "ann@example.org.",
            "ann@\N{FULLWIDTH LATIN SMALL LETTER E}xample.org",
        )
        for spelling in spellings:
            self.assertEqual(login_name(spelling.encode()), "ann@example.org", spelling)

    def test_a_name_without_a_domain_gets_the_default_one(self) -> None:
        self.assertEqual(login_name(b"Ann", "example.org"), "ann@example.org")
        self.assertEqual(login_name(b"CORP\\Ann", "example.org"), "ann@example.org")
        self.assertEqual(login_name(b"Ann"), "ann")
        self.assertEqual(login_name(b"ann@example.net", "example.org"), "ann@example.net")

    def test_two_people_stay_two(self) -> None:
        pairs = (
            ("stra\N{LATIN SMALL LETTER SHARP S}e@x.de", "strasse@x.de"),
            ("\N{CYRILLIC SMALL LETTER A}nn@x.de", "ann@x.de"),
            ("al@example.comice", "alice@example.com"),
            ("alice@example.comm", "alice@example.com"),
            ("x@example.org.evil", "x@example.org"),
        )
        for one, other in pairs:
            self.assertNotEqual(login_name(one.encode()), login_name(other.encode()))

    @given(some.from_regex(names._PLAIN, fullmatch=True).filter(lambda name: len(name) < 200))
    @example("A.b+c_d=e-f@Ex-ample.ORG")
    @example("a@1.2.3.4")
    def test_plain_names_are_what_the_long_way_makes_of_them(self, name: str) -> None:
        try:
            long_way = (
                f"{names._local(name.partition('@')[0])}@{names.canonical_domain(name.partition('@')[2])}"
            )
        except BadName as bad:
            self.fail(f"{name!r}: {bad}")
        self.assertEqual(canonical(name), long_way)

    def test_domains_are_compared_as_a_labels(self) -> None:
        self.assertEqual(
            login_name("u@B\N{LATIN CAPITAL LETTER U WITH DIAERESIS}cher.de".encode()), "u@xn--bcher-kva.de"
        )
        self.assertEqual(login_name(b"u@xn--bcher-kva.de"), "u@xn--bcher-kva.de")

    def test_what_can_be_nobodys_name_is_refused(self) -> None:
        names = (
            b"",
            b"@example.org",
            b"ann@",
            b"ann@ ",
            b"a b@example.org",
            b"\xff\xfe@example.org",
            "ann\N{FULLWIDTH COMMERCIAL AT}example.net@example.org".encode(),
            b"ann@example.net@example.org",
            b"CORP\\evil\\ann",
            b"ann@exa mple.org",
            b"ann@-.org",
            b"ann@a..b",
            b"ann@[192.0.2.1]",
            "\N{ZERO WIDTH SPACE}ann@example.org".encode(),
            b"x" * (LONGEST_NAME + 1),
            b"x@" + b"y." * 200 + b"z",
        )
        for name in names:
            with self.assertRaises(BadName, msg=name):
                login_name(name)

    def test_only_one_windows_domain_is_cut_off(self) -> None:
        self.assertEqual(login_name(b"CORP\\ann@example.org"), "ann@example.org")

    def test_a_windows_domain_that_is_known_is_one_of_ours(self) -> None:
        windows = {"EXAMPLE": "example.org"}
        for typed in (b"EXAMPLE\\Ann", b"example\\ann", b"EXAMPLE\\ann@example.org"):
            self.assertEqual(login_name(typed, "example.net", windows), "ann@example.org", typed)
        self.assertEqual(login_name(b"OTHER\\ann", "example.net", windows), "ann@example.net")
        self.assertEqual(login_name(b"EXAMPLE\\ann@example.com", "", windows), "ann@example.com")

    @example("\N{LATIN SMALL LETTER SHARP S}")
    @given(some.text(max_size=80))
    def test_a_canonical_name_is_canonical(self, text: str) -> None:
        try:
            once = canonical(text)
        except BadName:
            return
        self.assertEqual(canonical(once), once)
        self.assertLessEqual(once.count("@"), 1)
        # Not `text.upper()`: that turns a sharp s into "SS", and these are two people.
        shouted = "".join(letter.upper() if letter.isascii() else letter for letter in text)
        self.assertEqual(canonical(shouted), once)

    @given(some.binary(max_size=80))
    def test_any_octets_are_a_name_or_refused(self, octets: bytes) -> None:
        try:
            name = login_name(octets, "example.org")
        except BadName:
            return
        self.assertIn("@", name)
        self.assertNotIn("\\", name)


class CleanTests(SynchronousTestCase):
    def test_control_characters_are_refused_anywhere(self) -> None:
        for octet in (*range(0x20), 0x7F):
            dirty = b"a" + bytes([octet]) + b"b"
            self.assertFalse(clean(dirty, b"secret"), octet)
            self.assertFalse(clean(b"user", dirty), octet)

    def test_other_octets_may_be_in_a_secret(self) -> None:
        octets = bytes(octet for octet in range(0x20, 0x100) if octet != 0x7F)
        self.assertTrue(clean(b"user", octets))

    def test_nothing_and_too_much_are_refused(self) -> None:
        self.assertFalse(clean(b"", b"secret"))
        self.assertFalse(clean(b"user", b""))
        self.assertFalse(clean(b"u" * (LONGEST_NAME + 1), b"secret"))
        self.assertFalse(clean(b"user", b"s" * (LONGEST_SECRET + 1)))
        self.assertTrue(clean(b"u" * LONGEST_NAME, b"s" * LONGEST_SECRET))
