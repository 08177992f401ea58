"""HAProxy as a peer: in TCP mode in front of mailtwist, it tells with PROXY who its clients are."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

from tests.peers.programs import PATH, free_ports, program

GLOBAL = """\
global
  maxconn 200
  log stderr local0
defaults
  mode tcp
  log global
  timeout connect 10s
  timeout client 60s
  timeout server 60s
"""


class HAProxy:
    """From `start` until `stop`.  `sides` are names, each with the port behind it and the words of its line
    `server` (`send-proxy-v2 check`); `tls` are names whose TLS ends here, by the PEM file `certificate`."""

    def __init__(
        self,
        folder: Path,
        sides: Mapping[str, tuple[int, str]],
        *,
        tls: tuple[str, ...] = (),
        certificate: Path | None = None,
    ) -> None:
        program("haproxy")
        self.ports = dict(zip(sides, free_ports(len(sides)), strict=True))
        self._config = folder / "haproxy.cfg"
        self._log = folder / "haproxy.log"
        lines = [GLOBAL]
        for name, (port, words) in sides.items():
            bind = f" ssl crt {certificate}" if name in tls else ""
            lines += [f"listen {name}", f"  bind 127.0.0.1:{self.ports[name]}{bind}"]
            lines += [f"  server mailtwist 127.0.0.1:{port} {words}"]
        self._config.write_text("\n".join(lines) + "\n")
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> str:
        return self._log.read_text()

    def start(self) -> None:
        """Returns when it listens."""
        environment = {**os.environ, "PATH": PATH}
        with self._log.open("wb") as log:
            words = [program("haproxy"), "-db", "-f", str(self._config)]
            self._process = subprocess.Popen(words, stdout=log, stderr=log, env=environment)
        until = time.monotonic() + 30
        for port in self.ports.values():
            while not _listens(port):
                if self._process.poll() is not None or time.monotonic() > until:
                    raise AssertionError(f"HAProxy did not start:\n{self.log}")
                time.sleep(0.02)

    def stop(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            self._process.wait(30)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
