"""The dialogues of `tests/chat/imap`."""

from collections.abc import Callable
from pathlib import Path

from mailtwist.protocols.imap.limits import Limits
from mailtwist.testing.transcript import Transcript, TranscriptCase
from mailtwist.testing.wire import Wire
from tests.protocols.imap.scene import Scene


class Dialogues(TranscriptCase):
    """`@ clear yes`: without TLS; `@ trusted yes`: from a trusted network; `@ limit NAME NUMBER`."""

    folder = Path(__file__).parents[2] / "chat" / "imap"

    def connect(self, transcript: Transcript) -> Callable[[int], Wire]:
        asked = transcript.scene
        limits = (
            {name: int(number) for name, _, number in [asked["limit"].partition(" ")]}
            if "limit" in asked
            else {}
        )
        self.scene = Scene(tls="clear" not in asked, trusted="trusted" in asked, limits=Limits(**limits))
        return lambda number: self.scene.wire()

    def settle(self) -> None:
        self.scene.clock.advance(0)
