"""A route for the weeks of a move: who is on the list has moved to the new server, nobody else."""

from dataclasses import dataclass
from typing import Annotated

from mailtwist.auth.api import LoginUnavailable
from mailtwist.config.part import Assembly, Part
from mailtwist.config.places import File
from mailtwist.config.settings import setting
from mailtwist.config.values import PartName
from mailtwist.gateway.api import Kind


@dataclass(frozen=True)
class Settings:
    """Who has moved, in a text file."""

    file: File = setting(words="The file: one login name in each line, in lower case.", example="moved.txt")
    new: Annotated[str, PartName("upstream")] = setting(words="Where they are now.")
    old: Annotated[str | None, PartName("upstream")] = setting(None, words="Where the others are.")


class Moved:
    """`gateway.api.Route`.  The file is read at each question."""

    def __init__(self, settings: Settings, assembly: Assembly) -> None:
        self._settings = settings
        self._threads = assembly.threads

    async def upstream(self, name: str, kind: Kind) -> str | None:
        try:
            text = await self._threads.run(self._settings.file.read_text, "utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise LoginUnavailable(f"{self._settings.file}: {error}") from None
        return self._settings.new if name in text.splitlines() else self._settings.old


part = Part(Settings, Moved)
