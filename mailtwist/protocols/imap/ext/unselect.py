"""UNSELECT: the mailbox is closed, and nothing goes.  rfc3691"""

from dataclasses import dataclass
from typing import ClassVar

from mailtwist.protocols.imap.command import Answer, Command, State
from mailtwist.protocols.imap.door import Session
from mailtwist.protocols.imap.extension import Extension


@dataclass(frozen=True, slots=True)
class Unselect(Command):
    name: ClassVar[str] = "UNSELECT"
    states: ClassVar[State] = State.SELECTED

    async def run(self, session: Session) -> Answer:
        await session.unselect()
        return Answer("UNSELECT completed")


extension = Extension(
    name="unselect", rfc=3691, capabilities=("UNSELECT",), commands=(Unselect,), told_in=State.LOGGED_IN
)
