"""An SMTP service for twisted.mail: deliveries, a realm and a checker, as its documentation teaches.

Nothing in here knows mailtwist.
"""

from twisted.cred import checkers, credentials, error, portal
from twisted.internet import defer
from twisted.mail import imap4, smtp
from zope.interface import implementer

USERS = {b"ann": b"sec ret"}


@implementer(smtp.IMessage)
class ListMessage:
    """Keeps its lines until the message is whole."""

    def __init__(self, desk, recipient):
        self.desk = desk
        self.recipient = recipient
        self.lines = []

    def lineReceived(self, line):
        if line.startswith(b"X-Refuse:"):
            raise smtp.SMTPServerError(554, b"no such headers, please")
        self.lines.append(line)

    def eomReceived(self):
        if b"Subject: fail" in self.lines:
            return defer.fail(OSError("the disk is full"))
        self.desk.messages.append((self.recipient, self.lines))
        self.lines = None
        return defer.succeed(None)

    def connectionLost(self):
        self.desk.lost.append(self.recipient)
        self.lines = None


@implementer(smtp.IMessageDelivery)
class DeskDelivery:
    """Mail for example.org, from whoever is let in."""

    def __init__(self, desk, who):
        self.desk = desk
        self.who = who

    def receivedHeader(self, helo, origin, recipients):
        client = helo[0]
        return b"Received: from %b for %b" % (client, b" ".join(bytes(user) for user in recipients))

    def validateFrom(self, helo, origin):
        if origin.local == b"spammer":
            raise smtp.SMTPBadSender(origin)
        d = defer.Deferred()
        self.desk.reactor.callLater(0, d.callback, origin)
        return d

    def validateTo(self, user):
        if user.dest.domain != b"example.org":
            raise smtp.SMTPBadRcpt(user)
        return lambda: ListMessage(self.desk, bytes(user.dest))


@implementer(smtp.IMessageDeliveryFactory)
class DeskDeliveryFactory:
    def __init__(self, desk, who):
        self.desk = desk
        self.who = who

    def getMessageDelivery(self):
        return DeskDelivery(self.desk, self.who)


@implementer(portal.IRealm)
class MailRealm:
    def __init__(self, desk):
        self.desk = desk

    def requestAvatar(self, avatarId, mind, *interfaces):
        for interface, make in (
            (smtp.IMessageDeliveryFactory, DeskDeliveryFactory),
            (smtp.IMessageDelivery, DeskDelivery),
        ):
            if interface in interfaces:
                self.desk.present.append(avatarId)
                return interface, make(self.desk, avatarId), lambda: self.desk.present.remove(avatarId)
        raise NotImplementedError("only SMTP")


@implementer(checkers.ICredentialsChecker)
class PasswordChecker:
    credentialInterfaces = (credentials.IUsernamePassword,)

    def requestAvatarId(self, creds):
        password = USERS.get(creds.username)
        if password is not None and creds.checkPassword(password):
            return defer.succeed(creds.username)
        return defer.fail(error.UnauthorizedLogin())


class Desk:
    """Where messages end up.  `strangers` are let in too."""

    def __init__(self, reactor, strangers=False):
        self.reactor = reactor
        self.messages = []
        self.lost = []
        self.present = []
        self.portal = portal.Portal(MailRealm(self), [PasswordChecker()])
        if strangers:
            self.portal.registerChecker(checkers.AllowAnonymousAccess())


class DeskFactory(smtp.SMTPFactory):
    """As twisted.mail's examples build one; `protocol` is for the caller to choose."""

    noisy = False
    challengers = {b"LOGIN": imap4.LOGINCredentials, b"PLAIN": imap4.PLAINCredentials}

    def buildProtocol(self, addr):
        p = smtp.SMTPFactory.buildProtocol(self, addr)
        p.challengers = self.challengers
        return p
