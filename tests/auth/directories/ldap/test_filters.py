"""Filters: read once, encoded with values that stay values."""

from hypothesis import given
from hypothesis import strategies as some
from pyasn1.codec.ber import decoder
from pyasn1_modules import rfc2251
from twisted.trial.unittest import SynchronousTestCase

from mailtwist.auth.directories.ldap.filters import DEEPEST, LONGEST, Filter, both

HOSTILE = "*)(uid=*))(|(uid=*\\2a\x00"


def understood(octets: bytes) -> rfc2251.Filter:
    """As another implementation reads it, which knows three levels."""
    read, rest = decoder.decode(octets, asn1Spec=rfc2251.Filter())
    assert not rest
    return read


class FilterTests(SynchronousTestCase):
    def test_a_comparison_has_its_value(self) -> None:
        read = understood(Filter.parse("(uid={local})").encoded(local=HOSTILE))
        self.assertEqual(read.getName(), "equalityMatch")
        self.assertEqual(bytes(read["equalityMatch"]["attributeDesc"]), b"uid")
        self.assertEqual(bytes(read["equalityMatch"]["assertionValue"]), HOSTILE.encode())

    def test_an_asterisk_in_a_value_is_none_in_the_filter(self) -> None:
        read = understood(Filter.parse("(mail=*x{name}y*)").encoded(name="a*b"))
        pieces = [bytes(one.getComponent()) for one in read["substrings"]["substrings"]]
        self.assertEqual(pieces, [b"xa*by"])

    def test_all_kinds_are_read(self) -> None:
        kinds = {
            "(a=*)": "present",
            "(a>=1)": "greaterOrEqual",
            "(a<=1)": "lessOrEqual",
            "(a~=1)": "approxMatch",
            "(a=x*)": "substrings",
            "(a=*x*y*)": "substrings",
            "(a:1.2.3:=x)": "extensibleMatch",
            "(:dn:caseExactMatch:=x)": "extensibleMatch",
            "(&(a=b)(c=d))": "and",
            "(|(a=b))": "or",
            "(!(a=b))": "not",
            "(& (a=b)\n  (c=d) )": "and",
        }
        for text, kind in kinds.items():
            self.assertEqual(understood(Filter.parse(text).encoded()).getName(), kind, text)

    def test_a_matching_rule_has_its_parts(self) -> None:
        filter = Filter.parse("(member:1.2.840.113556.1.4.1941:={dn})")
        read = understood(filter.encoded(dn="cn=a"))["extensibleMatch"]
        its = tuple(bytes(read[name]) for name in ("matchingRule", "type", "matchValue"))
        self.assertEqual(its, (b"1.2.840.113556.1.4.1941", b"member", b"cn=a"))

    def test_escapes_are_octets(self) -> None:
        read = understood(Filter.parse(r"(cn=\2a\28\c3\a9\7bname\7d)").encoded())
        self.assertEqual(bytes(read["equalityMatch"]["assertionValue"]), b"*(\xc3\xa9{name}")

    def test_what_is_no_filter_is_refused(self) -> None:
        broken = (
            "",
            "(",
            "()",
            "(uid)",
            "uid=a",
            "(uid=a",
            "(uid=a))",
            "((uid=a))",
            "(&)",
            "(|)",
            "(!)",
            "(=a)",
        )
        broken += (
            "(uid=a(b)",
            "(uid={local)",
            "(uid=\\zz)",
            "(uid=\\2)",
            "(:=a)",
            "(a>=*)",
            "(uid=a)(uid=b)",
        )
        broken += ("(a=\x00)", "(a b=c)", "(!(a=b)(c=d))")
        for text in broken:
            with self.assertRaises(ValueError, msg=text) as raised:
                Filter.parse(text)
            self.assertIn("is not a filter", str(raised.exception))

    def test_depth_and_length_are_bounded(self) -> None:
        for text in ("(!" * DEEPEST + "(a=b)" + ")" * DEEPEST, f"(a={'b' * LONGEST})", "(&" * 100_000):
            with self.assertRaises(ValueError):
                Filter.parse(text)

    def test_its_places_are_known(self) -> None:
        filter = both(Filter.parse("(a=b)"), Filter.parse("(|(uid={local})(mail=x{name}y))"))
        self.assertEqual(filter.places, {"local", "name"})
        self.assertEqual(
            Filter.parse(str(filter)).encoded(local="l", name="n"), filter.encoded(local="l", name="n")
        )
        with self.assertRaises(KeyError):
            filter.encoded(local="l")

    @given(some.text(max_size=400))
    def test_any_value_stays_one(self, value: str) -> None:
        octets = (
            value.encode("utf-8", "surrogateescape")
            if value.isprintable()
            else value.encode("utf-8", "replace")
        )
        read = understood(Filter.parse("(&(a=b)(uid={local}))").encoded(local=octets))
        self.assertEqual(len(read["and"]), 2)
        values = {bytes(one["equalityMatch"]["assertionValue"]) for one in read["and"]}
        self.assertEqual(values, {b"b", octets})

    @given(some.text(alphabet="()&|!=*\\{}az:0 ", max_size=60))
    def test_any_text_is_a_filter_or_refused(self, text: str) -> None:
        try:
            filter = Filter.parse(text)
        except ValueError:
            return
        filter.encoded(**dict.fromkeys(filter.places, "x"))
