"""UNSUBSCRIBE: LSUB forgets a name.  rfc3501#6.3.7"""

from typing import ClassVar

from mailtwist.protocols.imap.command import Answer
from mailtwist.protocols.imap.door import Session
from mailtwist.protocols.imap.extension import Extension
from mailtwist.protocols.imap.one_mailbox import OneMailbox


class Unsubscribe(OneMailbox):
    name: ClassVar[str] = "UNSUBSCRIBE"

    async def run(self, session: Session) -> Answer:
        await session.account.subscribe(self.mailbox, False)
        return Answer("UNSUBSCRIBE completed")


extension = Extension(name="unsubscribe", rfc=3501, commands=(Unsubscribe,))
