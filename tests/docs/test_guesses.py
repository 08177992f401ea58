"""The table in docs/operators/limits.rst has the code's settings and defaults."""

import re

from twisted.trial.unittest import SynchronousTestCase

from mailtwist.config.fields import fields_of, written
from mailtwist.config.limits import LimitsSettings
from mailtwist.kit.events import EVENTS
from tests.docs.example import ROOT

PAGE = ROOT / "docs" / "operators" / "limits.rst"
ROW = re.compile(r"   \* - ``(\w+)``\n     - (.*)\n")


class Guesses(SynchronousTestCase):
    def test_defaults(self) -> None:
        fields = {field.name: field for field in fields_of(LimitsSettings)}
        rows = ROW.findall(PAGE.read_text("utf-8"))
        self.assertGreater(len(rows), 11)
        for name, default in rows:
            self.assertEqual(written(fields[name].make_default()), default, name)  # type: ignore[misc]

    def test_no_setting_is_left_out(self) -> None:
        text = PAGE.read_text("utf-8")
        for field in fields_of(LimitsSettings):
            self.assertIn(f"``{field.name}``", text)

    def test_events(self) -> None:
        found = re.findall(r"^``(limits\.\w+)``", PAGE.read_text("utf-8"), re.MULTILINE)
        self.assertEqual([name for name in found if name not in EVENTS], [])
        self.assertGreater(len(found), 4)
