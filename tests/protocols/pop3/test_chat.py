"""Dialogues in `tests/chat/pop3`, each played line by line, octet by octet and pipelined."""

import math
from collections.abc import Callable
from pathlib import Path

from mailtwist.protocols.pop3.delays import Delays
from mailtwist.protocols.pop3.limits import Limits
from mailtwist.testing.transcript import Transcript, TranscriptCase
from mailtwist.testing.wire import Wire
from tests.protocols.pop3.scene import DOTS, LINES, UTF8, Scene

MAIL = {"": (DOTS, b"", LINES), "utf8": (DOTS, UTF8)}


class Chat(TranscriptCase):
    folder = Path(__file__).parents[2] / "chat" / "pop3"

    def connect(self, transcript: Transcript) -> Callable[[int], Wire]:
        how = transcript.scene
        scene = Scene(messages=MAIL[how.get("mail", "")])
        self.settle_by = scene.clock
        limits = Limits(line=int(how.get("line", Limits().line)))
        trusted = how.get("trusted") == "yes"
        delays = Delays(float(how.get("login_delay", 0)))
        days = how.get("expire")
        return lambda number: scene.connect(
            tls=how.get("clear") != "yes",
            limits=limits,
            trusted=lambda address: trusted,
            delays=delays,
            takes_tokens=how.get("tokens") == "yes",
            retention=None if days is None else math.inf if days == "never" else float(days) * 86400,
            utf8_headers=how.get("utf8_headers", "downgrade"),
        )

    def settle(self) -> None:
        self.settle_by.advance(0)
