"""NOOP: nothing, but a chance to hear what is new.  rfc3501#6.1.2"""

from dataclasses import dataclass
from typing import ClassVar

from mailtwist.protocols.imap.command import Answer, Command, State
from mailtwist.protocols.imap.door import Session
from mailtwist.protocols.imap.extension import Extension


@dataclass(frozen=True, slots=True)
class Noop(Command):
    name: ClassVar[str] = "NOOP"
    states: ClassVar[State] = State.ANY

    async def run(self, session: Session) -> Answer:
        if session.state is State.SELECTED:
            await session.selected.mailbox.refresh()
        return Answer("NOOP completed")


extension = Extension(name="noop", rfc=3501, commands=(Noop,))
