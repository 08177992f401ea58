"""Two real processes on one volatile SQLite file."""

from pathlib import Path

from twisted.trial.unittest import TestCase

from mailtwist.kit.clock import SystemClock
from mailtwist.state.volatile.sqlite import Settings, SqliteVolatileState
from mailtwist.testing.assembly import OnePart
from tests.state.volatile.processes import ProcessesContract


def made_in(folder):
    return SqliteVolatileState(Settings(), OnePart(folder, clock=SystemClock()))


class SqliteProcessesTests(ProcessesContract, TestCase):
    maker = "tests.state.volatile.test_processes:made_in"

    def setUp(self):
        self.folder = Path(self.mktemp()).absolute()
        self.folder.mkdir()

    def opened_here(self):
        return made_in(self.folder)
