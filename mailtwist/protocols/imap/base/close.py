"""CLOSE: what is \\Deleted goes, and the mailbox is closed.  rfc3501#6.4.2"""

from dataclasses import dataclass
from typing import ClassVar

from mailtwist.protocols.imap.command import Answer, Command, State
from mailtwist.protocols.imap.door import Session
from mailtwist.protocols.imap.extension import Extension


@dataclass(frozen=True, slots=True)
class Close(Command):
    name: ClassVar[str] = "CLOSE"
    states: ClassVar[State] = State.SELECTED

    async def run(self, session: Session) -> Answer:
        if not session.selected.read_only:
            await session.selected.mailbox.expunge()
        await session.unselect()
        return Answer("CLOSE completed")


extension = Extension(name="close", rfc=3501, commands=(Close,))
