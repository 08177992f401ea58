"""TXT records as files, for a DNS server of the operator's own: a folder for a name, a file for a value."""

from dataclasses import dataclass
from pathlib import Path

from mailtwist.config.part import Assembly, Part
from mailtwist.config.places import Folder
from mailtwist.config.settings import setting
from mailtwist.tls.dns.api import NotPublished, PublisherSettings, checked


@dataclass(frozen=True)
class Settings(PublisherSettings):
    """Records as files."""

    folder: Folder = setting(words="Where they are.", example="/var/lib/dns/records")


class RecordFiles:
    """`tls.dns.api.Publisher`."""

    def __init__(self, settings: Settings, assembly: Assembly) -> None:
        self.propagation = settings.when()
        self._folder = settings.folder
        self._threads = assembly.threads

    async def add(self, name: str, value: str) -> None:
        await self._change(_touch, name, value)

    async def remove(self, name: str, value: str) -> None:
        await self._change(lambda file: file.unlink(missing_ok=True), name, value)

    async def _change(self, change, name: str, value: str) -> None:
        checked(name, value)
        try:
            await self._threads.run(change, self._folder / name / value)
        except OSError as error:
            raise NotPublished(f"{self._folder}: {error.strerror}") from None


def _touch(file: Path) -> None:
    file.parent.mkdir(exist_ok=True)
    file.touch()


part = Part(Settings, RecordFiles)
