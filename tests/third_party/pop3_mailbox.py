"""A POP3 service for twisted.mail: a mailbox, a realm and a checker, as its documentation teaches.

Nothing in here knows mailtwist.
"""

from hashlib import sha256
from io import BytesIO

from twisted.cred import checkers, credentials, error, portal
from twisted.internet import defer
from twisted.mail import pop3
from zope.interface import implementer


@implementer(pop3.IMailbox)
class ListMailbox:
    """Messages in a list.  Lines end with LF, as in files."""

    def __init__(self, messages):
        self.messages = messages
        self.deleted = set()

    def listMessages(self, i=None):
        if i is None:
            return [self._size(n) for n in range(len(self.messages))]
        return self._size(i)

    def _size(self, i):
        if i in self.deleted:
            return 0
        if not 0 <= i < len(self.messages):
            raise ValueError("no such message")
        return len(self.messages[i].replace(b"\n", b"\r\n"))

    def getMessage(self, i):
        return BytesIO(self.messages[i])

    def getUidl(self, i):
        return sha256(self.messages[i]).hexdigest().encode()[:32]

    def deleteMessage(self, i):
        self.deleted.add(i)

    def undeleteMessages(self):
        self.deleted.clear()

    def sync(self):
        for i in sorted(self.deleted, reverse=True):
            del self.messages[i]
        self.deleted.clear()


@implementer(portal.IRealm)
class MailRealm:
    """`mail` is messages by user name."""

    def __init__(self, mail):
        self.mail = mail
        self.present = []

    def requestAvatar(self, avatarId, mind, *interfaces):
        if pop3.IMailbox not in interfaces:
            raise NotImplementedError("only POP3")
        self.present.append(avatarId)
        return defer.succeed(
            (pop3.IMailbox, ListMailbox(self.mail[avatarId]), lambda: self.present.remove(avatarId))
        )


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


ANN = [
    b"Subject: one\n\n.dot\n..\nlast\n",
    b"Subject: two\n\n" + b"a line of the second message\n" * 2000,
    b"Subject: three\n\n" + b"." * 1500 + b"\n.\n",
]


def mail_portal():
    """A portal with one user, ann, who has three messages."""
    return portal.Portal(MailRealm({b"ann": list(ANN)}), [PasswordChecker({b"ann": b"sec ret"})])
