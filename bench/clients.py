"""Clients that cost little and wait for every answer: blocking sockets, no mail library, no code of ours."""

import socket
import ssl

PATIENCE = 60.0
PIECE = 1 << 18


class Unexpected(Exception):
    """An answer that is not the one the measurement needs."""


class Line:
    """A connection, lines in and octets out."""

    def __init__(self, port: int, *, tls: bool = False) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), PATIENCE)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls:
            self.begin_tls()
        self._data = b""

    def begin_tls(self) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        self._socket = context.wrap_socket(self._socket)

    def send(self, octets: bytes) -> None:
        self._socket.sendall(octets)

    def line(self) -> bytes:
        while b"\n" not in self._data:
            self._data += self._more()
        line, _, self._data = self._data.partition(b"\n")
        return line + b"\n"

    def until(self, *ends: bytes) -> int:
        """Octets up to the answer whose last line begins with one of `ends`; nothing may follow it."""
        size, tail = len(self._data), self._data[-4096:]
        while not (tail.endswith(b"\n") and (b"\n" + tail).rsplit(b"\n", 2)[1].startswith(ends)):
            more = self._more()
            size += len(more)
            tail = (tail + more)[-4096:] if len(more) < 4096 else more[-4096:]
        self._data = b""
        return size

    def close(self) -> None:
        self._socket.close()

    def _more(self) -> bytes:
        octets = self._socket.recv(PIECE)
        if not octets:
            raise Unexpected("the server has hung up")
        return octets


class SMTP(Line):
    """Greeted, in TLS if that is wished."""

    def __init__(self, port: int, *, starttls: bool = False, tls: bool = False) -> None:
        super().__init__(port, tls=tls)
        self.answer(b"220")
        self.ask(b"EHLO client.example.test")
        if starttls:
            self.ask(b"STARTTLS", b"220")
            self.begin_tls()
            self.ask(b"EHLO client.example.test")

    def ask(self, command: bytes, code: bytes = b"250") -> None:
        self.send(command + b"\r\n")
        self.answer(code)

    def answer(self, code: bytes) -> None:
        while (line := self.line())[3:4] == b"-":
            pass
        if line[:3] != code:
            raise Unexpected(line)

    def mail(self, recipient: bytes, message: bytes) -> None:
        """One message, dots done; every command waits for its answer."""
        self.ask(b"MAIL FROM:<sender@elsewhere.test>")
        self.ask(b"RCPT TO:<%b>" % recipient)
        self.ask(b"DATA", b"354")
        self.send(message + b".\r\n")
        self.answer(b"250")

    def pipelined(self, recipient: bytes, message: bytes) -> None:
        """The same, MAIL, RCPT and DATA at once (rfc2920)."""
        self.send(b"MAIL FROM:<sender@elsewhere.test>\r\nRCPT TO:<%b>\r\nDATA\r\n" % recipient)
        for code in (b"250", b"250", b"354"):
            self.answer(code)
        self.send(message + b".\r\n")
        self.answer(b"250")


class IMAP(Line):
    """Greeted."""

    def __init__(self, port: int, *, tls: bool = False) -> None:
        super().__init__(port, tls=tls)
        self.line()

    def ask(self, command: bytes, literal: bytes | None = None) -> int:
        """Octets of the whole answer, which must be OK."""
        if literal is None:
            self.send(b"a %b\r\n" % command)
        else:
            self.send(b"a %b {%d+}\r\n%b\r\n" % (command, len(literal), literal))
        return self.until(b"a OK")

    def log_in(self, user: str, secret: str) -> None:
        self.ask(f'LOGIN "{user}" "{secret}"'.encode())


class POP3(Line):
    """Greeted and logged in."""

    def __init__(self, port: int, user: str, secret: str, *, tls: bool = False) -> None:
        super().__init__(port, tls=tls)
        self.line()
        self.ask(f"USER {user}".encode())
        self.ask(f"PASS {secret}".encode())

    def ask(self, command: bytes) -> None:
        self.send(command + b"\r\n")
        if not (line := self.line()).startswith(b"+OK"):
            raise Unexpected(line)

    def retrieve(self, number: int) -> None:
        self.send(b"RETR %d\r\n" % number)
        self.until(b".\r")
