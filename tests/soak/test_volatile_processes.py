"""Three processes hammer one volatile SQLite file for a long time."""

from tests.soak.kills import FULL
from tests.state.volatile import test_processes


class LongHammerTests(test_processes.SqliteProcessesTests):
    ROUNDS = 2000 if FULL else 200
    PROCESSES = 3
    timeout = 1200
