"""Our servers with a command of one's own each, as one would write it for twisted.mail."""

from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.mail import imap4

from mailtwist.protocols.imap.server import IMAP4Server
from mailtwist.protocols.pop3.server import POP3Server
from mailtwist.protocols.smtp.server import ESMTPServer


class MyESMTP(ESMTPServer):
    def extensions(self) -> dict[bytes, Any]:
        return {**super().extensions(), b"XCOLOUR": [b"BLUE"]}

    def do_XCOLOUR(self, rest: bytes) -> None:
        self.sendCode(250, b"2.0.0 blue")

    def do_MAIL(self, rest: bytes) -> None:
        if b"@spam.example" in rest:
            self.sendCode(550, b"5.7.1 not from there")
        else:
            super().do_MAIL(rest)


class MyIMAP4(IMAP4Server):
    def do_XCOLOUR(self, tag: bytes, room: bytes) -> Deferred[None]:
        """The next command is read when the Deferred has fired."""
        self.sendUntaggedResponse(b"XCOLOUR " + room + b" blue")
        return succeed(None).addCallback(lambda _: self.sendPositiveResponse(tag, b"done"))

    auth_XCOLOUR = select_XCOLOUR = (do_XCOLOUR, imap4.IMAP4Server.arg_astring)


class MyPOP3(POP3Server):
    def do_XCOLOUR(self) -> None:
        self.successResponse("blue")
