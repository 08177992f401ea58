"""SUBSCRIBE: a name for LSUB, whether there is such a mailbox or not.  rfc3501#6.3.6"""

from typing import ClassVar

from mailtwist.protocols.imap.command import Answer
from mailtwist.protocols.imap.door import Session
from mailtwist.protocols.imap.extension import Extension
from mailtwist.protocols.imap.one_mailbox import OneMailbox


class Subscribe(OneMailbox):
    name: ClassVar[str] = "SUBSCRIBE"

    async def run(self, session: Session) -> Answer:
        await session.account.subscribe(self.mailbox, True)
        return Answer("SUBSCRIBE completed")


extension = Extension(name="subscribe", rfc=3501, commands=(Subscribe,))
