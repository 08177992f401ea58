"""The page about threats: its numbers are right, and the tests that it names are there."""

import importlib
from types import ModuleType
from typing import ClassVar

from twisted.trial.unittest import SynchronousTestCase

from tests.docs.test_pages import script


class Odds(SynchronousTestCase):
    odds: ClassVar[ModuleType] = script().threats.odds

    def told(self, guesses: float) -> tuple[str, ...]:
        return tuple(self.odds._row(guesses))

    def test_rules_of_elsewhere_are_as_bad_as_is_known(self) -> None:
        found = [self.told(rule.in_a_quarter) for rule in self.odds.ELSEWHERE]
        expected = [
            ("22.8 %", "49.9 %", "0.26 %"),
            ("90.3 %", "99.8 %", "2.3 %"),
            ("1.3 %", "3.5 %", "0.0135 %"),
            ("0.09 %", "0.24 %", "0.0009 %"),
        ]
        self.assertEqual(found, expected)

    def test_ours_let_through_no_more_than_four_budgets_in_a_quarter(self) -> None:
        """Three, and the one that was left from before it."""
        self.assertGreater(self.odds.ours(), 300)
        self.assertLessEqual(self.odds.ours(), 400)

    def test_a_probability_is_one(self) -> None:
        self.assertAlmostEqual(self.odds.odds(1, 1, digits=1), 0.1)
        self.assertAlmostEqual(self.odds.odds(2, 1, digits=1), 0.19)


class Threats(SynchronousTestCase):
    def test_each_names_tests_that_are_there(self) -> None:
        for one in script().threats.threats():
            self.assertTrue(one.tests, f"{one.number} is proven by no test")
            for test in one.tests:
                module, case, name = test.rsplit(".", 2)
                found = getattr(getattr(importlib.import_module(module), case), name, None)
                self.assertTrue(callable(found), test)
