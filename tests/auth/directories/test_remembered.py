"""What others have answered, for as long as the operator says."""

from twisted.trial.unittest import SynchronousTestCase

from mailtwist.auth.directories.remembered import MOST, Remembered


class RememberedTests(SynchronousTestCase):
    def test_for_so_long_and_so_many(self) -> None:
        now = [0.0]
        some: Remembered[int, str] = Remembered(lambda: now[0], 10)
        for number in range(MOST + 1):
            some[number] = "x"
        self.assertEqual((some.get(0, ""), some.get(1, "")), ("", "x"))
        now[0] = 10.0
        self.assertEqual(some.get(1, ""), "")

    def test_nothing_is_when_nothing_is_said(self) -> None:
        some: Remembered[int, str] = Remembered(lambda: 0.0, 0)
        some[1] = "x"
        self.assertEqual(some.get(1, ""), "")
