"""Dialogues in `tests/chat/pop3`, each played line by line, octet by octet and pipelined."""

from collections.abc import Callable
from pathlib import Path

from mailtwist.protocols.pop3.limits import Limits
from mailtwist.testing.transcript import Transcript, TranscriptCase
from mailtwist.testing.wire import Wire
from tests.protocols.pop3.scene import Scene


class Chat(TranscriptCase):
    folder = Path(__file__).parents[2] / "chat" / "pop3"

    def connect(self, transcript: Transcript) -> Callable[[int], Wire]:
        scene = Scene()
        self.settle_by = scene.clock
        how = transcript.scene
        limits = Limits(line=int(how.get("line", Limits().line)))
        trusted = how.get("trusted") == "yes"
        return lambda number: scene.connect(
            tls=how.get("clear") != "yes", limits=limits, trusted=lambda address: trusted
        )

    def settle(self) -> None:
        self.settle_by.advance(0)
