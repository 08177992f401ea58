"""Postfix with its real queue, and the mail thrown away behind it; it can be started by root only."""

import os
import shutil
import subprocess
from typing import ClassVar

from bench.servers.api import NotHere, Program
from bench.servers.ports import answers, free

PATH = os.environ["PATH"] + ":/usr/sbin"
MAIN = """\
compatibility_level = 3.6
queue_directory = {run}/queue
data_directory = {run}/data
maillog_file = {run}/log
maillog_file_prefixes = {run}
myhostname = mail.example.test
mydestination = example.test
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
local_recipient_maps =
alias_maps =
local_transport = discard:
smtpd_tls_cert_file = {certificate}
smtpd_tls_key_file = {key}
smtpd_tls_security_level = may
smtpd_client_connection_count_limit = 0
"""
MASTER = """\
127.0.0.1:{smtp} inet n - n - - smtpd
127.0.0.1:{smtps} inet n - n - - smtpd
  -o smtpd_tls_wrappermode=yes
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
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""


class Postfix(Program):
    name: ClassVar[str] = "postfix"

    def start(self) -> None:
        program = shutil.which("postfix", path=PATH)
        if program is None or os.getuid():
            raise NotHere("postfix is not installed" if program is None else "postfix needs root")
        self.ports = dict(zip(("smtp", "smtps"), free(2), strict=True))
        config = self.folder / "config"
        for folder in (config, self.folder / "queue", self.folder / "data"):
            folder.mkdir()
        shutil.chown(self.folder / "data", "postfix")
        words = {"run": self.folder, "certificate": self.certificate, "key": self.key}
        (config / "main.cf").write_text(MAIN.format(**words))
        (config / "master.cf").write_text(MASTER.format(**self.ports))
        self.run(program, "-c", str(config), "start-fg")
        self.wait_until(lambda: all(map(answers, self.ports.values())))

    def end(self) -> None:
        """Its master is not the process that was started."""
        stop = ["postfix", "-c", str(self.folder / "config"), "stop"]
        subprocess.run(stop, env={**os.environ, "PATH": PATH}, capture_output=True, timeout=30)
        super().end()
