"""The pieces of ini files in the guide to the second factor are ones that work."""

import re
from textwrap import dedent

from twisted.trial.unittest import SynchronousTestCase

from mailtwist.config.load import load_text
from mailtwist.config.policy import PolicySettings
from tests.docs.example import ROOT

PIECE = re.compile(r"::\n\n((?:    .*\n|\n)+)")
PAGES = ("second-factor", "rules", "limits")


def pieces() -> list[str]:
    texts = [(ROOT / "docs" / "operators" / f"{name}.rst").read_text("utf-8") for name in PAGES]
    found = [dedent(piece) for text in texts for piece in PIECE.findall(text)]
    return [piece for piece in found if piece.startswith("[")]


class GuideTests(SynchronousTestCase):
    def test_each_piece_is_a_config(self) -> None:
        self.assertGreater(len(pieces()), 2)
        for piece in pieces():
            load_text(piece)

    def test_the_rules_are_in_their_order(self) -> None:
        [rules] = [piece for piece in pieces() if "[policy:" in piece]
        names = list(load_text(rules).several(PolicySettings))
        self.assertEqual(names, ["staff", "office", "pop", "everybody"])
