"""The writer of DNS records in docs/extending keeps the contract."""

import shutil
from pathlib import Path

from twisted.trial.unittest import TestCase

from mailtwist.config.places import Folder
from mailtwist.testing.assembly import OnePart
from mailtwist.testing.dns import DnsContract
from mailtwist.tls.dns.api import Publisher
from tests.docs.example import example


class RecordFilesTests(DnsContract, TestCase):
    async def make_publisher(self) -> Publisher:
        theirs = example("record_files")
        self.folder = Path(self.mktemp())
        self.folder.mkdir()
        assembly = OnePart(self.folder)
        self.addCleanup(assembly.stop)
        return theirs.part.build(theirs.Settings(folder=Folder(self.folder)), assembly)

    async def texts(self, name: str) -> list[str]:
        folder = self.folder / name
        return [file.name for file in folder.iterdir()] if folder.is_dir() else []

    async def take_away(self, publisher: Publisher) -> None:
        shutil.rmtree(self.folder)
