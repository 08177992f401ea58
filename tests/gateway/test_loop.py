"""A gateway that is told to hand mail on to itself notices it, and goes on serving."""

import smtplib
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from mailtwist.gateway.dial import HOPS
from mailtwist.testing.server import RunningServer
from tests.peers.programs import free_ports

INI = """\
[server]
hostname = mail.example.org
state = state
workers = {workers}
[service:mx]
type = smtp_gateway
listen = 127.0.0.1:{port}
upstream = inside
[upstream:inside]
type = server
hosts = 127.0.0.1
smtp = {port} plain
"""


class LoopTests(SynchronousTestCase):
    timeout = 120

    workers = 1

    def served(self) -> RunningServer:
        self.port = free_ports(1)[0]
        ini = INI.format(port=self.port, workers=self.workers)
        server = RunningServer(Path(self.mktemp()), ini).start()
        self.addCleanup(server.stop)
        return server

    def mail(self) -> tuple[int, bytes]:
        """What becomes of a sender."""
        with smtplib.SMTP("127.0.0.1", self.port, timeout=60) as smtp:
            smtp.ehlo("client.example.org")
            answer: tuple[int, bytes] = smtp.mail("ann@example.org")
            if answer[0] == 250:
                answer = smtp.rcpt("bob@example.org")
            return answer

    def test_it_is_refused_for_now_and_told_once(self) -> None:
        server = self.served()
        code, words = self.mail()
        self.assertEqual(code // 100, 4, words)
        said = server.wait_for("has come through")
        self.assertIn(f"127.0.0.1 has come through {HOPS} gateways: its hosts lead back to us", said)
        self.assertEqual(server.log.count("lead back to us"), 1)
        self.assertEqual(self.mail()[0] // 100, 4)


class LoopOfWorkersTests(LoopTests):
    """One worker knows the connections of the other."""

    workers = 2
