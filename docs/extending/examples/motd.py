"""A page that shows a file: `[page:motd]` with `file = /etc/motd`, and "motd" among the pages of a site."""

from dataclasses import dataclass

from mailtwist.config.part import Assembly, Part
from mailtwist.config.settings import setting
from mailtwist.config.values import File
from mailtwist.web.api import Answer, Asked, Page, said


@dataclass(frozen=True)
class Settings:
    """The message of the day."""

    file: File = setting(words="What is shown.", example="/etc/motd")


class Motd:
    """Read each time, in a thread: nothing else waits for the disk."""

    def __init__(self, settings: Settings, assembly: Assembly) -> None:
        self._file = settings.file
        self._threads = assembly.threads

    async def answer(self, asked: Asked) -> Answer:
        try:
            text = await self._threads.run(self._file.read_bytes)
        except FileNotFoundError:
            return said(404, "There is no message today.")
        return Answer(200, text)


def build(settings: Settings, assembly: Assembly) -> Page:
    return Page("motd", ("/motd",), Motd(settings, assembly).answer)


part = Part(Settings, build)
