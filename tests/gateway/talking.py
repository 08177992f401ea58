"""A client that says what it likes to a real gateway, octet by octet: SMTP with TLS, or without."""

import base64
import select
import socket
import ssl
from types import TracebackType
from typing import Self

from tests.gateway.whole import Gateway
from tests.peers.clients import Login

PATIENCE = 60.0


class Talking:
    """Connected to one of the gateway's doors and greeted."""

    def __init__(self, gateway: Gateway, door: str) -> None:
        raw = socket.create_connection(("127.0.0.1", gateway.server.port(door)), PATIENCE)
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket = raw
        if door.endswith("s"):
            context = ssl.create_default_context(cafile=str(gateway.certificate))
            self._socket = context.wrap_socket(raw, server_hostname="localhost")
        self._lines = self._socket.makefile("rb")
        self.answer()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        self._lines.close()
        self._socket.close()

    def send(self, *pieces: bytes) -> None:
        """Each in a segment of its own; who has hung up does not get them."""
        try:
            for piece in pieces:
                self._socket.sendall(piece)
        except OSError:
            pass

    def answer(self) -> bytes:
        """The next reply, whole; b"" when there is none any more."""
        told = b""
        try:
            while line := self._lines.readline():
                told += line
                if line[3:4] != b"-":
                    break
        except OSError:
            pass
        return told

    def silent(self, seconds: float) -> bool:
        """Nothing comes so long."""
        return not select.select([self._socket], [], [], seconds)[0]

    def push(self, octets: bytes, times: int, seconds: float) -> int:
        """`octets` again and again, until they are not taken for so long; how many were."""
        self._socket.settimeout(seconds)
        sent = 0
        try:
            for _ in range(times):
                self._socket.sendall(octets)
                sent += len(octets)
        except TimeoutError:
            pass
        return sent

    def ask(self, command: bytes) -> bytes:
        self.send(command + b"\r\n")
        return self.answer()

    def log_in(self, login: Login, name: bytes = b"client.example") -> None:
        self.ask(b"EHLO " + name)
        words = base64.b64encode(f"\0{login.user}\0{login.secret}".encode())
        told = self.ask(b"AUTH PLAIN " + words)
        assert told.startswith(b"235 "), told
