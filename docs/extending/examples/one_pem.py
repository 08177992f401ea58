"""A certificate, its chain and its key in one PEM file, as HAProxy takes it."""

from dataclasses import dataclass

from mailtwist.config.part import Assembly, Part
from mailtwist.config.places import File
from mailtwist.config.settings import setting
from mailtwist.tls.certificates import read_bundle
from mailtwist.tls.contexts import ServerContexts


@dataclass(frozen=True)
class Settings:
    """A certificate with its key in one PEM file."""

    file: File = setting(words="The file.", example="/etc/haproxy/mail.pem")


class OnePem(ServerContexts):
    """What cannot be read or served at start keeps the server from starting; at SIGHUP, the old one stays."""

    def __init__(self, settings: Settings, assembly: Assembly) -> None:
        super().__init__()
        self._file = settings.file
        self._threads = assembly.threads

    async def start(self) -> None:
        pem = await self._threads.run(self._file.read_bytes)
        self.serve([read_bundle(pem, pem)])

    async def reload(self) -> None:
        await self.start()


part = Part(Settings, OnePem)
