"""twisted.mail as it is: `PORT SMTPS-PORT CERTIFICATE KEY [FOLDER]`, without a folder mail is thrown away."""

import sys
from pathlib import Path
from typing import Any

from twisted.internet import reactor, ssl
from twisted.internet.defer import Deferred, succeed
from twisted.internet.protocol import Factory
from twisted.mail import smtp
from zope.interface import implementer

from bench.programs.maildir import Maildir


@implementer(smtp.IMessage)
class Message:
    def __init__(self, maildir: Maildir | None) -> None:
        self._maildir = maildir
        self._lines: list[bytes] = []

    def lineReceived(self, line: bytes) -> None:
        self._lines.append(line)

    def eomReceived(self) -> Deferred[None]:
        if self._maildir is not None:
            self._maildir.keep(b"\r\n".join([*self._lines, b""]))
        return succeed(None)

    def connectionLost(self) -> None:
        self._lines.clear()


@implementer(smtp.IMessageDelivery)
class Delivery:
    def __init__(self, maildir: Maildir | None) -> None:
        self._maildir = maildir

    def receivedHeader(self, helo: Any, origin: Any, recipients: Any) -> bytes:
        return b"Received: by mail.example.test"

    def validateFrom(self, helo: Any, origin: Any) -> Any:
        return origin

    def validateTo(self, user: Any) -> Any:
        return lambda: Message(self._maildir)


class Servers(Factory):
    def __init__(self, context: Any, maildir: Maildir | None) -> None:
        self._context = context
        self._maildir = maildir

    def buildProtocol(self, address: Any) -> smtp.ESMTP:
        made = smtp.ESMTP(contextFactory=self._context)
        made.delivery = Delivery(self._maildir)
        return made


def serve(port: int, tls_port: int, certificate: str, key: str, folder: str = "") -> None:
    context = ssl.DefaultOpenSSLContextFactory(key, certificate)
    maildir = Maildir(Path(folder)) if folder else None
    running: Any = reactor
    servers = Servers(context, maildir)
    running.listenTCP(port, servers, interface="127.0.0.1")
    running.listenSSL(tls_port, servers, context, interface="127.0.0.1")
    running.run()


if __name__ == "__main__":
    serve(int(sys.argv[1]), int(sys.argv[2]), *sys.argv[3:])
