"""A guest book for people with a second factor: LOGIN name password@code, then WRITE what you like.

python guestbook.py /etc/mailtwist.ini ssl:7070:privateKey=/etc/ssl/guests.key:certKey=/etc/ssl/guests.crt
"""

import sys
from typing import Any

from twisted.cred.error import UnauthorizedLogin
from twisted.cred.portal import IRealm, Portal
from twisted.internet import reactor
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.endpoints import serverFromString
from twisted.internet.interfaces import ISSLTransport
from twisted.internet.protocol import Factory
from twisted.protocols.basic import LineReceiver
from twisted.python.failure import Failure
from zope.interface import Interface, implementer

from mailtwist.app.strcred import checker_from
from mailtwist.auth.api import LoginRequest
from mailtwist.auth.credentials import MailLogin
from mailtwist.kit.trouble import Trouble


@implementer(IRealm)
class Guests:
    def requestAvatar(self, ticket: Any, mind: Any, *interfaces: Any) -> Any:
        return interfaces[0], ticket.name, lambda: None


class Guestbook(LineReceiver):
    """`WRITE` is for guests, whom the portal lets in."""

    name = ""
    login: Deferred[Any] | None = None

    def lineReceived(self, line: bytes) -> None:
        word, *rest = line.split(b" ", 2)
        if word == b"LOGIN" and len(rest) == 2 and not self.name:
            self.pauseProducing()  # the next line is for whoever this is then
            self.login = self.factory.portal.login(MailLogin(self.asked(*rest)), None, Interface)
            self.login.addCallbacks(self.welcome, self.sorry).addBoth(lambda _: self.resumeProducing())
        elif word == b"WRITE" and self.name:
            self.factory.book.append((self.name, b" ".join(rest)))
            self.sendLine(b"OK written")
        else:
            self.sendLine(b"NO What?")

    def asked(self, user: bytes, secret: bytes) -> LoginRequest:
        address, tls = self.transport.getPeer().host, ISSLTransport.providedBy(self.transport)
        return LoginRequest("other", user, secret, address=address, tls=tls, service="guestbook")

    def welcome(self, avatar: tuple[Any, str, Any]) -> None:
        self.name = avatar[1]
        self.sendLine(b"OK " + self.name.encode())

    def sorry(self, failure: Failure) -> None:
        if failure.trap(UnauthorizedLogin, Trouble, CancelledError) is not CancelledError:
            words = failure.value.public if failure.check(Trouble) else "Authentication failed"
            self.sendLine(b"NO " + words.encode())

    def connectionLost(self, reason: Failure) -> None:
        if self.login:
            self.login.cancel()


class Guestbooks(Factory):
    protocol = Guestbook

    def __init__(self, config: str) -> None:
        self.portal = Portal(Guests(), [checker_from(config)])
        self.book: list[tuple[str, bytes]] = []


if __name__ == "__main__":
    config, endpoint = sys.argv[1:]
    serverFromString(reactor, endpoint).listen(Guestbooks(config))
    reactor.run()
