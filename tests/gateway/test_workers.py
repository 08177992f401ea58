"""A gateway of two workers before a real Dovecot: logins spread, one dies, mail goes on."""

import os
import signal
import smtplib
import ssl

from twisted.trial.unittest import SynchronousTestCase

from mailtwist.testing.server import RunningServer
from tests.backends import shared
from tests.gateway.test_imap_real import Through
from tests.gateway.whole import Gateway
from tests.peers.programs import needs
from tests.process.site import eventually
from tests.process.test_workers import children, sockets


@needs("dovecot")
class TwoWorkers(Through, SynchronousTestCase):
    timeout = 300

    def setUp(self) -> None:
        self.gateway = Gateway(shared.dovecot(), server="workers = 2\nshutdown_deadline = 5 s\n")
        self.addCleanup(self.gateway.end)
        self.server: RunningServer = self.gateway.server

    def submitted(self, name: str) -> None:
        login = self.gateway.person(name).login()
        tls = ssl.create_default_context(cafile=str(login.certificate))
        port = login.ports["submissions"]
        with smtplib.SMTP_SSL("localhost", port, context=tls, timeout=60) as smtp:
            smtp.login(login.user, login.secret)
            smtp.sendmail(login.user, [login.user], b"Subject: x\r\n\r\nx\r\n")

    def test_both_work_and_one_may_die(self) -> None:
        workers = children(self.server.pid)
        before = [sockets(pid) for pid in workers]
        sessions = [self.session(self.gateway, "spread") for _ in range(16)]
        grown = [sockets(pid) - then for pid, then in zip(workers, before, strict=True)]
        self.assertGreaterEqual(sum(grown), 24)  # the client's and the one behind; health checks come and go
        self.assertGreater(min(grown), 2)
        self.submitted("spread")
        os.kill(workers[1], signal.SIGKILL)
        self.assertTrue(eventually(lambda: self.server.log.count(" app.worker_ready ") == 3), self.server.log)
        alive = 0
        for imap in sessions:
            try:
                alive += imap.noop()[0] == "OK"
            except (OSError, imap.abort):
                continue
        self.assertTrue(0 < alive < 16, alive)
        for _ in range(8):
            self.assertEqual(self.session(self.gateway, "spread").select("INBOX")[0], "OK")
            self.submitted("spread")
        bad = [line for line in self.server.lines if "Traceback" in line or " critical " in line]
        self.assertEqual(bad, [])
