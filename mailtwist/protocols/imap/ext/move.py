"""MOVE: messages change mailbox in one step.  rfc6851"""

from typing import ClassVar

from mailtwist.protocols.imap.command import Answer, State
from mailtwist.protocols.imap.copying import Copies, copy_uid
from mailtwist.protocols.imap.door import Session
from mailtwist.protocols.imap.extension import Extension
from mailtwist.protocols.imap.try_create import may_be_created


class Move(Copies):
    name: ClassVar[str] = "MOVE"

    async def run(self, session: Session) -> Answer:
        mailbox = session.selected.writable()
        wanted = session.selected.wanted(self.messages, by_uid=self.by_uid)
        if not wanted:
            return Answer("No such messages, nothing moved")
        with may_be_created(self.target):
            moved = await mailbox.move(wanted.uids, self.target)
        if code := copy_uid(moved):  # before the messages go (rfc6851#4.3)
            session.untagged(f"OK [{code}] Moved".encode("ascii"))
        return Answer("MOVE completed")


extension = Extension(
    name="move", rfc=6851, capabilities=("MOVE",), commands=(Move,), told_in=State.LOGGED_IN
)
