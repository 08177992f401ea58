"""A store's INBOX as a maildrop: the same from login to QUIT, and nobody else's meanwhile."""

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from mailtwist.kit.spawn import started
from mailtwist.kit.trouble import Trouble
from mailtwist.protocols.pop3.maildrop import FETCHED, NotRemoved, StoreMaildrop, opened
from mailtwist.store.api import INBOX, MailboxInUse
from mailtwist.store.memory import MemoryMailbox
from tests.protocols.pop3.scene import Scene


class Maildrops(SynchronousTestCase):
    def setUp(self) -> None:
        self.scene = Scene(messages=(b"one\r\n", b"two\r\n", b"three\r\n"))
        self.account = self.did(self.scene.store.account("ann"))

    def did(self, work: Any) -> Any:
        return self.successResultOf(started(work))

    def test_what_arrives_later_is_not_seen(self) -> None:
        drop = self.did(opened(self.account))
        before = self.did(drop.uids())
        self.scene.arrives(b"four\r\n")
        self.assertEqual((self.did(drop.sizes()), self.did(drop.uids())), ([5, 5, 7], before))

    def test_what_another_session_expunges_keeps_its_number(self) -> None:
        drop = self.did(opened(self.account))
        mailbox = self.did(self.account.open(INBOX))
        self.did(mailbox.remove([1]))
        self.assertEqual(self.did(drop.sizes()), [5, 5, 7])
        self.assertIn("gone", self.failureResultOf(started(drop.open(1)), Trouble).value.public)
        self.did(drop.delete(1))
        self.did(drop.delete(3))
        self.did(drop.commit())
        self.assertEqual(self.scene.uids(), [2])

    def test_names_last_longer_than_the_session_and_its_numbers(self) -> None:
        drop = self.did(opened(self.account))
        first = self.did(drop.uids())
        self.did(drop.delete(1))
        self.did(drop.commit())
        self.did(drop.close())
        self.assertEqual(self.did(self.did(opened(self.account)).uids()), first[1:])

    def test_names_are_printable_and_short(self) -> None:
        for name in self.did(self.did(opened(self.account)).uids()):
            self.assertRegex(name, rb"\A[!-~]{1,70}\Z")  # rfc1939#7

    def test_what_could_not_be_removed_is_told(self) -> None:
        async def remove(box: object, uids: list[int]) -> list[int]:
            return [uid for uid in uids if uid != 2]

        drop = self.did(opened(self.account))
        self.did(drop.delete(1))
        self.did(drop.commit())
        self.patch(MemoryMailbox, "remove", remove)
        self.did(drop.delete(2))
        refused = self.failureResultOf(started(drop.commit()), NotRemoved).value
        self.assertEqual((refused.code, refused.temporary), ("SYS/TEMP", True))

    def test_only_one_at_a_time(self) -> None:
        drop = self.did(opened(self.account))
        self.failureResultOf(started(opened(self.account)), MailboxInUse)
        self.did(drop.close())
        self.did(drop.close())
        self.did(self.did(opened(self.account)).close())

    def test_a_maildrop_that_cannot_be_read_stays_free(self) -> None:
        async def refresh(box: object) -> None:
            raise Trouble("4.3.1", "Insufficient system storage, try again later")

        with_trouble = self.patch(MemoryMailbox, "refresh", refresh)
        self.failureResultOf(started(opened(self.account)), Trouble)
        with_trouble.restore()
        self.did(opened(self.account))


class Kept(SynchronousTestCase):
    """Messages that are kept for some time only: 30 days here."""

    DAYS = 86_400

    def setUp(self) -> None:
        self.scene = Scene(messages=(b"one\r\n", b"two\r\n"))
        self.account = self.did(self.scene.store.account("ann"))

    def did(self, work: Any) -> Any:
        return self.successResultOf(started(work))

    def drop(self) -> StoreMaildrop:
        return self.did(opened(self.account, self.scene.clock.now() - 30 * self.DAYS))

    def left(self, drop: StoreMaildrop) -> list[int]:
        self.did(drop.commit())
        self.did(drop.close())
        return self.scene.uids()

    def test_what_no_client_had_stays_however_old_it_is(self) -> None:
        self.scene.clock.advance(90 * self.DAYS)
        self.assertEqual(self.left(self.drop()), [1, 2])

    def test_what_a_client_had_goes_when_it_is_old_enough(self) -> None:
        drop = self.drop()
        drop.fetched(1)
        self.assertEqual(self.left(drop), [1, 2])
        self.scene.clock.advance(29 * self.DAYS)
        self.assertEqual(self.left(self.drop()), [1, 2])
        self.scene.clock.advance(2 * self.DAYS)
        self.assertEqual(self.left(self.drop()), [2])

    def test_what_is_old_goes_with_the_session_that_had_it(self) -> None:
        self.scene.clock.advance(31 * self.DAYS)
        drop = self.drop()
        drop.fetched(2)
        self.assertEqual(self.left(drop), [1])

    def test_who_leaves_without_quit_had_nothing(self) -> None:
        drop = self.drop()
        drop.fetched(1)
        self.did(drop.close())
        self.scene.clock.advance(31 * self.DAYS)
        self.assertEqual(self.left(self.drop()), [1, 2])

    def test_where_all_is_kept_nothing_is_noted(self) -> None:
        drop = self.did(opened(self.account))
        drop.fetched(1)
        self.did(drop.commit())
        mailbox = self.did(self.account.open(INBOX))
        self.assertNotIn(FETCHED, mailbox.entry(1).flags)

    def test_a_message_counts_as_had_when_it_was_sent_whole(self) -> None:
        scene = self.scene
        scene.clock.advance(31 * self.DAYS)
        wire = scene.logged_in(retention=30.0 * self.DAYS)
        wire.send(b"TOP 1 0\r\nRETR 2\r\nQUIT\r\n")
        self.assertTrue(wire.read().endswith(b"+OK Bye\r\n"))
        self.assertEqual(scene.uids(), [1])

    def test_zero_days_are_a_maildrop_that_is_emptied(self) -> None:
        scene = self.scene
        scene.clock.advance(1)
        wire = scene.logged_in(retention=0.0)
        wire.send(b"CAPA\r\nRETR 1\r\nQUIT\r\n")
        self.assertIn(b"\r\nEXPIRE 0\r\n", wire.read())
        self.assertEqual(scene.uids(), [2])
