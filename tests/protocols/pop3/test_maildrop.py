"""A store's INBOX as a maildrop: the same from login to QUIT, and nobody else's meanwhile."""

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from mailtwist.kit.spawn import started
from mailtwist.kit.trouble import Trouble
from mailtwist.protocols.pop3.maildrop import opened
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
