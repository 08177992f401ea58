"""Pages that are made from the code are what the code says."""

import importlib.util
import sys
from types import ModuleType
from typing import ClassVar

from twisted.trial.unittest import SynchronousTestCase

from mailtwist.kit.metrics import METRICS
from mailtwist.protocols.stock import seam
from tests.docs.example import ROOT


def script() -> ModuleType:
    """docs/pages.py."""
    spec = importlib.util.spec_from_file_location("pages", ROOT / "docs" / "pages.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(ROOT / "docs"))
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path.pop(0)
    return module


class Pages(SynchronousTestCase):
    pages: ClassVar[ModuleType] = script()

    def test_none_is_left_behind(self) -> None:
        old = self.pages.left_behind()
        self.assertEqual(old, [], "run make docs")

    def test_what_was_left_behind_is_told(self) -> None:
        self.patch(self.pages, "PAGES", {"tour.rst": lambda: "another", "none.rst": lambda: "a new one"})
        self.assertEqual(self.pages.left_behind(), ["tour.rst", "none.rst"])

    def test_each_event_has_a_row(self) -> None:
        text = self.pages.events()
        self.assertIn("``login.refused``", text)
        for _, event in self.pages._events():
            self.assertEqual(text.count(f"``{event.id}``"), 1, event.id)

    def test_each_metric_has_a_row_and_is_a_constant(self) -> None:
        self.pages.modules()
        text = self.pages.metrics()
        written = [metric for metric in METRICS.values() if not metric.id.startswith("test_")]
        self.assertGreater(len(written), 2)
        for metric in written:
            name = f"mailtwist_{metric.id}" + {"counter": "_total", "gauge": ""}[metric.kind]
            self.assertEqual(text.count(f"``{name}``\n"), 1, metric.id)
            self.assertRegex(metric.id, r"^[a-z]+(_[a-z]+)+$")
            self.assertRegex(metric.words, r"^[A-Z].*\.$", metric.id)
            for label in metric.labels:
                self.assertRegex(label, r"^[a-z]+$", metric.id)

    def test_each_name_of_the_seam_is_there_or_in_its_family(self) -> None:
        for kind in self.pages.SERVERS.values():
            table = self.pages.seam_table(kind)
            for name, place in seam(kind).items():
                family = f"``{name.partition('_')[0]}_*``"
                if not (place == "closed" and name.startswith("_")):
                    found = table.count(f"``{name}``") + (table.count(family) if "_" in name[1:] else 0)
                    self.assertEqual(found, 1, f"{kind.__name__}.{name}")

    def test_each_citation_is_on_the_page(self) -> None:
        text = self.pages.conformance()
        for (number, section), files in self.pages.rfcs.cited().items():
            self.assertIn(f"\nRFC {number}: ", text)
            if section:
                self.assertIn(f"   * - {section}\n", text, files)
