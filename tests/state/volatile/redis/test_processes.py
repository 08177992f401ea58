"""Real processes on one Redis."""

from pathlib import Path

from twisted.trial.unittest import TestCase

from tests.peers.programs import needs
from tests.state.redis_server import RedisServer
from tests.state.volatile.processes import ProcessesContract
from tests.state.volatile.redis.making import made_for, settings_for


def made_in(folder: Path):
    """The state of the server whose port is in a file there."""
    server = RedisServer(folder, port=int((folder / "port").read_text()))
    return made_for(settings_for(server, "processes"))


@needs("redis-server")
class RedisProcessesTests(ProcessesContract, TestCase):
    maker = "tests.state.volatile.redis.test_processes:made_in"

    def setUp(self) -> None:
        self.folder = Path(self.mktemp()).absolute()
        self.folder.mkdir()
        server = RedisServer(self.folder).start()
        self.addCleanup(server.kill)
        (self.folder / "port").write_text(str(server.port))

    def opened_here(self):
        return made_in(self.folder)
