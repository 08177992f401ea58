"""EXPUNGE: what is \\Deleted goes.  rfc3501#6.4.3"""

from dataclasses import dataclass
from typing import ClassVar

from mailtwist.protocols.imap.command import Answer, Command, State
from mailtwist.protocols.imap.door import Session
from mailtwist.protocols.imap.extension import Extension
from mailtwist.protocols.imap.mod_sequences import after


@dataclass(frozen=True, slots=True)
class Expunge(Command):
    name: ClassVar[str] = "EXPUNGE"
    states: ClassVar[State] = State.SELECTED

    async def run(self, session: Session) -> Answer:
        gone = await session.selected.writable().expunge()
        return Answer("EXPUNGE completed", code=after(session) if gone else "")


extension = Extension(name="expunge", rfc=3501, commands=(Expunge,))
