"""Keywords of a mailbox that has room for 26 of them, as two sessions see it."""

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from mailtwist.store.maildir import MaildirStore
from mailtwist.testing.clock import ManualClock
from mailtwist.testing.threads import AtOnce
from tests.protocols.imap.scene import Scene

ALL = b" ".join(b"k%02d" % n for n in range(26))
SYSTEM = b"\\Seen \\Answered \\Flagged \\Deleted \\Draft"


class Full(SynchronousTestCase):
    def setUp(self) -> None:
        def store(clock: ManualClock) -> MaildirStore:
            return MaildirStore(Path(self.mktemp()), AtOnce(), clock=clock)

        scene = Scene(store=store)
        self.wire, self.watcher = (scene.logged_in(b"s SELECT INBOX") for _ in range(2))

    def ask(self, command: bytes) -> list[bytes]:
        self.wire.send(b"a " + command + b"\r\n")
        return self.wire.read().splitlines()

    def watched(self) -> list[bytes]:
        self.watcher.send(b"a NOOP\r\n")
        return self.watcher.read().splitlines()

    def test_more_than_26_are_refused_and_nothing_has_changed(self) -> None:
        self.assertEqual(
            self.ask(b"STORE 1 FLAGS (%b k26)" % ALL),
            [b"a NO [LIMIT] The mailbox has as many keywords as it can hold"],
        )
        self.assertEqual(self.ask(b"FETCH 1 FLAGS"), [b"* 1 FETCH (FLAGS (\\Seen))", b"a OK FETCH completed"])
        self.assertEqual(self.watched(), [b"a OK NOOP completed"])

    def test_when_there_is_no_room_for_more_everybody_is_told(self) -> None:
        self.ask(b"STORE 1:* -FLAGS Work")
        self.watched()
        told = [
            b"* FLAGS (%b %b)" % (SYSTEM, ALL),
            b"* OK [PERMANENTFLAGS (%b %b)] Kept" % (SYSTEM, ALL),
            b"* 1 FETCH (FLAGS (%b))" % ALL,
        ]
        self.assertEqual(self.ask(b"STORE 1 FLAGS (%b)" % ALL), [*told, b"a OK STORE completed"])
        self.assertEqual(self.watched(), [*told, b"a OK NOOP completed"])
        self.assertEqual(
            self.ask(b"APPEND INBOX (more) {1+}\r\nx"),
            [b"a NO [LIMIT] The mailbox has as many keywords as it can hold"],
        )
        self.assertIn(told[1], self.ask(b"SELECT INBOX"))

    def test_room_that_is_free_again_is_told_with_the_next_keyword(self) -> None:
        self.ask(b"STORE 1:* -FLAGS Work")
        self.ask(b"STORE 1 FLAGS (%b)" % ALL)
        self.ask(b"STORE 1 FLAGS (k01)")
        self.assertIn(
            b"* OK [PERMANENTFLAGS (%b Other k01 \\*)] Kept" % SYSTEM, self.ask(b"STORE 1 +FLAGS (Other)")
        )

    def test_a_read_only_mailbox_has_no_permanent_flags_in_any_case(self) -> None:
        self.ask(b"STORE 1:* -FLAGS Work")
        self.watcher.send(b"e EXAMINE INBOX\r\n")
        self.assertIn(b"* OK [PERMANENTFLAGS ()] Kept", self.watcher.read().splitlines())
        self.ask(b"STORE 1 FLAGS (%b)" % ALL)
        self.assertNotIn(b"PERMANENTFLAGS", b"".join(self.watched()))
