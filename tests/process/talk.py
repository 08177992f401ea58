"""A client of nothing but a socket: it says what it is told to and reads what comes."""

import socket
import ssl
from collections.abc import Sequence
from typing import Self

DEADLINE = 60.0
"""Seconds without an octet after which a test has failed: far more than any answer takes."""


class Gone(Exception):
    """The server has closed; what it said before is told."""


class Talker:
    """One connection to `port` of this machine.  `held` is how many octets its kernel buffer may hold,
    `source` the address in 127/8 that it comes from."""

    def __init__(self, port: int, *, tls: bool = False, held: int = 0, source: str = "127.0.0.1") -> None:
        self.socket = socket.socket()
        if held:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, held)
        self.socket.settimeout(DEADLINE)
        self.socket.bind((source, 0))
        self.socket.connect(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._came = bytearray()
        self._tags = 0
        if tls:
            self.start_tls()

    def start_tls(self, alpn: Sequence[str] = ()) -> None:
        """What was received in clear must have been read."""
        assert not self._came, bytes(self._came)
        context = trusting()
        if alpn:
            context.set_alpn_protocols(alpn)
        self.socket = context.wrap_socket(self.socket, server_hostname="localhost")

    @property
    def certificate(self) -> bytes:
        """The server's, DER."""
        assert isinstance(self.socket, ssl.SSLSocket)
        return self.socket.getpeercert(binary_form=True) or b""

    # -- octets and lines
    def send(self, octets: bytes) -> None:
        self.socket.sendall(octets)

    def line(self) -> bytes:
        """The next line, without CRLF; `Gone`."""
        while (end := self._came.find(b"\r\n")) < 0:
            self.more()
        line = bytes(self._came[:end])
        del self._came[: end + 2]
        return line

    def take(self, count: int) -> bytes:
        """The next `count` octets; `Gone`."""
        while len(self._came) < count:
            self.more()
        taken = bytes(self._came[:count])
        del self._came[:count]
        return taken

    def rest(self) -> bytes:
        """All that comes until the server closes, or cuts."""
        try:
            while True:
                self.more()
        except (Gone, ConnectionError, ssl.SSLError):
            rest, self._came = bytes(self._came), bytearray()
            return rest

    def more(self) -> None:
        """Waits for octets, and keeps them; `Gone`."""
        octets = self.socket.recv(1 << 18)
        if not octets:
            raise Gone(bytes(self._came))
        self._came += octets

    # -- the three protocols
    def smtp(self, command: bytes = b"") -> bytes:
        """The last line of the answer to `command`; without one, of what the server says by itself."""
        if command:
            self.send(command + b"\r\n")
        while (line := self.line())[3:4] == b"-":
            pass
        return line

    def imap(self, command: bytes, literal: bytes | None = None) -> list[bytes]:
        """The lines of the answer, the tagged one last and without its tag; `literal` goes behind its size
        without being asked for."""
        self._tags += 1
        tag = b"t%d" % self._tags
        sent = b"%b %b" % (tag, command)
        if literal is not None:
            sent += b" {%d+}\r\n%b" % (len(literal), literal)
        self.send(sent + b"\r\n")
        return self.answer(tag)

    def answer(self, tag: bytes) -> list[bytes]:
        """The lines up to the one with `tag`, literals in them."""
        lines: list[bytes] = []
        while True:
            line = self.line()
            while line.endswith(b"}") and b"{" in line:
                size = int(line[line.rindex(b"{") + 1 : -1])
                line += b"\r\n" + self.take(size) + self.line()
            if line.startswith(tag + b" "):
                return [*lines, line[len(tag) + 1 :]]
            lines.append(line)

    def pop3(self, command: bytes = b"") -> bytes:
        """The first line of the answer to `command`; without one, of what the server says by itself."""
        if command:
            self.send(command + b"\r\n")
        return self.line()

    def block(self) -> list[bytes]:
        """Lines up to a dot."""
        lines: list[bytes] = []
        while (line := self.line()) != b".":
            lines.append(line[1:] if line.startswith(b".") else line)
        return lines

    # -- the end
    def reset(self) -> None:
        """Gone without a word."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.socket.close()

    def close(self) -> None:
        self.socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def trusting() -> ssl.SSLContext:
    """Takes any certificate: it is ours."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def deliver(talker: Talker, sender: str, recipients: Sequence[str], message: bytes) -> bytes:
    """The answer to the dot, or the first refusal; EHLO was said."""
    commands = [f"MAIL FROM:<{sender}>", *(f"RCPT TO:<{one}>" for one in recipients)]
    for command in commands:
        answer = talker.smtp(command.encode())
        if not answer.startswith(b"2"):
            return answer
    answer = talker.smtp(b"DATA")
    if not answer.startswith(b"354"):
        return answer
    talker.send(stuffed(message))
    return talker.smtp(b"." if message.endswith(b"\r\n") else b"\r\n.")


def stuffed(message: bytes) -> bytes:
    """As it is sent after DATA, without the dot at its end (rfc5321#4.5.2)."""
    return b"\r\n".join(b"." + line if line.startswith(b".") else line for line in message.split(b"\r\n"))
