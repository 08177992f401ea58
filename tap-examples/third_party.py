"""Mail in memory, written for twisted.mail as its documentation teaches: mailtwist is unknown here."""

from email import message_from_bytes, policy
from io import BytesIO

from twisted.cred.checkers import InMemoryUsernamePasswordDatabaseDontUse
from twisted.cred.portal import IRealm
from twisted.internet.defer import succeed
from twisted.mail import imap4, pop3, smtp
from zope.interface import implementer

DOMAIN = b"example.org"
MAIL: dict[bytes, "Mailbox"] = {}


def checker():
    return InMemoryUsernamePasswordDatabaseDontUse(**{"ann@example.org": b"secret"})


def mailbox_of(user):
    return MAIL.setdefault(user, Mailbox())


@implementer(IRealm)
class Realm:
    def requestAvatar(self, avatarId, mind, *interfaces):
        makers = {
            smtp.IMessageDelivery: lambda: Delivery(),
            imap4.IAccount: lambda: Account(mailbox_of(avatarId)),
            pop3.IMailbox: lambda: Maildrop(mailbox_of(avatarId)),
        }
        for interface in interfaces:
            if interface in makers:
                return interface, makers[interface](), lambda: None
        raise NotImplementedError(interfaces)


# -- SMTP
@implementer(smtp.IMessageDelivery)
class Delivery:
    def receivedHeader(self, helo, origin, recipients):
        return b"Received: from %b by an example" % helo[0]

    def validateFrom(self, helo, origin):
        return origin

    def validateTo(self, user):
        if user.dest.domain != DOMAIN:
            raise smtp.SMTPBadRcpt(user)
        return lambda: Incoming(mailbox_of(b"%b@%b" % (user.dest.local, user.dest.domain)))


@implementer(smtp.IMessage)
class Incoming:
    def __init__(self, mailbox):
        self.mailbox = mailbox
        self.lines = []

    def lineReceived(self, line):
        self.lines.append(line)

    def eomReceived(self):
        self.mailbox.add(b"\r\n".join([*self.lines, b""]))
        return succeed(None)

    def connectionLost(self):
        self.lines = []


# -- IMAP
@implementer(imap4.IMessage)
class Message:
    def __init__(self, uid, octets):
        self.uid = uid
        self.octets = octets
        self.flags = set()
        self.parsed = message_from_bytes(octets, policy=policy.compat32)

    def getUID(self):
        return self.uid

    def getFlags(self):
        return sorted(self.flags)

    def getInternalDate(self):
        return "Thu, 01 Jan 2026 12:00:00 +0000"

    def getHeaders(self, negate, *names):
        wanted = {name.lower() for name in (imap4.nativeString(name) for name in names)}
        pairs = ((name.lower(), value) for name, value in self.parsed.items())
        return {name: value for name, value in pairs if (name in wanted) is not bool(negate)}

    def getBodyFile(self):
        return BytesIO(self.octets.partition(b"\r\n\r\n")[2])

    def getSize(self):
        return len(self.octets)

    def isMultipart(self):
        return self.parsed.is_multipart()

    def getSubPart(self, part):
        raise IndexError(part)


@implementer(imap4.IMailbox, imap4.ICloseableMailbox)
class Mailbox:
    def __init__(self):
        self.messages = []
        self.listeners = []
        self.next = 1

    def add(self, octets):
        self.messages.append(Message(self.next, octets))
        self.next += 1
        for listener in self.listeners:
            listener.newMessages(len(self.messages), None)

    def getHierarchicalDelimiter(self):
        return "/"

    def getFlags(self):
        return ["\\Seen", "\\Answered", "\\Flagged", "\\Deleted", "\\Draft"]

    def getUIDValidity(self):
        return 42

    def getUIDNext(self):
        return self.next

    def getUID(self, message):
        return self.messages[message - 1].uid

    def getMessageCount(self):
        return len(self.messages)

    def getRecentCount(self):
        return 0

    def getUnseenCount(self):
        return sum("\\Seen" not in message.flags for message in self.messages)

    def isWriteable(self):
        return True

    def destroy(self):
        raise imap4.MailboxException("INBOX stays")

    def requestStatus(self, names):
        return imap4.statusRequestHelper(self, names)

    def addListener(self, listener):
        self.listeners.append(listener)

    def removeListener(self, listener):
        if listener in self.listeners:
            self.listeners.remove(listener)

    def addMessage(self, message, flags=(), date=None):
        self.add(message.read())
        self.messages[-1].flags.update(flags)
        return succeed(None)

    def expunge(self):
        gone = [message for message in self.messages if "\\Deleted" in message.flags]
        self.messages = [message for message in self.messages if message not in gone]
        return [message.uid for message in gone]

    def fetch(self, messages, uid):
        messages.last = self.next - 1 if uid else len(self.messages)
        for number, message in enumerate(self.messages, 1):
            if (message.uid if uid else number) in messages:
                yield number, message

    def store(self, messages, flags, mode, uid):
        changed = {}
        for number, message in self.fetch(messages, uid):
            if mode == 0:
                message.flags = set(flags)
            elif mode > 0:
                message.flags.update(flags)
            else:
                message.flags.difference_update(flags)
            changed[number] = message.getFlags()
        return changed

    def close(self):
        pass


@implementer(imap4.IAccount)
class Account:
    def __init__(self, inbox):
        self.inbox = inbox

    def listMailboxes(self, ref, wildcard):
        return [("INBOX", self.inbox)]

    def select(self, name, rw=True):
        return self.inbox if imap4.nativeString(name).upper() == "INBOX" else None

    def addMailbox(self, name, mbox=None):
        raise imap4.MailboxException("there is one mailbox")

    def create(self, pathspec):
        raise imap4.MailboxException("there is one mailbox")

    def delete(self, name):
        raise imap4.MailboxException("INBOX stays")

    def rename(self, oldname, newname):
        raise imap4.MailboxException("INBOX stays")

    def isSubscribed(self, name):
        return True

    def subscribe(self, name):
        return True

    def unsubscribe(self, name):
        return True


# -- POP3
@implementer(pop3.IMailbox)
class Maildrop:
    def __init__(self, mailbox):
        self.mailbox = mailbox
        self.messages = list(mailbox.messages)
        self.deleted = set()

    def listMessages(self, index=None):
        sizes = [0 if n in self.deleted else m.getSize() for n, m in enumerate(self.messages)]
        return sizes if index is None else sizes[index]

    def getMessage(self, index):
        return BytesIO(self.messages[index].octets.replace(b"\r\n", b"\n"))  # as in a file

    def getUidl(self, index):
        return b"example-%d" % self.messages[index].uid

    def deleteMessage(self, index):
        self.messages[index]
        self.deleted.add(index)

    def undeleteMessages(self):
        self.deleted.clear()

    def sync(self):
        gone = [self.messages[index] for index in self.deleted]
        self.mailbox.messages = [message for message in self.mailbox.messages if message not in gone]
