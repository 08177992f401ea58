"""Two workers serve the same ports: logins spread, one may die, and all of it ends at a signal."""

import contextlib
import os
import shutil
import signal
import socket
import tempfile
import time
from pathlib import Path
from subprocess import CalledProcessError

from twisted.trial.unittest import SynchronousTestCase

from mailtwist.testing.server import RunningServer
from tests.process.site import USER, Site, eventually
from tests.process.talk import Gone, Talker, deliver


def children(pid: int) -> list[int]:
    return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def sockets(pid: int) -> int:
    """How many the process has open."""
    found = 0
    for fd in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            found += os.readlink(fd).startswith("socket:")
    return found


class TwoWorkers(SynchronousTestCase):
    timeout = 300

    def setUp(self) -> None:
        folder = Path(tempfile.mkdtemp(prefix="mailtwist-workers-"))
        self.addCleanup(shutil.rmtree, folder, ignore_errors=True)
        self.site = Site(folder, server="workers = 2\nshutdown_deadline = 5 s")
        self.server = self.site.server
        self.addCleanup(self.server.stop)
        self.workers = children(self.server.pid)

    def imaps(self, count: int) -> list[Talker]:
        """Logged in, all at once."""
        talkers = [self.site.imap(b"INBOX") for _ in range(count)]
        for talker in talkers:
            self.addCleanup(talker.close)
        return talkers

    def spread(self) -> list[int]:
        return [sockets(pid) for pid in self.workers]

    def killed(self, pid: int) -> None:
        """A worker ends badly, and another one takes its place."""
        os.kill(pid, signal.SIGKILL)
        self.assertTrue(eventually(lambda: self.ready == 3), self.server.log)

    @property
    def ready(self) -> int:
        return sum(" app.worker_ready " in line for line in self.server.lines)

    def test_logins_spread(self) -> None:
        self.assertEqual(len(self.workers), 2)
        before = self.spread()
        self.imaps(24)
        grown = [now - then for then, now in zip(before, self.spread(), strict=True)]
        self.assertEqual(sum(grown), 24)
        self.assertGreater(min(grown), 2)

    def test_what_one_worker_does_the_other_knows(self) -> None:
        talkers = self.imaps(12)
        with self.site.smtp() as smtp:
            self.assertTrue(deliver(smtp, "x@example.net", [USER], b"Subject: x\r\n\r\nx\r\n")[:1], b"2")
        for talker in talkers:
            self.assertIn(b"* 1 EXISTS", b"\n".join(talker.imap(b"NOOP")))
        self.server.command("user", "disable", USER)
        for talker in talkers:
            self.assertIn(b"* BYE", talker.rest())

    def test_one_dies_and_mail_goes_on(self) -> None:
        talkers = self.imaps(16)
        first = self.workers[0]
        self.killed(first)
        self.workers = children(self.server.pid)
        self.assertNotIn(first, self.workers)
        alive = 0
        for talker in talkers:
            with contextlib.suppress(Gone, ConnectionError):
                alive += talker.imap(b"NOOP")[-1].startswith(b"OK ")
        self.assertGreater(alive, 0)
        self.assertLess(alive, 16)
        self.imaps(16)
        with self.site.smtp() as smtp:
            self.assertTrue(
                deliver(smtp, "x@example.net", [USER], b"Subject: x\r\n\r\nx\r\n").startswith(b"250 ")
            )
        (line,) = [line for line in self.server.lines if " app.worker_ended " in line]
        self.assertIn(f"worker 1 (process {first}) was killed by signal 9", line)

    def test_who_waits_in_the_queue_of_a_dead_worker_is_served(self) -> None:
        """Its queue is the first process's, too."""
        for pid in self.workers:
            os.kill(pid, signal.SIGSTOP)
        connected = [self.site.connect("imap") for _ in range(8)]
        for pid in self.workers:
            os.kill(pid, signal.SIGKILL)
        for talker in connected:
            with talker:
                self.assertIn(b"* OK ", talker.line())

    def test_it_ends_at_a_signal_with_all_of_them(self) -> None:
        talkers = self.imaps(4)
        self.assertEqual(self.server.stop(), -signal.SIGTERM)
        for talker in talkers:
            self.assertIn(b"* BYE", talker.rest())
        self.assertFalse(any(Path(f"/proc/{pid}").exists() for pid in self.workers))
        self.assertIn(" app.stopped ", self.server.lines[-1])
        self.assertNotIn("Traceback", self.server.log)
        self.assertFalse((self.site.folder / "ready.json").exists())

    def test_ctrl_c_is_said_once(self) -> None:
        """A busy worker keeps its grace."""
        self.server.send(signal.SIGINT)
        self.assertEqual(self.server.wait(), -signal.SIGINT)

    def test_a_second_signal_has_no_patience(self) -> None:
        talker = self.site.smtp()
        self.addCleanup(talker.close)
        for words in (b"MAIL FROM:<x@example.net>", b"RCPT TO:<%b>" % USER.encode(), b"DATA"):
            talker.smtp(words)
        self.server.send(signal.SIGTERM)
        self.server.wait_for(" app.stopping ")
        begun = time.monotonic()
        self.server.send(signal.SIGTERM)
        self.server.wait()
        self.assertLess(time.monotonic() - begun, 4.5)

    def test_a_hang_up_reaches_all(self) -> None:
        self.server.send(signal.SIGHUP)
        self.assertTrue(eventually(lambda: self.server.log.count(" app.reloaded ") == 2))
        self.imaps(8)

    def test_workers_without_the_first_process_end(self) -> None:
        self.imaps(4)
        os.kill(self.server.pid, signal.SIGKILL)
        self.server.wait()
        self.assertTrue(eventually(lambda: not any(Path(f"/proc/{pid}").exists() for pid in self.workers)))
        self.server.start()
        self.workers = children(self.server.pid)
        self.imaps(2)

    def test_it_is_ready_when_all_are(self) -> None:
        lines = [line for line in self.server.lines if " app.worker_ready " in line or " app.ready " in line]
        self.assertIn(" app.ready ", lines[2])
        self.assertEqual(len([line for line in self.server.lines if " app.listening " in line]), 8)


class Refused(SynchronousTestCase):
    def server(self, *sections: str) -> RunningServer:
        folder = Path(self.mktemp())
        ini = "\n".join(
            ["[server]", "hostname = mail.example.test", "state = state", "workers = 2", *sections]
        )
        made = RunningServer(folder, ini)
        self.addCleanup(lambda: made._child and made.kill())
        return made

    def test_what_is_in_memory_cannot_be_shared(self) -> None:
        for room, instead in (("store", "type = maildir"), ("state", "type = sqlite_volatile")):
            server = self.server(f"[{room}:x]", "type = memory")
            self.assertEqual(server.run(), 78)
            line = next(line for line in server.lines if "memory" in line)
            self.assertIn(f"{server.config}:6: [{room}:x] type: it is in the memory of one process", line)
            self.assertIn(instead, line)
            with self.assertRaises(CalledProcessError) as caught:
                server.command("check")
            self.assertIn(instead, caught.exception.stderr)

    def test_workers_that_cannot_begin_end_it_all(self) -> None:
        server = self.server("[directory:people]", "type = sqlite")
        state = server.folder / "state"
        state.mkdir(mode=0o700)
        (state / "people.sqlite").write_text("not a database" * 1000)
        self.assertEqual(server.run(), 1)
        self.assertEqual(server.log.count(" app.worker_not_begun "), 1)
        self.assertNotIn("Traceback", server.log)

    def test_a_port_that_is_taken_is_told(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            server = self.server(
                "[store:mail]", "type = maildir", f"[service:imap]\nstore = mail\nlisten = 127.0.0.1:{port}"
            )
            self.assertEqual(server.run(), 1)
            self.assertIn(f"cannot listen on 127.0.0.1:{port}", server.log)

    def test_a_unix_socket_is_shared_and_goes_in_the_end(self) -> None:
        target = "[target:local]\ntype = mailbox\nstore = mail"
        listen = "[service:lmtp]\ntarget = local\nlisten = unix:{path}"
        short = Path(tempfile.mkdtemp())  # a socket's path has at most 107 octets
        self.addCleanup(shutil.rmtree, short)
        path = short / "lmtp"
        server = self.server("[store:mail]\ntype = maildir", target, listen.format(path=path))
        with server:
            for pid in children(server.pid)[:1]:
                os.kill(pid, signal.SIGKILL)
            self.assertTrue(eventually(lambda: server.log.count(" app.worker_ready ") == 3))
            for _ in range(10):
                with socket.socket(socket.AF_UNIX) as client:
                    client.settimeout(60)
                    client.connect(str(path))
                    self.assertEqual(client.recv(4), b"220 ")
        self.assertFalse(path.exists())
