"""Postfix as a peer: a private one, which takes mail in front of mailtwist.  Only root can start it."""

import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from unittest import SkipTest

from tests.peers.programs import PATH, free_ports, program

MAIN = """\
compatibility_level = 3.6
queue_directory = {run}/queue
data_directory = {run}/data
maillog_file = {run}/log
maillog_file_prefixes = {run}
myhostname = front.example.test
mydestination =
alias_maps =
alias_database =
local_recipient_maps =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
hopcount_limit = 500
smtpd_peername_lookup = no
address_verify_poll_delay = 1s
address_verify_poll_count = 20
"""
MASTER = """\
127.0.0.1:{smtp} inet n - n - - smtpd
lmtp unix - - n - - lmtp
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
local unix - n n - - local
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""


class Postfix:
    """From `start` until `stop`, with more lines of main.cf.  It takes mail on `port`; `socket` is where it
    looks for mailtwist's LMTP socket, in a folder of its own group."""

    def __init__(self, main: str) -> None:
        program("postfix")
        if os.getuid():
            raise SkipTest("only root can start a Postfix of its own")
        self.folder = Path(tempfile.mkdtemp(prefix="postfix-"))
        self.folder.chmod(0o755)
        self._config = self.folder / "config"
        for folder in (self._config, self.folder / "queue", self.folder / "data"):
            folder.mkdir()
        shutil.chown(self.folder / "data", "postfix")
        inside = self.folder / "queue" / "mailtwist"
        inside.mkdir()
        shutil.chown(inside, group="postfix")
        inside.chmod(0o2750)
        self.socket = inside / "lmtp"
        self.port = free_ports(1)[0]
        (self._config / "main.cf").write_text(MAIN.format(run=self.folder) + main)
        (self._config / "master.cf").write_text(MASTER.format(smtp=self.port))

    def start(self) -> None:
        self._postfix("start")

    def stop(self) -> None:
        self._postfix("stop", ok=False)
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def log(self) -> str:
        file = self.folder / "log"
        return file.read_text() if file.exists() else ""

    def line(self, pattern: str) -> str:
        """The first line of the log that has it; waits for it."""
        return self._wait(lambda: re.search(rf"(?m)^.*{pattern}.*$", self.log))[0]

    def _wait(self, look: Callable[[], re.Match[str] | None]) -> re.Match[str]:
        deadline = time.monotonic() + 60
        while (found := look()) is None:
            if time.monotonic() > deadline:
                raise AssertionError(f"it did not come to pass:\n{self.log}")
            time.sleep(0.05)
        return found

    def _postfix(self, word: str, ok: bool = True) -> None:
        words = [program("postfix"), "-c", str(self._config), word]
        done = subprocess.run(words, env={**os.environ, "PATH": PATH}, capture_output=True, timeout=60)
        if ok and done.returncode:
            raise AssertionError(f"postfix {word}: {done.stderr.decode('utf-8', 'replace')}\n{self.log}")
