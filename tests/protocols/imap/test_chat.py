"""The dialogues of `tests/chat/imap`, over memory and over Maildir."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from twisted.trial.unittest import TestCase

from mailtwist.protocols.imap.limits import Limits
from mailtwist.store.maildir import MaildirStore
from mailtwist.testing.clock import ManualClock
from mailtwist.testing.threads import AtOnce
from mailtwist.testing.transcript import Player, Transcript, TranscriptCase, parsed
from mailtwist.testing.wire import Wire
from tests.protocols.imap.scene import Scene

CHAT = Path(__file__).parents[2] / "chat" / "imap"


def scene(transcript: Transcript, **more: Any) -> Scene:
    """`@ clear yes`: without TLS; `@ trusted yes`: from a trusted network; `@ limit NAME NUMBER`; `@ tokens`:
    they are taken."""
    asked = transcript.scene
    name, _, number = asked.get("limit", "").partition(" ")
    limits = Limits(**{name: int(number)}) if name else Limits()
    how: dict[str, Any] = {"trusted": "trusted" in asked, "tokens": "tokens" in asked, **more}
    return Scene(tls="clear" not in asked, limits=limits, **how)


class Dialogues(TranscriptCase):
    folder = CHAT

    def connect(self, transcript: Transcript) -> Callable[[int], Wire]:
        self.scene = scene(transcript)
        return lambda number: self.scene.wire()

    def settle(self) -> None:
        self.scene.clock.advance(0)


class OverMaildir(TestCase):
    async def test_the_dialogues_are_the_same_over_maildir(self) -> None:
        def store(clock: ManualClock) -> MaildirStore:
            return MaildirStore(Path(self.mktemp()), AtOnce(), clock=clock)

        files = sorted(CHAT.glob("*.chat"))
        self.assertGreater(len(files), 30)
        for file in files:
            transcript = parsed(file.read_text(), file.name)
            played = scene(transcript, store=store)
            player = Player(transcript, lambda number: played.wire(), lambda: played.clock.advance(0))
            await player.play("line_by_line")
            await played.store.stop()
