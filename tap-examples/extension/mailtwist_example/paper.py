"""A second factor on paper: a printed list of words, each good once, in their order."""

import hmac
import re
from dataclasses import dataclass
from pathlib import Path

from mailtwist.auth.factors.api import Asked, Proof
from mailtwist.config.part import Assembly, Part
from mailtwist.config.places import Folder
from mailtwist.config.settings import setting

_WORD = re.compile(r"[a-z]{6,12}[0-9]")  # windmill7: no password ends so by accident
LONGEST = 100


@dataclass(frozen=True)
class Settings:
    """Words from a printed list."""

    lists: Folder = setting(
        words="A folder with one file for each account, named by its account id: one word in each line.",
        example="lists",
    )


class Paper:
    """`auth.factors.api.Factor`.  A word's line is its step: who uses the fifth cannot go back to the
    fourth."""

    kind = "paper"

    def __init__(self, settings: Settings, assembly: Assembly) -> None:
        self._folder = settings.lists
        self._threads = assembly.threads

    def looks_like(self, text: str) -> bool:
        return _WORD.fullmatch(text) is not None

    async def enrolled(self, account: str) -> bool:
        return bool(await self._threads.run(_words, self._folder / account))

    async def verify(self, asked: Asked, code: str) -> Proof | None:
        words = await self._threads.run(_words, self._folder / asked.account)
        words += ["no word"] * (LONGEST - len(words))  # whoever has none, or few: the same work
        given = code.encode("utf-8", "replace")
        right = [step for step, word in enumerate(words) if hmac.compare_digest(word.encode(), given)]
        return Proof("paper", right[-1], self.kind) if right else None


def _words(file: Path) -> list[str]:
    try:
        return file.read_text().split()[:LONGEST]
    except FileNotFoundError:
        return []


part = Part(Settings, Paper)
