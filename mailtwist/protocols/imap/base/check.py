"""CHECK: what the store puts off is done.  Ours puts nothing off, so it is NOOP.  rfc3501#6.4.1"""

from dataclasses import dataclass
from typing import ClassVar

from mailtwist.protocols.imap.command import Answer, Command, State
from mailtwist.protocols.imap.door import Session
from mailtwist.protocols.imap.extension import Extension


@dataclass(frozen=True, slots=True)
class Check(Command):
    name: ClassVar[str] = "CHECK"
    states: ClassVar[State] = State.SELECTED

    async def run(self, session: Session) -> Answer:
        await session.selected.mailbox.refresh()
        return Answer("CHECK completed")


extension = Extension(name="check", rfc=3501, commands=(Check,))
