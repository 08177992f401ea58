"""Dialogues in `tests/chat/sieve`, each played line by line, octet by octet and pipelined."""

from collections.abc import Callable
from pathlib import Path

from mailtwist.protocols.sieve.limits import Limits
from mailtwist.testing.transcript import Transcript, TranscriptCase
from mailtwist.testing.wire import Wire
from tests.protocols.sieve.scene import Scene


class Chat(TranscriptCase):
    folder = Path(__file__).parents[2] / "chat" / "sieve"

    def connect(self, transcript: Transcript) -> Callable[[int], Wire]:
        how = transcript.scene
        scene = Scene()
        self.settle_by = scene.clock
        trusted = how.get("trusted") == "yes"
        return lambda number: scene.connect(
            tls=how.get("clear") != "yes",
            limits=Limits(line=int(how.get("line", Limits().line))),
            trusted=lambda address: trusted,
            takes_tokens=how.get("tokens") == "yes",
        )

    def settle(self) -> None:
        self.settle_by.advance(0)
