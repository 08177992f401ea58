"""Message sets, mailbox names and patterns."""

import re

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailtwist.protocols.errors import Malformed
from mailtwist.protocols.imap.arguments import Arguments
from mailtwist.protocols.imap.mailbox_name import quoted
from mailtwist.protocols.imap.message_set import MessageSet, picked, written
from mailtwist.protocols.imap.wildcards import matcher
from tests.protocols.imap.scene import Scene, now


class Sets(SynchronousTestCase):
    def test_sets_are_merged_and_never_expanded(self) -> None:
        for text, highest, merged in (
            (b"1", 9, [(1, 1)]),
            (b"5:2,1", 9, [(1, 5)]),
            (b"1,3,2,7", 9, [(1, 3), (7, 7)]),
            (b"*", 9, [(9, 9)]),
            (b"12:*", 9, [(9, 12)]),
            (b"*:*,2:*", 9, [(2, 9)]),
            (b"1:4294967295", 9, [(1, 4294967295)]),
            (b"*", 0, []),
        ):
            self.assertEqual(MessageSet.parse(text).merged(highest), merged, text)

    def test_what_is_no_set_is_the_peers_fault(self) -> None:
        for text in (b"0", b"1:", b":1", b"1,,2", b",", b"4294967296", b"1:2:3", b"01", b"a", b"", b"**"):
            with self.assertRaises(Malformed, msg=text):
                MessageSet.parse(text)

    def test_a_number_beyond_the_last_message_is_seen(self) -> None:
        self.assertTrue(MessageSet.parse(b"4").beyond(3))
        self.assertTrue(MessageSet.parse(b"*").beyond(0))
        self.assertTrue(MessageSet.parse(b"1:4294967295").beyond(3))
        self.assertFalse(MessageSet.parse(b"1:*,3").beyond(3))

    def test_a_long_set_takes_no_time(self) -> None:
        """Stock takes three seconds for 3,000 numbers; this has 30,000 in the worst order."""
        text = b",".join(b"%d" % n for n in range(60_000, 0, -2))
        ranges = MessageSet.parse(text).merged(60_000)
        found = picked(range(1, 60_001), ranges)
        self.assertEqual((len(ranges), len(found), found[1]), (30_000, 30_000, range(3, 4)))

    @settings(deadline=None)
    @given(
        st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), min_size=1, max_size=8),
        st.integers(1, 30),
    )
    def test_merged_means_the_same(self, ranges: list[tuple[int, int]], highest: int) -> None:
        wanted = set[int]()
        for a, b in ((a or highest, b or highest) for a, b in ranges):
            wanted.update(range(min(a, b), max(a, b) + 1))
        merged = MessageSet(tuple(ranges)).merged(highest)
        self.assertEqual([n for low, high in merged for n in range(low, high + 1)], sorted(wanted))
        known = list(range(2, 40, 3))
        self.assertEqual(
            [known[at] for some in picked(known, merged) for at in some], [n for n in known if n in wanted]
        )

    @settings(deadline=None)
    @given(st.lists(st.integers(1, 50), max_size=20))
    def test_what_is_written_can_be_read(self, numbers: list[int]) -> None:
        text = written(numbers)
        read = [] if not text else [n for a, b in MessageSet.parse(text).ranges for n in range(a, b + 1)]
        self.assertEqual(read, numbers)


class Names(SynchronousTestCase):
    @settings(deadline=None)
    @given(st.text(st.characters(blacklist_categories=("Cs", "Cc")), max_size=30))
    def test_a_name_that_was_told_can_be_said(self, name: str) -> None:
        arguments = Arguments(quoted(name))
        self.assertEqual(arguments.mailbox(), "INBOX" if name.upper() == "INBOX" else name)
        arguments.end()


class Patterns(SynchronousTestCase):
    def test_patterns_fit_what_they_should(self) -> None:
        for pattern, fit, unfit in (
            ("*", ["a", "a/b", "INBOX"], []),
            ("%", ["a", "INBOX"], ["a/b"]),
            ("%/%", ["a/b"], ["a", "a/b/c"]),
            ("a*c", ["ac", "abc", "a/b/c"], ["ab", "xac", "acx"]),
            ("inbox", ["INBOX"], ["inbox2"]),
            ("iNb*", ["INBOX"], ["INBOX2"]),
            ("inbox/%", ["INBOX/a"], ["INBOX", "inbox/a"]),
            ("a.b", ["a.b"], ["axb"]),
            ("", [""], ["a"]),
            ("%*%", ["", "a/b"], []),
        ):
            fits = matcher(pattern)
            self.assertEqual([name for name in fit + unfit if fits(name)], fit, pattern)

    @settings(deadline=None)
    @given(st.text("ab/%*", max_size=12), st.text("ab/", max_size=12))
    def test_they_mean_what_a_regex_means(self, pattern: str, name: str) -> None:
        parts = {"*": ".*", "%": "[^/]*"}
        regex = "".join(parts.get(c) or re.escape(c) for c in pattern)
        self.assertEqual(matcher(pattern)(name), re.fullmatch(regex, name) is not None)

    def test_no_pattern_takes_long(self) -> None:
        fits = matcher("*a" * 300 + "b")
        self.assertFalse(fits("a" * 1000))

    def test_others_have_their_turn_while_many_names_are_looked_at(self) -> None:
        scene = Scene()
        for number in range(250):
            now(scene.account.create(f"{number}/below"))
        for command, times in ((b'LIST "" *', 10), (b'LIST "" x*x', 5), (b'LSUB "" *', 0)):
            wire = scene.logged_in()
            breathed: list[None] = []

            async def breathe() -> None:
                breathed.append(None)

            self.patch(wire.protocol.connection, "breathe", breathe)  # type: ignore[attr-defined]
            wire.send(b"a " + command + b"\r\n")
            self.assertIn(b"a OK", wire.read())
            self.assertEqual(len(breathed), times)
