"""The process: how it begins, what signals do, how it ends.  Every test runs a real twistd."""

import json
import os
import signal
import stat
import time
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from mailtwist.app.tap import TWISTD
from mailtwist.testing.server import RunningServer
from tests.app.clients import bring

SERVER = "[server]\nhostname = mail.example.org\nstate = state\n"
EVERYTHING = """\
[tls:public]
type = self_signed
[directory:people]
type = sqlite
[factor:totp]
[store:mail]
type = maildir
[target:mailbox]
store = mail
[service:smtp]
listen = 127.0.0.1:0
"""


def wait_for(log: Path, event: str) -> None:
    """The line is there; the process is not ours to be told by."""
    until = time.monotonic() + 30
    while not log.exists() or event not in log.read_text():
        if time.monotonic() > until:
            raise AssertionError(f"no {event}")
        time.sleep(0.02)


def end(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


class Process(SynchronousTestCase):
    def server(self, ini: str = SERVER) -> RunningServer:
        made = RunningServer(Path(self.mktemp()), ini, anew=True)
        self.addCleanup(lambda: made._child and made.kill())
        return made


class Beginning(Process):
    def test_a_wrong_config_is_told_whole_and_ends_with_78(self) -> None:
        server = self.server("[server]\nstat = x\n[store:memory]\ntipe = x\n")
        self.assertEqual(server.run(), 78)
        self.assertIn(f"{server.config}:2: [server] stat: ", server.log)
        self.assertIn(f"{server.config}:4: [store:memory] tipe: ", server.log)
        self.assertNotIn("Traceback", server.log)

    def test_no_config_is_a_sentence_too(self) -> None:
        server = self.server()
        server.config.unlink()
        self.assertEqual(server.run(), 78)
        self.assertIn("there is no such file", server.log)
        self.assertNotIn("Traceback", server.log)

    def test_a_log_that_cannot_be_written_is_a_wrong_config(self) -> None:
        server = self.server(SERVER + "log = nowhere/log\n")
        self.assertEqual(server.run(), 78)
        self.assertIn(":4: [server] log: ", server.log)

    def test_a_daemon_needs_a_log_file(self) -> None:
        made = RunningServer(Path(self.mktemp()), SERVER, program=[w for w in TWISTD if w != "-n"])
        self.assertEqual(made.run(), 78)
        self.assertIn("[server] log: a daemon has no stderr", made.log)

    def test_a_daemon_serves_and_ends(self) -> None:
        ini = SERVER + "log = log\n"
        pid = "--pidfile=pid"
        program = [pid if w == "--pidfile=" else w for w in TWISTD if w != "-n"]
        made = RunningServer(Path(self.mktemp()), ini, program=program)
        self.assertEqual(made.run(), 0)
        daemon = int((made.folder / "pid").read_text())
        self.addCleanup(end, daemon)
        wait_for(made.folder / "log", "app.ready")
        os.kill(daemon, signal.SIGTERM)
        wait_for(made.folder / "log", "app.stopped")

    def test_a_daemon_that_cannot_begin_says_so(self) -> None:
        program = ["--pidfile=pid" if w == "--pidfile=" else w for w in TWISTD if w != "-n"]
        made = RunningServer(Path(self.mktemp()), SERVER + "log = log\n", program=program)
        (made.folder / "state").write_text("a file")
        self.assertEqual(made.run(), 1)
        self.assertIn("the state folder", made.log)
        self.assertFalse((made.folder / "pid").exists())

    def test_without_a_service_it_says_that_nobody_can_connect(self) -> None:
        with self.server() as server:
            self.assertIn(" warn app.no_service ", server.log)

    def test_the_state_folder_is_made_for_us_alone(self) -> None:
        with self.server() as server:
            self.assertEqual(stat.S_IMODE(os.stat(server.folder / "state").st_mode), 0o700)

    def test_nothing_in_it_is_anybody_elses_whatever_the_umask(self) -> None:
        self.addCleanup(os.umask, os.umask(0))
        with self.server(SERVER + EVERYTHING) as server:
            server.command("user", "add", "ann@example.org", "--password-stdin", typed="x\n")
            server.command("otp", "enroll", "ann@example.org")
            bring(server.port("smtp"), "bob@example.com", ["ann@example.org"], b"Subject: x\r\n\r\nx\r\n")
            found = list((server.folder / "state").rglob("*"))
            self.assertGreater(len(found), 20)
            open_to_others = [str(path) for path in found if path.lstat().st_mode & 0o077]
            self.assertEqual(open_to_others, [])

    def test_a_ready_file_that_cannot_be_is_a_sentence(self) -> None:
        server = self.server()
        server.begin("--config", str(server.config), "--ready-file", str(server.folder / "no" / "file"))
        self.assertEqual(server.wait(), 1)
        self.assertIn("the ready file", server.log)
        self.assertNotIn("Traceback", server.log)

    def test_a_state_folder_that_cannot_be_is_a_sentence(self) -> None:
        server = self.server()
        (server.folder / "state").write_text("a file")
        self.assertEqual(server.run(), 1)
        self.assertIn("the state folder", server.log)
        self.assertNotIn("Traceback", server.log)

    def test_a_second_server_on_one_state_folder_is_refused(self) -> None:
        with self.server() as first:
            second = self.server(SERVER.replace("= state", f"= {first.folder}/state"))
            self.assertEqual(second.run(), 1)
            self.assertIn(f"another mailtwist (process {first.pid}) uses", second.log)
            self.assertNotIn("Traceback", second.log)
        with second:
            pass

    def test_a_killed_server_leaves_no_lock_behind(self) -> None:
        server = self.server().start()
        server.kill()
        with server:
            pass


class Signals(Process):
    def test_sigterm_ends_it_cleanly(self) -> None:
        server = self.server().start()
        self.assertEqual(server.stop(), -signal.SIGTERM)
        self.assertIn(" app.stopped ", server.lines[-1])

    def test_so_does_ctrl_c(self) -> None:
        server = self.server().start()
        server.send(signal.SIGINT)
        self.assertEqual(server.wait(), -signal.SIGINT)
        self.assertIn(" app.stopped ", server.lines[-1])

    def test_sighup_reopens_the_log_and_never_kills(self) -> None:
        server = self.server(SERVER + "log = log\nlog_format = json\n")
        server.begin("--config", str(server.config), "--ready-file", str(server.folder / "ready.json"))
        self.addCleanup(server.kill)
        log = server.folder / "log"
        wait_for(log, "app.ready")
        log.rename(server.folder / "log.1")
        server.send(signal.SIGHUP)
        wait_for(log, "app.reloaded")
        server.send(signal.SIGHUP)
        server.stop()
        events = [json.loads(line)["event"] for line in log.read_text().splitlines()]
        self.assertEqual(events[0], "app.reloaded")
        self.assertEqual(events[-1], "app.stopped")
        self.assertEqual(stat.S_IMODE(os.stat(log).st_mode) & 0o007, 0)
