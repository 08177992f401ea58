"""Timers of the server go by a clock that nobody sets."""

import subprocess
import sys

from twisted.trial.unittest import SynchronousTestCase

from mailtwist.testing.server import import_path

PROGRAM = """
import time
from twisted.internet import reactor
from mailtwist.app.running import steady_timers

ahead = [0.0]
assert type(reactor).seconds is time.time  # what the machine's clock says
type(reactor).seconds = staticmethod(lambda: time.time() + ahead[0])
steady_timers()
reactor.callLater(0.0, ahead.__setitem__, 0, -3600.0)
reactor.callLater(0.05, reactor.stop)
reactor.run()
print("ended")
"""


class SteadyTimers(SynchronousTestCase):
    def test_a_clock_that_is_set_back_delays_nothing(self) -> None:
        done = subprocess.run(
            [sys.executable, "-P", "-c", PROGRAM],
            capture_output=True,
            text=True,
            timeout=20,
            env={"PYTHONPATH": import_path()},
        )
        self.assertEqual((done.stdout, done.stderr), ("ended\n", ""))
