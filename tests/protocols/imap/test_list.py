"""LIST while mailboxes come and go, with very many of them, and with very many patterns."""

from typing import Any

from twisted.logger import globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from mailtwist.kit.trouble import Trouble
from mailtwist.protocols.imap.base.list import NO_STATUS, PATTERNS
from mailtwist.store.api import NoSuchMailbox, Status
from mailtwist.store.names import above
from tests.protocols.imap.scene import Scene, now


class WithStatus(SynchronousTestCase):
    def setUp(self) -> None:
        self.scene = Scene()
        self.raised: Exception = NoSuchMailbox("Sent")
        status = self.scene.account.status

        async def one(name: str) -> Status:
            if name == "Sent":
                raise self.raised
            return await status(name)

        self.patch(self.scene.account, "status", one)

    def ask(self) -> list[bytes]:
        wire = self.scene.logged_in()
        wire.send(b'a LIST "" (INBOX Sent) RETURN (STATUS (MESSAGES))\r\n')
        return wire.read().splitlines()

    def test_a_mailbox_that_went_in_the_meantime_does_not_exist(self) -> None:
        self.assertEqual(
            self.ask()[2:],
            [
                b'* LIST (\\NonExistent \\HasNoChildren \\Sent) "/" "Sent"',
                b"a OK LIST completed",
            ],
        )

    def test_what_fails_for_one_is_left_out_and_logged(self) -> None:
        self.raised = Trouble("4.3.0", "Try again later", "the disk")
        heard: list[Any] = []
        globalLogPublisher.addObserver(heard.append)
        self.addCleanup(globalLogPublisher.removeObserver, heard.append)
        self.assertEqual(
            self.ask(),
            [
                b'* LIST (\\HasNoChildren) "/" "INBOX"',
                b'* STATUS "INBOX" (MESSAGES 3)',
                b'* LIST (\\HasNoChildren \\Sent) "/" "Sent"',
                b"a OK LIST completed",
            ],
        )
        self.assertIn(NO_STATUS.id, [event.get("event_id") for event in heard])


class Many(SynchronousTestCase):
    def test_there_is_an_end_to_patterns(self) -> None:
        scene = Scene()
        wire = scene.logged_in()
        for count, answer in ((PATTERNS, b"OK LIST completed"), (PATTERNS + 1, b"BAD The list is too long")):
            wire.send(b'a LIST "" (%b)\r\n' % b" ".join([b"x"] * count))
            for _ in range(9):
                scene.clock.advance(0)
            self.assertEqual(wire.read(), b"a " + answer + b"\r\n")

    def test_levels_that_many_names_share_are_looked_at_once(self) -> None:
        deep = "a/" * 499
        names = [f"{deep}{number}" for number in range(20_000)]  # ten million levels, one by one
        self.assertEqual(len(above(names)), 499)
        self.assertEqual(above(["a", "b/c", "b/d/e", "/x"]), {"b", "b/d"})

    def test_many_mailboxes_are_told_in_order(self) -> None:
        scene = Scene()
        for number in range(300):
            now(scene.account.create(f"{number % 7}/{number}"))
        wire = scene.logged_in()
        wire.send(b'a LIST "" %/% RETURN (CHILDREN)\r\n')
        heard = wire.read()
        while b"a OK" not in heard:
            scene.clock.advance(0)
            heard += wire.read()
        names = [line.split(b'"')[3] for line in heard.splitlines()[:-1]]
        self.assertEqual((len(names), names), (301, sorted(names)))
