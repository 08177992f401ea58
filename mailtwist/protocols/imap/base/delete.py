"""DELETE: a mailbox is gone, with its messages.  rfc3501#6.3.4"""

from typing import ClassVar

from mailtwist.protocols.imap.command import Answer
from mailtwist.protocols.imap.door import Session
from mailtwist.protocols.imap.extension import Extension
from mailtwist.protocols.imap.listing import tell_name
from mailtwist.protocols.imap.one_mailbox import OneMailbox


class Delete(OneMailbox):
    name: ClassVar[str] = "DELETE"

    async def run(self, session: Session) -> Answer:
        await session.account.delete(self.mailbox)
        await tell_name(session, self.mailbox)
        return Answer("DELETE completed")


extension = Extension(name="delete", rfc=3501, commands=(Delete,))
