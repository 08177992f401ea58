"""Messages that are asked for one after the other are opened together."""

from twisted.trial.unittest import SynchronousTestCase

from mailtwist.protocols.pop3.read_ahead import HELD, MOST, ReadAhead
from mailtwist.store.api import Entry, MessageGone
from tests.protocols.imap.scene import now


class Counted:
    def __init__(self, uid, size):
        self.uid, self.size, self.open = uid, size, True

    def close(self):
        self.open = False


class Box:
    """Tells which messages were opened together; those of `gone` are not there."""

    def __init__(self, gone=(), at_once=100):
        self.gone, self.at_once, self.asked, self.made = gone, at_once, [], []

    async def open_some(self, uids):
        some = uids[: self.at_once]
        self.asked.append(list(some))
        found = [None if uid in self.gone else Counted(uid, 1) for uid in some]
        self.made += [one for one in found if one is not None]
        return found


class ReadAheadTests(SynchronousTestCase):
    def reading(self, count=40, size=100, **box):
        self.box = Box(**box)
        self.entries = [Entry(10 * n, frozenset(), size, 0.0) for n in range(1, count + 1)]
        self.ahead = ReadAhead(self.box, self.entries)

    def read(self, number):
        content = now(self.ahead.open(number, self.entries[number - 1]))
        self.assertTrue(content.open)
        content.close()
        return content.uid

    def test_all_come_in_order_with_few_openings(self):
        self.reading()
        self.assertEqual([self.read(n) for n in range(1, 41)], [10 * n for n in range(1, 41)])
        self.assertLess(len(self.box.asked), 5)
        self.assertFalse([one for one in self.box.made if one.open])

    def test_who_jumps_about_gets_one_at_a_time(self):
        self.reading()
        self.assertEqual([self.read(n) for n in (7, 3, 30, 2, 2)], [70, 30, 300, 20, 20])
        self.assertEqual([len(uids) for uids in self.box.asked], [1] * 5)

    def test_no_more_waits_than_may(self):
        self.reading(size=HELD // 4)
        for n in (1, 2, 3):
            self.read(n)
        self.assertLessEqual(max(map(len, self.box.asked)), 4)
        self.reading(size=10 * HELD)
        self.assertEqual([self.read(n) for n in (1, 2, 3)], [10, 20, 30])
        self.assertEqual(max(map(len, self.box.asked)), 1)
        self.reading()
        self.read(1), self.read(2)
        self.assertEqual(max(map(len, self.box.asked)), MOST + 1)

    def test_of_a_message_that_has_gone_the_next_ones_are_not_forgotten(self):
        self.reading(gone=[30])
        self.read(1), self.read(2)
        self.ahead.close()
        self.read(2)
        with self.assertRaises(MessageGone):
            self.read(3)
        self.assertEqual(self.read(4), 40)
        self.ahead.close()
        self.assertFalse([one for one in self.box.made if one.open])

    def test_what_waits_is_closed_with_the_maildrop_and_with_the_next_opening(self):
        self.reading()
        self.read(1), self.read(2)
        self.read(39)
        self.assertFalse([one for one in self.box.made if one.open])
        self.read(40), self.ahead.close()
        self.assertFalse([one for one in self.box.made if one.open])

    def test_one_that_has_gone_is_gone_and_the_others_are_there(self):
        self.reading(gone={30})
        self.read(1), self.read(2)
        with self.assertRaises(MessageGone):
            self.read(3)
        self.assertEqual(self.read(4), 40)

    def test_a_store_that_opens_one_at_a_time_will_do(self):
        self.reading(at_once=1)
        self.assertEqual([self.read(n) for n in range(1, 10)], [10 * n for n in range(1, 10)])
