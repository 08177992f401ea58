"""Every command, as a dialogue."""

from collections.abc import Callable
from pathlib import Path

from mailtwist.protocols.smtp.extension import Dialect
from mailtwist.protocols.smtp.limits import Limits
from mailtwist.testing.transcript import Transcript, TranscriptCase
from mailtwist.testing.wire import Wire
from tests.protocols.smtp.scene import PEER, Scene

FOLDER = Path(__file__).parent.parent.parent / "chat" / "smtp"


class ChatTests(TranscriptCase):
    """`@ tls`: TLS from the start.  `@ kind relay`: as on port 25.  `@ kind submission`: as on port 587.
    `@ lmtp`: it is spoken.  `@ vrfy WHO`: they may ask who exists.  `@ trusted`: the client's network is.
    `@ tokens`: they are taken.  `@ limits NAME=NUMBER ...`.  `@ mails NUMBER`: taken in all."""

    folder = FOLDER

    def connect(self, transcript: Transcript) -> Callable[[int], Wire]:
        at = transcript.scene
        scene = self.scene = Scene()
        kind = at.get("kind", "any")
        numbers = (pair.split("=") for pair in at.get("limits", "").split())
        how = {
            "tls": "tls" in at,
            "takes_tokens": "tokens" in at,
            "strangers": kind != "submission",
            "auth_offered": kind != "relay",
            "login_required": kind == "submission",
            "limits": Limits(**{name: int(number) for name, number in numbers}),
            "trusted": lambda address: "trusted" in at and address == PEER,
        }
        if "lmtp" in at:
            how["dialect"] = Dialect.installed(protocol="lmtp")
        if "vrfy" in at:
            how["vrfy"] = at["vrfy"]
        if "mails" in at:
            self.addCleanup(lambda: self.assertEqual(len(scene.mails), int(at["mails"])))
        self.addCleanup(lambda: self.assertTrue(scene.over()))
        return lambda number: scene.connect(**how)

    def settle(self) -> None:
        self.scene.clock.advance(0)
