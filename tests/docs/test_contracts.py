"""The parts of the example extension keep the contracts, tested as their author would."""

import sys
from importlib import import_module
from pathlib import Path
from typing import Any

from argon2 import PasswordHasher
from twisted.trial.unittest import TestCase

from mailtwist.auth.api import Directory
from mailtwist.auth.factors.api import Factor
from mailtwist.config.places import File, Folder
from mailtwist.gateway.api import Route
from mailtwist.testing.assembly import OnePart
from mailtwist.testing.directory import NAME, PASSWORD, DirectoryContract
from mailtwist.testing.factor import ENROLLED, FactorContract
from mailtwist.testing.route import NAME as ANN
from mailtwist.testing.route import UPSTREAM, RouteContract
from tests.docs.example import ROOT


def of_the_extension(name: str) -> Any:
    sys.path.insert(0, str(ROOT / "tap-examples" / "extension"))
    try:
        return import_module(f"mailtwist_example.{name}")
    finally:
        sys.path.pop(0)


class PaperTests(FactorContract, TestCase):
    async def make_factor(self) -> Factor:
        paper = of_the_extension("paper")
        lists = Path(self.mktemp())
        lists.mkdir()
        (lists / ENROLLED).write_text("windmill7\nlantern3\nhedgehog8\n")
        assembly = OnePart(lists)
        self.addCleanup(assembly.stop)
        return paper.part.build(paper.Settings(lists=Folder(lists)), assembly)

    async def code(self) -> str:
        return "lantern3"

    async def later_code(self) -> str:
        return "hedgehog8"


class MovedTests(RouteContract, TestCase):
    async def make_route(self) -> Route:
        moved = of_the_extension("moved")
        folder = Path(self.mktemp())
        folder.mkdir()
        self.file = folder / "moved.txt"
        self.file.write_text(f"bob@example.org\n{ANN}\n")
        assembly = OnePart(folder)
        self.addCleanup(assembly.stop)
        return moved.part.build(moved.Settings(file=File(self.file), new=UPSTREAM), assembly)

    async def take_away(self, route: Route) -> None:
        self.file.unlink()


class FamilyTests(DirectoryContract, TestCase):
    async def make_directory(self) -> Directory:
        family = of_the_extension("family")
        folder = Path(self.mktemp())
        folder.mkdir()
        file = folder / "family.txt"
        file.write_text(f"{NAME} {PasswordHasher(1, 64, 1).hash(PASSWORD)}\n")
        assembly = OnePart(folder)
        self.addCleanup(assembly.stop)
        return family.part.build(family.Settings(file=File(file)), assembly)
