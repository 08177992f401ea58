"""The selected mailbox as a session was told of it."""

from collections.abc import Collection

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailtwist.mail.flags import DELETED, FLAGGED, SEEN
from mailtwist.protocols.errors import Malformed
from mailtwist.protocols.imap import changes
from mailtwist.protocols.imap.changes import Selected, flag_words
from mailtwist.protocols.imap.message_set import MessageSet
from mailtwist.store.memory import MemoryMailbox, MemoryStore
from mailtwist.testing.clock import ManualClock
from tests.protocols.imap.scene import now


def a_mailbox(messages: int) -> MemoryMailbox:
    account = now(MemoryStore(ManualClock()).account("ann"))
    mailbox: MemoryMailbox = account.get("INBOX")
    add(mailbox, messages)
    return mailbox


def add(mailbox: MemoryMailbox, messages: int, flags: Collection[str] = ()) -> None:
    for _ in range(messages):
        mailbox.add(b"x", frozenset(flags), 0.0, 0)


class SelectedTests(SynchronousTestCase):
    def select(self, messages: int, *, read_only: bool = False) -> Selected:
        self.mailbox = a_mailbox(messages)
        self.told = 0

        def told() -> None:
            self.told += 1

        return Selected(self.mailbox, read_only=read_only, changed=told)

    def flag(self, uids: Collection[int], *flags: str) -> None:
        now(self.mailbox.change_flags(uids, "replace", frozenset(flags)))

    def test_numbers_stay_until_changes_are_told(self) -> None:
        selected = self.select(4)
        self.mailbox.discard([1, 3])
        add(self.mailbox, 1)
        self.assertEqual((list(selected.uids), selected.exists), ([1, 2, 3, 4], 4))
        self.assertEqual(selected.wanted(MessageSet.parse(b"1:*"), by_uid=False)[-1], (4, 4))
        self.assertIsNone(selected.entry(3))
        self.assertTrue(selected.waiting)
        self.assertEqual(list(selected.changes(expunged=False)), [b"5 EXISTS", b"5 RECENT"])
        self.assertEqual(list(selected.changes(expunged=True)), [b"3 EXPUNGE", b"1 EXPUNGE", b"3 RECENT"])
        self.assertEqual(list(selected.uids), [2, 4, 5])
        self.assertFalse(selected.waiting)
        self.assertEqual(list(selected.changes(expunged=True)), [])

    def test_what_came_and_went_untold_was_never_there(self) -> None:
        selected = self.select(1)
        add(self.mailbox, 1)
        self.flag([2], SEEN)
        self.mailbox.discard([2])
        self.assertEqual(list(selected.changes(expunged=True)), [])

    def test_what_goes_while_keywords_are_told_was_never_there(self) -> None:
        selected = self.select(1)
        add(self.mailbox, 1, ["kw"])
        told = selected.changes(expunged=True)
        self.assertIn(b"kw", next(told))
        self.mailbox.discard([2])  # told takes long: the client does not read
        self.assertEqual(list(told), [])
        add(self.mailbox, 1)
        self.assertEqual(list(selected.changes(expunged=True)), [b"2 EXISTS", b"2 RECENT"])
        self.assertEqual(list(selected.uids), [1, 3])

    def test_flags_are_told_as_they_are_in_the_end(self) -> None:
        selected = self.select(3)
        self.flag([2], SEEN)
        self.flag([2, 3], FLAGGED, "kw")
        self.assertEqual(
            list(selected.changes(expunged=True)),
            [
                b"FLAGS (\\Seen \\Answered \\Flagged \\Deleted \\Draft kw)",
                b"2 FETCH (FLAGS (\\Flagged \\Recent kw))",
                b"3 FETCH (FLAGS (\\Flagged \\Recent kw))",
            ],
        )

    def test_ones_own_flags_are_not_told_twice_but_later_ones_are(self) -> None:
        selected = self.select(2)
        entries = now(self.mailbox.change_flags([1, 2], "add", frozenset({SEEN})))
        self.flag([2], DELETED)
        selected.flags_told(entries)
        self.assertEqual(list(selected.changes(expunged=True)), [b"2 FETCH (FLAGS (\\Deleted \\Recent))"])

    def test_an_hour_of_changes_takes_bounded_space_and_loses_nothing(self) -> None:
        self.patch(changes, "REMEMBERED", 10)
        selected = self.select(60)
        list(selected.changes(expunged=True))
        for _ in range(50):
            for uid in range(1, 41):
                self.flag([uid], SEEN)
                self.flag([uid], FLAGGED)
        self.mailbox.discard(range(21, 61))
        add(self.mailbox, 3)
        kept = sum(len(few.uids) for few in (selected._flagged, selected._gone))
        self.assertLessEqual(kept, 20)
        told = list(selected.changes(expunged=True))
        self.assertEqual(told[:40], [b"%d EXPUNGE" % n for n in range(60, 20, -1)])
        self.assertEqual(told[40:42], [b"23 EXISTS", b"23 RECENT"])
        self.assertEqual(told[42:], [b"%d FETCH (FLAGS (\\Flagged \\Recent))" % n for n in range(1, 21)])

    def test_recent_belongs_to_the_first_who_writes(self) -> None:
        first = self.select(2)
        second = Selected(self.mailbox, read_only=False, changed=lambda: None)
        reader = Selected(self.mailbox, read_only=True, changed=lambda: None)
        self.assertEqual((first.recent_count, second.recent_count, reader.recent_count), (2, 0, 0))
        add(self.mailbox, 1)
        self.assertEqual(list(reader.changes(expunged=True)), [b"3 EXISTS", b"1 RECENT"])
        self.assertEqual(list(second.changes(expunged=True)), [b"3 EXISTS", b"1 RECENT"])
        self.assertEqual(list(first.changes(expunged=True)), [b"3 EXISTS", b"2 RECENT"])
        self.assertEqual(first.flags(self.mailbox.entries()[0]), b"(\\Recent)")
        self.assertEqual(list(reader.changes(expunged=True)), [])  # it keeps what it was told

    def test_who_only_reads_sees_what_is_recent_and_leaves_it(self) -> None:
        reader = self.select(2, read_only=True)
        self.assertEqual(reader.recent_count, 2)
        self.assertEqual(reader.flags(self.mailbox.entries()[0]), b"(\\Recent)")
        writer = Selected(self.mailbox, read_only=False, changed=lambda: None)
        self.assertEqual(writer.recent_count, 2)
        later = Selected(self.mailbox, read_only=True, changed=lambda: None)
        self.assertEqual((reader.recent_count, later.recent_count), (2, 0))

    def test_ones_own_changes_are_not_told_however_many(self) -> None:
        for few in (0, 3):
            self.patch(changes, "REMEMBERED", few)
            selected = self.select(5)
            entries = now(self.mailbox.change_flags([1, 2, 3, 4], "add", frozenset([SEEN])))
            selected.flags_told(entries)
            self.assertEqual(list(selected.changes(expunged=True)), [])
            entries = now(self.mailbox.change_flags([1, 2, 3, 4], "add", frozenset([FLAGGED])))
            self.flag([2], SEEN)  # somebody else was faster than the answer
            selected.flags_told(entries)
            self.assertIn(b"2 FETCH (FLAGS (\\Recent \\Seen))", list(selected.changes(expunged=True)))
            self.flag([5], SEEN)
            entries = now(self.mailbox.change_flags([1, 2, 3, 4], "remove", frozenset([FLAGGED])))
            selected.flags_told(entries)
            self.assertIn(b"5 FETCH (FLAGS (\\Recent \\Seen))", list(selected.changes(expunged=True)))

    def test_who_has_left_hears_nothing(self) -> None:
        selected = self.select(1)
        selected.leave()
        add(self.mailbox, 1)
        self.assertEqual((self.told, selected.waiting), (0, False))

    def test_numbers_that_are_not_there_are_the_peers_fault_uids_are_not(self) -> None:
        selected = self.select(3)
        with self.assertRaises(Malformed):
            selected.wanted(MessageSet.parse(b"2:4"), by_uid=False)
        wanted = selected.wanted(MessageSet.parse(b"2:4,9:*"), by_uid=True)
        self.assertEqual(
            (list(wanted), wanted[1], wanted[:1], len(wanted)), ([(2, 2), (3, 3)], (3, 3), [(2, 2)], 2)
        )
        empty = self.select(0)
        self.assertEqual(list(empty.wanted(MessageSet.parse(b"1:*"), by_uid=True)), [])
        with self.assertRaises(Malformed):
            empty.wanted(MessageSet.parse(b"*"), by_uid=False)

    def test_flags_are_written_with_the_systems_own_first(self) -> None:
        self.assertEqual(flag_words(frozenset({"a", SEEN}), True), b"(\\Recent \\Seen a)")


class Client:
    """Knows of a mailbox what it is told, as a careful client does."""

    def __init__(self, selected: Selected) -> None:
        self.uids: list[int | None] = list(selected.uids)
        self.flags = {e.uid: selected.flags(e) for e in selected.mailbox.entries()}

    def hear(self, told: list[bytes], selected: Selected) -> None:
        for words in told:
            number, _, rest = words.partition(b" ")
            if rest == b"EXPUNGE":
                del self.uids[int(number) - 1]
            elif rest == b"EXISTS":
                assert int(number) > len(self.uids)
                self.uids.extend(selected.uids[len(self.uids) :])
                for uid in self.uids:
                    entry = selected.entry(uid or 0)
                    if entry is not None and entry.uid not in self.flags:
                        self.flags[entry.uid] = selected.flags(entry)
            elif rest.startswith(b"FETCH"):
                uid = self.uids[int(number) - 1]
                assert uid is not None
                self.flags[uid] = rest[len(b"FETCH (FLAGS ") : -1]


steps = st.one_of(
    st.tuples(st.just("add"), st.integers(1, 3)),
    st.tuples(st.just("flag"), st.integers(1, 12)),
    st.tuples(st.just("clear"), st.integers(1, 12)),
    st.tuples(st.just("gone"), st.integers(1, 12)),
    st.tuples(st.just("tell"), st.booleans()),
)


class AnyStory(SynchronousTestCase):
    @settings(deadline=None)
    @given(st.lists(steps, max_size=25), st.integers(0, 3))
    def test_a_client_that_listens_knows_the_mailbox(self, story: list[tuple[str, int]], few: int) -> None:
        self.patch(changes, "REMEMBERED", few)
        mailbox = a_mailbox(4)
        selected = Selected(mailbox, read_only=False, changed=lambda: None)
        client = Client(selected)
        for what, which in story:
            if what == "add":
                add(mailbox, which)
            elif what == "gone":
                mailbox.discard([which])
            elif what == "tell":
                client.hear(list(selected.changes(expunged=bool(which))), selected)
            else:
                flags = frozenset({SEEN}) if what == "flag" else frozenset()
                now(mailbox.change_flags([which], "replace", flags))
        client.hear(list(selected.changes(expunged=True)), selected)
        entries = mailbox.entries()
        self.assertEqual(client.uids, [entry.uid for entry in entries])
        self.assertEqual(
            {e.uid: client.flags[e.uid] for e in entries}, {e.uid: selected.flags(e) for e in entries}
        )
