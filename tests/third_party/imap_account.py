"""An IMAP service for twisted.mail: account, mailboxes, realm and checker, as its documentation teaches.

Nothing in here knows mailtwist.
"""

from email import message_from_bytes
from io import BytesIO

from twisted.cred import checkers, credentials, error, portal
from twisted.internet import defer
from twisted.mail import imap4
from zope.interface import implementer


@implementer(imap4.IMessage)
class HeaderMessage:
    """A message that is known by its headers and its body."""

    def __init__(self, uid, octets, flags, date):
        self.uid = uid
        self.octets = octets
        self.flags = set(flags)
        self.date = date

    def getUID(self):
        return self.uid

    def getFlags(self):
        return sorted(self.flags)

    def getInternalDate(self):
        return self.date

    def getHeaders(self, negate, *names):
        wanted = {name.lower() for name in names}
        found = message_from_bytes(self.octets)
        return {name.lower(): found[name] for name in found if (name.lower() in wanted) is not bool(negate)}

    def getBodyFile(self):
        return BytesIO(self.octets.partition(b"\r\n\r\n")[2])

    def getSize(self):
        return len(self.octets)

    def isMultipart(self):
        return False

    def getSubPart(self, part):
        raise TypeError("not multipart")


@implementer(imap4.IMessageFile)
class FileMessage(HeaderMessage):
    """A message that can be had as it was sent."""

    def open(self):
        return BytesIO(self.octets)


@implementer(imap4.IMailbox, imap4.ICloseableMailbox)
class ListMailbox:
    """Messages in a list."""

    def __init__(self, validity, kind=FileMessage):
        self.kind = kind
        self.validity = validity
        self.next = 1
        self.messages = []
        self.listeners = []
        self.closed = 0

    def getFlags(self):
        return ["\\Seen", "\\Answered", "\\Flagged", "\\Deleted", "\\Draft"]

    def getHierarchicalDelimiter(self):
        return "/"

    def getUIDValidity(self):
        return self.validity

    def getUIDNext(self):
        return self.next

    def getUID(self, message):
        return self.messages[message - 1].uid

    def getMessageCount(self):
        return len(self.messages)

    def getRecentCount(self):
        return len([m for m in self.messages if "\\Recent" in m.flags])

    def getUnseenCount(self):
        return len([m for m in self.messages if "\\Seen" not in m.flags])

    def isWriteable(self):
        return True

    def destroy(self):
        self.messages = []

    def requestStatus(self, names):
        return imap4.statusRequestHelper(self, names)

    def addListener(self, listener):
        self.listeners.append(listener)

    def removeListener(self, listener):
        self.listeners.remove(listener)

    def addMessage(self, message, flags, date=None):
        self.messages.append(
            self.kind(self.next, message.read(), flags, date or b"1 Jan 2025 12:00:00 +0000")
        )
        self.next += 1
        for listener in self.listeners:
            listener.newMessages(len(self.messages), None)
        return defer.succeed(self.next - 1)

    def expunge(self):
        gone = [n for n, m in enumerate(self.messages, 1) if "\\Deleted" in m.flags]
        self.messages = [m for m in self.messages if "\\Deleted" not in m.flags]
        return gone

    def _chosen(self, messages, uid):
        messages.last = (self.messages[-1].uid if uid else len(self.messages)) if self.messages else 0
        for number, message in enumerate(self.messages, 1):
            if (message.uid if uid else number) in messages:
                yield number, message

    def fetch(self, messages, uid):
        return list(self._chosen(messages, uid))

    def store(self, messages, flags, mode, uid):
        changed = {}
        for number, message in self._chosen(messages, uid):
            if mode == 0:
                message.flags = set(flags)
            elif mode > 0:
                message.flags |= set(flags)
            else:
                message.flags -= set(flags)
            changed[number] = message.getFlags()
        return defer.succeed(changed)

    def close(self):
        self.closed += 1


class Account(imap4.MemoryAccount):
    """Mailboxes in memory, made on demand."""

    kind = FileMessage

    def _emptyMailbox(self, name, id):
        return ListMailbox(1000 + id, self.kind)


@implementer(portal.IRealm)
class AccountRealm:
    """`accounts` by user name."""

    def __init__(self, accounts):
        self.accounts = accounts
        self.present = []

    def requestAvatar(self, avatarId, mind, *interfaces):
        if imap4.IAccount not in interfaces:
            raise NotImplementedError("only IMAP4")
        self.present.append(avatarId)
        return imap4.IAccount, self.accounts[avatarId], lambda: self.present.remove(avatarId)


@implementer(checkers.ICredentialsChecker)
class PasswordChecker:
    """`passwords` by user name."""

    credentialInterfaces = (credentials.IUsernamePassword,)

    def __init__(self, passwords):
        self.passwords = passwords

    def requestAvatarId(self, creds):
        password = self.passwords.get(creds.username)
        if password is not None and creds.checkPassword(password):
            return defer.succeed(creds.username)
        return defer.fail(error.UnauthorizedLogin())


ONE = b"From: bob@example.org\r\nSubject: one\r\n\r\nThe first.\r\n"
TWO = b"From: eve@example.org\r\nSubject: two\r\n\r\n" + b"A line of the second.\r\n" * 20_000


def ann(kind=FileMessage):
    """An account with two messages in INBOX, and an empty mailbox called SENT."""
    account = Account("ann")
    account.kind = kind
    for name in ("INBOX", "SENT"):
        account.addMailbox(name)
    inbox = account.select("INBOX")
    inbox.addMessage(BytesIO(ONE), ["\\Seen"], b"17 Jul 1996 02:44:25 -0700")
    inbox.addMessage(BytesIO(TWO), ["\\Recent"])
    return account


def mail_portal(account):
    """A portal with one user, ann."""
    return portal.Portal(AccountRealm({b"ann": account}), [PasswordChecker({b"ann": b"sec ret"})])
