"""Codes of a seed, and the address that an app reads."""

from base64 import b32decode, b32encode
from urllib.parse import parse_qs, unquote, urlsplit

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailtwist.auth.otpauth import SEED_LETTERS, Codes, Issuer, address, new_secret

SEED = b"12345678901234567890"
COUNTED = (
    "755224 287082 359152 969429 338314 254676 287922 162583 399871 520489".split()
)  # rfc4226, appendix D
TIMED = {  # rfc6238, appendix B
    "SHA1": "94287082 07081804 14050471 89005924 69279037 65353130".split(),
    "SHA256": "46119246 68084774 67062674 91819424 90698825 77737706".split(),
    "SHA512": "90693936 25091201 99943326 93441116 38618901 47863826".split(),
}
TIMES = (59, 1111111109, 1111111111, 1234567890, 2000000000, 20000000000)


def base32(octets: bytes) -> str:
    return b32encode(octets).decode().rstrip("=")


class VectorTests(SynchronousTestCase):
    def test_counted_codes_are_those_of_the_rfc(self) -> None:
        codes = Codes(base32(SEED))
        self.assertEqual([codes.at(step) for step in range(10)], COUNTED)

    def test_timed_codes_are_those_of_the_rfc(self) -> None:
        for algorithm, expected in TIMED.items():
            seed = (SEED * 4)[: SEED_LETTERS[algorithm] * 5 // 8]
            codes = Codes(base32(seed), 8, algorithm)
            self.assertEqual([codes.at(time // 30) for time in TIMES], expected, algorithm)


class StepTests(SynchronousTestCase):
    codes = Codes(base32(SEED))

    def test_the_step_of_a_code_is_found(self) -> None:
        self.assertEqual(self.codes.step_of(COUNTED[7], range(10)), 7)
        self.assertIsNone(self.codes.step_of(COUNTED[7], range(7)))
        self.assertIsNone(self.codes.step_of(COUNTED[7], ()))

    def test_two_codes_have_to_follow_each_other(self) -> None:
        self.assertEqual(self.codes.step_of_two(COUNTED[4], COUNTED[5], range(1, 10)), 5)
        for first, second in ((5, 4), (4, 6), (4, 4)):
            self.assertIsNone(self.codes.step_of_two(COUNTED[first], COUNTED[second], range(1, 10)))

    def test_more_or_fewer_digits_are_another_code(self) -> None:
        eight = Codes(base32(SEED), 8)
        self.assertEqual(eight.at(0)[-6:], COUNTED[0])
        self.assertIsNone(eight.step_of(COUNTED[0], range(10)))
        self.assertIsNone(self.codes.step_of(eight.at(0), range(10)))

    def test_a_seed_has_no_repr(self) -> None:
        self.assertNotIn(base32(SEED), repr(self.codes))


class AddressTests(SynchronousTestCase):
    def test_a_seed_is_as_long_as_its_hash_and_has_no_padding(self) -> None:
        for algorithm, letters in SEED_LETTERS.items():
            secret = new_secret(algorithm)
            self.assertEqual(len(b32decode(secret + "=" * (-len(secret) % 8))), letters * 5 // 8)
            self.assertEqual(Codes(secret, 6, algorithm).at(0), Codes(secret, 6, algorithm).at(0))
            self.assertNotEqual(secret, new_secret(algorithm))

    def test_what_every_app_takes_for_granted_is_left_out(self) -> None:
        usual = {"algorithm": "SHA1", "digits": 6, "period": 30}
        self.assertEqual(
            address("totp", "Example Mail", "ann@example.org", "ABC", usual),
            "otpauth://totp/Example%20Mail:ann%40example.org?secret=ABC&issuer=Example%20Mail",
        )
        other = {"algorithm": "SHA512", "digits": 8, "period": 60}
        facts = parse_qs(urlsplit(address("totp", "x", "ann", "ABC", other)).query)
        self.assertEqual((facts["algorithm"], facts["digits"], facts["period"]), (["SHA512"], ["8"], ["60"]))

    def test_a_counter_is_always_told(self) -> None:
        self.assertIn("&counter=0", address("hotp", "x", "ann", "ABC", {"counter": 0}))

    @given(st.text(min_size=1).filter(lambda text: ":" not in text), st.text(min_size=1))
    def test_any_names_come_back_as_they_were(self, issuer: str, name: str) -> None:
        try:
            f"{issuer}{name}".encode()
        except UnicodeEncodeError:
            return
        parts = urlsplit(address("totp", issuer, name, "ABC", {}))
        self.assertEqual((parts.scheme, parts.netloc, parts.fragment), ("otpauth", "totp", ""))
        label, _, rest = parts.path.removeprefix("/").partition(":")
        self.assertEqual((unquote(label), unquote(rest)), (issuer, name))
        self.assertEqual(parse_qs(parts.query, strict_parsing=True)["issuer"], [issuer])
        self.assertNotIn(" ", parts.geturl())

    def test_an_issuer_with_a_colon_would_be_cut_by_apps(self) -> None:
        self.assertEqual(Issuer.parse("Example & Sons"), "Example & Sons")
        self.assertRaises(ValueError, Issuer.parse, "Example: Mail")
