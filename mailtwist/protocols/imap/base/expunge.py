"""EXPUNGE: what is \\Deleted goes.  rfc3501#6.4.3"""

from dataclasses import dataclass
from typing import ClassVar

from mailtwist.protocols.imap.command import Answer, Command, State
from mailtwist.protocols.imap.door import Session
from mailtwist.protocols.imap.extension import Extension


@dataclass(frozen=True, slots=True)
class Expunge(Command):
    name: ClassVar[str] = "EXPUNGE"
    states: ClassVar[State] = State.SELECTED

    async def run(self, session: Session) -> Answer:
        await session.selected.writable().expunge()
        return Answer("EXPUNGE completed")


extension = Extension(name="expunge", rfc=3501, commands=(Expunge,))
