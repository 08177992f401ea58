"""A mail server that takes everything and keeps it octet by octet: what really left the server before it."""

import re
import socketserver
import threading
from dataclasses import dataclass, field
from typing import Any

from tests.backends.processes import eventually

WORDS = (
    b"sink.inside.test",
    b"PIPELINING",
    b"8BITMIME",
    b"SMTPUTF8",
    b"SIZE 104857600",
    b"ENHANCEDSTATUSCODES",
)


@dataclass
class Kept:
    """One message: who it is from and for, as it was said; `text` without the dots that were added."""

    sender: bytes
    recipients: list[bytes] = field(default_factory=list)
    text: bytes = b""


class Sink:
    """SMTP and LMTP on `port`, from now until `stop`.  Only CRLF.CRLF ends a message."""

    def __init__(self) -> None:
        self.kept: list[Kept] = []
        self.said: list[bytes] = []
        sink = self

        class Talk(_Talk):
            place = sink

        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Talk)
        self._server.daemon_threads = True
        self.port: int = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def wait(self, count: int) -> list[Kept]:
        """All that it has, which are `count` or more."""
        if not eventually(lambda: len(self.kept) >= count):
            raise AssertionError(f"{len(self.kept)} of {count} messages came: {self.said}")
        return list(self.kept)

    def for_(self, recipient: str, count: int = 1) -> list[Kept]:
        """Those for this address, `count` or more."""

        def theirs() -> list[Kept]:
            return [one for one in list(self.kept) if recipient.encode() in one.recipients]

        if not eventually(lambda: len(theirs()) >= count):
            raise AssertionError(f"{len(theirs())} of {count} messages came for {recipient}")
        return theirs()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Talk(socketserver.StreamRequestHandler):
    place: Sink
    timeout = 600

    def handle(self) -> None:
        self._mail: Kept | None = None
        self._lmtp = False
        self._say(b"220 sink.inside.test")
        try:
            while (line := self.rfile.readline(65536)).endswith(b"\r\n"):
                self.place.said.append(line[:-2])
                verb, _, rest = line[:-2].partition(b" ")
                if not getattr(self, f"do_{verb.decode('latin-1').upper()}", self._unknown)(rest):
                    return
        except OSError:
            pass

    def do_EHLO(self, rest: bytes) -> bool:
        lines = [b"250-%b\r\n" % word for word in WORDS[:-1]] + [b"250 %b\r\n" % WORDS[-1]]
        self.wfile.write(b"".join(lines))
        return True

    def do_LHLO(self, rest: bytes) -> bool:
        self._lmtp = True
        return self.do_EHLO(rest)

    def do_MAIL(self, rest: bytes) -> bool:
        self._mail = Kept(_address(rest))
        return self._say(b"250 2.1.0 ok")

    def do_RCPT(self, rest: bytes) -> bool:
        if self._mail is None:
            return self._say(b"503 5.5.1 MAIL first")
        self._mail.recipients.append(_address(rest))
        return self._say(b"250 2.1.5 ok")

    def do_DATA(self, rest: bytes) -> bool:
        if self._mail is None or not self._mail.recipients:
            return self._say(b"503 5.5.1 RCPT first")
        self._say(b"354 go on")
        text = b""
        while not (text == b".\r\n" or text.endswith(b"\r\n.\r\n")):
            more = self.rfile.readline(1 << 20)
            if not more:
                return False
            text += more
        mail, self._mail = self._mail, None
        mail.text = re.sub(rb"(\A|(?<=\r\n))\.", b"", text.removesuffix(b".\r\n"))
        self.place.kept.append(mail)
        for _ in mail.recipients if self._lmtp else (b"once",):
            self._say(b"250 2.0.0 kept")
        return True

    def do_RSET(self, rest: bytes) -> bool:
        self._mail = None
        return self._say(b"250 2.0.0 ok")

    def do_NOOP(self, rest: bytes) -> bool:
        return self._say(b"250 2.0.0 ok")

    def do_QUIT(self, rest: bytes) -> bool:
        self._say(b"221 2.0.0 bye")
        return False

    def _unknown(self, rest: bytes) -> bool:
        return self._say(b"500 5.5.1 what?")

    def _say(self, words: bytes) -> bool:
        self.wfile.write(words + b"\r\n")
        return True


def _address(words: bytes) -> bytes:
    found: Any = re.search(rb"<([^>]*)>", words)
    return found[1] if found else b"?"
