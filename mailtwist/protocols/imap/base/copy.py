"""COPY: messages are put into another mailbox too.  rfc3501#6.4.7"""

from typing import ClassVar

from mailtwist.protocols.imap.command import Answer
from mailtwist.protocols.imap.copying import Copies, copy_uid
from mailtwist.protocols.imap.door import Session
from mailtwist.protocols.imap.extension import Extension
from mailtwist.protocols.imap.try_create import may_be_created


class Copy(Copies):
    name: ClassVar[str] = "COPY"

    async def run(self, session: Session) -> Answer:
        wanted = session.selected.wanted(self.messages, by_uid=self.by_uid)
        if not wanted:
            return Answer("No such messages, nothing copied")
        with may_be_created(self.target):
            copied = await session.selected.mailbox.copy(wanted.uids, self.target)
        return Answer("COPY completed", code=copy_uid(copied))


extension = Extension(name="copy", rfc=3501, commands=(Copy,))
