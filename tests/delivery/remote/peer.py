"""An SMTP server for tests that answers as it is told, and writes down what it hears."""

from typing import Any

from twisted.internet.protocol import ServerFactory
from twisted.protocols.basic import LineReceiver


class Peer(LineReceiver):
    """Answers each verb as `replies` says, and writes down what it is told."""

    factory: Any
    transport: Any
    data = False
    login = False

    def connectionMade(self) -> None:
        self.factory.said.append([])
        if (greeting := self.factory.replies.get("", b"220 here")) is not None:
            self.sendLine(greeting)
        if self.factory.hangs_up_at == "":
            self.transport.loseConnection()

    def lineReceived(self, line: bytes) -> None:
        self.factory.said[-1].append(line)
        if self.data:
            self.data = line != b"."
            if not self.data:
                self.sendLine(self.factory.replies.get("message", b"250 taken"))
            return
        verb = line.split(b" ")[0].upper().decode()
        if verb == self.factory.hangs_up_at:
            self.transport.loseConnection()
            return
        reply = self.factory.replies.get(verb, self.usual(verb))
        if reply is not None:
            self.sendLine(reply)
        if verb == "STARTTLS" and reply and reply.startswith(b"220"):
            self.transport.startTLS(self.factory.contexts)
        if verb == "QUIT":
            self.transport.loseConnection()

    def usual(self, verb: str) -> bytes:
        if verb == "EHLO":
            secure = hasattr(self.transport, "getPeerCertificate") and self.transport.TLS
            words = [b"there", b"AUTH PLAIN LOGIN"] + ([] if secure else [b"STARTTLS"])
            return b"\r\n".join([b"250-" + word for word in words[:-1]] + [b"250 " + words[-1]])
        if verb == "DATA":
            self.data = True
        return {"STARTTLS": b"220 go", "DATA": b"354 go", "AUTH": b"235 ok", "QUIT": b"221 bye"}.get(
            verb, b"250 ok"
        )


class Peers(ServerFactory):
    noisy = False
    protocol = Peer

    def __init__(self, contexts: Any) -> None:
        self.contexts = contexts
        self.replies: dict[str, Any] = {}
        self.said: list[list[bytes]] = []
        self.hangs_up_at: str | None = None
