"""A real redis-server of the tests' own: in a temporary folder, on a free port of the loopback."""

import atexit
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from mailtwist.kit.ids import new_id
from mailtwist.testing.clock import BEGIN
from tests.peers.programs import free_ports, program

PATIENCE = 20.0  # seconds for what takes none


class RedisServer:
    """A server with these lines in its configuration; nothing of it is written anywhere else."""

    def __init__(self, folder: Path, *lines: str, port: int = 0, sentinel: bool = False) -> None:
        self.folder = folder
        self.port = port or free_ports(1)[0]
        self.tls_port = 0
        self._lines = lines
        self._tls: list[str] = []
        self._sentinel = sentinel
        self._process: subprocess.Popen[bytes] | None = None

    def with_tls(self, certificate: bytes, key: bytes, authority: bytes, clients: str = "no") -> None:
        """TLS on `tls_port`, beside the port without; takes effect with the next start."""
        self.tls_port = self.tls_port or free_ports(1)[0]
        for name, pem in (("certificate", certificate), ("key", key), ("authority", authority)):
            (self.folder / f"{name}.pem").write_bytes(pem)
        self._tls = [
            f"tls-port {self.tls_port}",
            f"tls-cert-file {self.folder.resolve()}/certificate.pem",
            f"tls-key-file {self.folder.resolve()}/key.pem",
            f"tls-ca-cert-file {self.folder.resolve()}/authority.pem",
            f"tls-auth-clients {clients}",
        ]

    def start(self) -> "RedisServer":
        config = self.folder / "redis.conf"
        ours = [
            "bind 127.0.0.1",
            f"port {self.port}",
            f"dir {self.folder.resolve()}",
            "daemonize no",
        ]
        if not self._sentinel:
            ours += ['save ""', "appendonly no", "repl-diskless-sync-delay 0"]
        if not (self._sentinel and config.exists()):  # a Sentinel writes what it learns into its own
            config.write_text("\n".join([*ours, *self._tls, *self._lines, ""]))
        command = [program("redis-server"), str(config), *(["--sentinel"] if self._sentinel else [])]
        log = (self.folder / "log").open("ab")
        self._process = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        log.close()
        _wait_for(lambda: self.ask("PING"), self.folder / "log")
        return self

    def ask(self, *words: str | bytes | int) -> Any:
        """The answer, as the default user; AssertionError for an error."""
        with socket.create_connection(("127.0.0.1", self.port), PATIENCE) as connection:
            return asked(connection, *words)

    def kill(self) -> None:
        """Gone at once, with all it knew."""
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)
            self._process.kill()
            self._process.wait()
            self._process = None

    def stall(self) -> None:
        self._signal(signal.SIGSTOP)

    def go_on(self) -> None:
        self._signal(signal.SIGCONT)

    def _signal(self, which: int) -> None:
        assert self._process is not None
        os.kill(self._process.pid, which)


def asked(connection: socket.socket, *words: str | bytes | int) -> Any:
    """One question on a connection that has a timeout, and its answer."""
    octets = [word if isinstance(word, bytes) else str(word).encode() for word in words]
    said = [b"*%d\r\n" % len(octets), *(b"$%d\r\n%s\r\n" % (len(one), one) for one in octets)]
    connection.sendall(b"".join(said))
    with connection.makefile("rb") as file:
        return _answer(file)


def _answer(file: Any) -> Any:
    line = file.readline().rstrip(b"\r\n")
    kind, rest = line[:1], line[1:]
    if kind == b"-" or not kind:
        raise AssertionError(rest.decode() or "nothing was answered")
    if kind == b":":
        return int(rest)
    if kind == b"$":
        return None if rest == b"-1" else file.read(int(rest) + 2)[:-2]
    if kind == b"*":
        return [_answer(file) for _ in range(int(rest))]
    return rest


def _wait_for(what: Any, log: Path) -> None:
    end = time.monotonic() + PATIENCE
    while True:
        try:
            return what()
        except (OSError, AssertionError):
            if time.monotonic() > end:
                raise AssertionError(log.read_text("utf-8", "replace")) from None
            time.sleep(0.02)


@cache
def shared_server() -> RedisServer:
    """One for all tests that do it no harm; each takes a prefix of its own."""
    folder = Path(tempfile.mkdtemp(prefix="mailtwist-redis-"))
    server = RedisServer(folder).start()
    atexit.register(lambda: (server.kill(), shutil.rmtree(folder, ignore_errors=True)))
    return server


class RedisTime:
    """A clock in Redis that a test turns: the scripts are made to go by `script` instead of the server's."""

    def __init__(self, server: RedisServer, prefix: str = "") -> None:
        self.key = f"{{{prefix or new_id()}}}:clock"
        self.script = f"tonumber(redis.call('GET', '{self.key}'))"
        self._server = server
        self._now = BEGIN
        self.advance(0)

    def now(self) -> float:
        return self._now

    def advance(self, seconds: float) -> None:
        self._now += seconds
        self._server.ask("SET", self.key, round(self._now * 1000), "EX", 600)


def without_time(server: RedisServer, prefix: str) -> Sequence[bytes]:
    """The keys under a prefix that would stay for ever."""
    keys = server.ask("KEYS", f"{{{prefix}}}:*")
    return [key for key in keys if server.ask("PTTL", key) < 0]
