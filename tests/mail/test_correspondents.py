"""Addresses as people write them, right or wrong."""

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailtwist.mail import correspondents
from mailtwist.mail.headers import value

END = (None, None, None, None)


def parsed(text: bytes) -> list[tuple[bytes | None, ...]]:
    return [(c.name, c.route, c.mailbox, c.host) for c in correspondents.parsed(value(b"To: " + text))]


def person(name: bytes | None, mailbox: bytes = b"a", host: bytes = b"b") -> tuple[bytes | None, ...]:
    return (name, None, mailbox, host)


class AddressTests(SynchronousTestCase):
    def check(self, expected: dict[bytes, list[tuple[bytes | None, ...]]]) -> None:
        for text, found in expected.items():
            self.assertEqual(parsed(text), found, text)

    def test_names_stand_before_the_address_or_in_a_comment_behind_it(self) -> None:
        self.check(
            {
                b"a@b": [person(None)],
                b"Joe <a@b>": [person(b"Joe")],
                b'"Joe" <a@b>': [person(b"Joe")],
                b'"J \\"oe\\"" X <a@b>': [person(b'J "oe" X')],
                b"Joe Q. Public <a@b>": [person(b"Joe Q. Public")],
                b"Joe\r\n\tQ <a@b>": [person(b"Joe Q")],
                b"a@b (Joe Q)": [person(b"Joe Q")],
                b"<a@b> (Joe Q)": [person(b"Joe Q")],
                b"(pre) a@b (un (nest) x\\))": [person(b"un (nest) x)")],
                b"Joe (c) Q <a@b> (d)": [person(b"Joe Q")],
                b'"" <a@b>': [person(None)],
                b"=?utf-8?Q?J=C3=BC?= <a@b>": [person(b"=?utf-8?Q?J=C3=BC?=")],
                b"J\xc3\xbc <a@b>": [person(b"J\xc3\xbc")],
            }
        )

    def test_groups_have_a_beginning_and_an_end(self) -> None:
        friends = (None, None, b"Friends", None)
        self.check(
            {
                b"Friends: a@b, Joe <a@b>;": [friends, person(None), person(b"Joe"), END],
                b"Friends:;": [friends, END],
                b"Friends: ; , a@b": [friends, END, person(None)],
                b"Friends: a@b": [friends, person(None), END],
                b"Friends: Foes: a@b;;": [friends, person(None), END],
            }
        )

    def test_routes_quotes_and_spaces_are_understood(self) -> None:
        self.check(
            {
                b"Joe <@r1,@r2:a@b>": [(b"Joe", b"@r1,@r2", b"a", b"b")],
                b'"q u\\"" @ b': [person(None, b'q u"')],
                b"a . c @ d . e": [person(None, b"a.c", b"d.e")],
                b"a@[IPv6:::1]": [person(None, b"a", b"[IPv6:::1]")],
            }
        )

    def test_what_is_broken_is_made_the_best_of(self) -> None:
        self.check(
            {
                b"lonely": [person(None, b"lonely", b"")],
                b"a b c": [person(b"a b c", b"", b"")],
                b"Joe <>": [person(b"Joe", b"", b"")],
                b"<>": [],
                b"a@b, , ,a@b,": [person(None), person(None)],
                b"": [],
                b"<a@b": [person(None)],
                b"a@b>": [person(None)],
                b"Joe@x <a@b>": [person(b"Joe@x")],
                b"Joe Public a@b": [person(b"Joe Public")],
                b"Joe <a@b> Q <c@d>": [person(b"Joe")],
                b"a@b; a@b": [person(None), person(None)],
                b"\\Joe [x <a@b>": [person(b"Joe x")],
                b"(unclosed a@b": [],
                b"@b": [person(None, b"")],
            }
        )

    @settings(max_examples=300, deadline=None)
    @given(
        st.lists(
            st.sampled_from([b'"', b"\\", b"(", b")", b"<", b">", b"@", b":", b";", b",", b"\xff", b" "])
        )
    )
    def test_any_octets_end_somehow_and_groups_are_closed(self, pieces: list[bytes]) -> None:
        found = parsed(b"a".join(pieces))
        opened = [one for one in found if one[3] is None and one[2] is not None]
        self.assertEqual(len(opened), found.count(END))

    def test_what_stands_where_an_address_might_is_not_followed_for_ever(self) -> None:
        for nothing in (b",", b";", b">"):
            near = parsed(nothing * (correspondents.STEPS - 1) + b"a@b")
            self.assertEqual(near, [(None, None, b"a", b"b")])
            self.assertEqual(parsed(nothing * (correspondents.STEPS + 1) + b"a@b"), [])

    def test_no_list_is_too_long(self) -> None:
        self.assertEqual(len(parsed(b"a@b," * 10_000)), correspondents.MOST)
        many = parsed(b"<" + b"@a," * 100_000) + parsed(b"(a" * 100_000) + parsed(b'"a' * 100_000)
        self.assertLess(len(many), 3 * correspondents.MOST)
