"""APPEND, COPY and MOVE where there is no room, and messages that end too soon."""

from twisted.trial.unittest import SynchronousTestCase

from mailtwist.store.api import Quota
from mailtwist.store.memory import MemoryStore
from mailtwist.testing.wire import Wire
from tests.protocols.imap.scene import Scene, now

FULL = b"a NO [OVERQUOTA] The mailbox is full\r\n"


class NoRoom(SynchronousTestCase):
    def setUp(self) -> None:
        self.scene = Scene(store=lambda clock: MemoryStore(clock, allowed=Quota(1000, 8)))
        self.wire = self.scene.logged_in(b"s SELECT INBOX")
        self.watcher = self.scene.logged_in(b"s SELECT Sent")

    def ask(self, command: bytes, wire: Wire | None = None) -> bytes:
        wire = wire or self.wire
        wire.send(b"a " + command + b"\r\n")
        return wire.read()

    def test_a_client_that_waits_is_not_asked_for_what_has_no_room(self) -> None:
        self.assertEqual(self.ask(b"APPEND Sent {900}"), FULL)

    def test_what_was_sent_already_is_thrown_away(self) -> None:
        self.assertEqual(self.ask(b"APPEND Sent {900+}\r\n" + b"x" * 900), FULL)
        self.assertEqual(self.ask(b"NOOP", self.watcher), b"a OK NOOP completed\r\n")
        self.assertIn(b"a OK [APPENDUID", self.ask(b"APPEND Sent {9+}\r\n" + b"x" * 9))
        self.assertIn(b"* 1 EXISTS\r\n", self.ask(b"NOOP", self.watcher))

    def test_so_many_messages_and_no_more(self) -> None:
        self.assertIn(b"a OK", self.ask(b"COPY 1:* Sent"))
        self.assertEqual(self.ask(b"COPY 1:* Sent"), FULL)
        self.assertEqual(now(self.scene.account.status("Sent")).messages, 3)
        self.assertIn(b"* 3 EXISTS\r\n", self.ask(b"NOOP", self.watcher))

    def test_a_move_needs_no_room(self) -> None:
        now(self.scene.account.set_quota(Quota(1, 1)))
        self.assertIn(b"a OK MOVE completed", self.ask(b"MOVE 1:* Sent"))
        self.assertIn(b"* 3 EXISTS\r\n", self.ask(b"NOOP", self.watcher))


class Cut(SynchronousTestCase):
    def test_nothing_is_left_of_a_message_that_does_not_come_to_its_end(self) -> None:
        scene = Scene()
        for command in (b"{9+}\r\nx", b"{9}\r\nx", b"UTF8 (~{1+}\r\nx", b"~{1+}\r\nx"):
            wire = scene.logged_in()
            wire.send(b"a APPEND Sent " + command)
            wire.hang_up()
        self.assertEqual(now(scene.account.status("Sent")).messages, 0)
