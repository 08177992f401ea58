"""The page for who comes from nginx has every directive, and settings that there are."""

import re
from collections.abc import Iterator
from types import ModuleType
from typing import Any, ClassVar

from twisted.trial.unittest import SynchronousTestCase

from mailtwist.config.fields import fields_of
from mailtwist.config.part import GROUPS, installed
from mailtwist.config.server import ServerSettings
from tests.docs.example import ROOT
from tests.docs.test_pages import script

KNOWN = ROOT / "tests" / "docs" / "nginx-directives.txt"
HERE = re.compile(r"\[(\w+)(:\.\.\.)?\] (\w+)")


def settings(room: str) -> Iterator[str]:
    """Of all kinds of such a section."""
    for part in installed(f"mailtwist.{room}").values():
        yield from (field.name for field in fields_of(part.load().settings))


class Nginx(SynchronousTestCase):
    nginx: ClassVar[ModuleType] = script().nginx

    def test_every_directive_is_there_once(self) -> None:
        told = sorted(f"{one.module} {one.name}" for one in self.nginx.directives())
        known = sorted(line for line in KNOWN.read_text("utf-8").splitlines() if line[0] != "#")
        self.assertEqual(told, known)
        self.assertGreater(len(known), 40)

    def test_settings_that_stand_there_are(self) -> None:
        server = [field.name for field in fields_of(ServerSettings)]
        for one in self.nginx.directives():
            if one.here:
                room, named, name = self.found(one.here)
                there: Any = list(settings(room)) if named else server
                self.assertIn(name, [*there, "type"], f"{one.name}: {one.here}")

    def found(self, here: str) -> tuple[str, ...]:
        found = HERE.fullmatch(here)
        assert found is not None, here
        self.assertTrue(f"mailtwist.{found[1]}" in GROUPS or found[1] == "server", here)
        return found.groups()

    def test_every_directive_says_why(self) -> None:
        for one in self.nginx.directives():
            self.assertTrue(one.how.endswith("."), one.name)

    def test_every_table_is_on_the_page(self) -> None:
        text = self.nginx.page()
        self.assertNotIn("@nginx", text)
        for one in self.nginx.directives():
            self.assertEqual(text.count(f"   * - ``{one.name}``\n"), 1, one.name)
