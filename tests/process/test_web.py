"""A whole server with a site: two workers answer, one dies, and SIGTERM ends a request in peace."""

import http.client
import os
import signal
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from mailtwist.testing.server import RunningServer
from tests.process.site import eventually
from tests.process.test_workers import children

INI = """
[server]
state = state
hostname = mail.example.org
workers = {workers}
[service:web]
listen = 127.0.0.1:0
pages = health, redirect, metrics
"""


class WholeSite(SynchronousTestCase):
    timeout = 120

    def server(self, workers: int) -> RunningServer:
        server = RunningServer(Path(self.mktemp()), INI.format(workers=workers))
        server.start()
        self.addCleanup(server.kill)
        return server

    def get(self, server: RunningServer, path: str = "/health") -> tuple[int, str]:
        client = http.client.HTTPConnection("127.0.0.1", server.port("web"), timeout=30)
        try:
            client.request("GET", path, headers={"Host": "mail.example.org"})
            answer = client.getresponse()
            return answer.status, answer.read().decode()
        finally:
            client.close()

    def counted(self, server: RunningServer) -> float:
        """Requests for /health that were counted by all workers."""
        line = 'mailtwist_http_requests_total{page="health",status="2xx"} '
        found = [one for one in self.get(server, "/metrics")[1].split("\n") if one.startswith(line)]
        return float(found[0].removeprefix(line)) if found else 0.0

    def test_it_ends_in_peace(self) -> None:
        server = self.server(1)
        self.assertEqual(self.get(server), (200, "ok\n"))
        idle = http.client.HTTPConnection("127.0.0.1", server.port("web"), timeout=30)
        idle.request("GET", "/health")
        self.assertEqual(idle.getresponse().read(), b"ok\n")
        server.stop()
        idle.close()
        self.assertIn(" app.stopped ", server.log)
        self.assertNotIn("Traceback", server.log)

    def test_several_workers_answer_and_one_may_die(self) -> None:
        server = self.server(2)
        self.assertEqual({self.get(server) for _ in range(13)}, {(200, "ok\n")})
        asked = eventually(lambda: self.counted(server) > 12)
        self.assertTrue(asked, "one worker does not know what the other has counted")
        os.kill(children(server.pid)[0], signal.SIGKILL)
        self.assertTrue(eventually(lambda: server.log.count(" app.worker_ready ") == 3), server.log)
        self.assertEqual({self.get(server) for _ in range(12)}, {(200, "ok\n")})
        server.stop()
        self.assertIn(" app.stopped ", server.log)
        self.assertNotIn("Traceback", server.log)
