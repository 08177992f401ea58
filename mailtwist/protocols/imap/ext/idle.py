"""IDLE: the server says what is new when it is new, until the client says DONE.  rfc2177"""

from dataclasses import dataclass
from typing import ClassVar

from mailtwist.protocols.errors import Malformed
from mailtwist.protocols.imap.command import Answer, Command, State
from mailtwist.protocols.imap.door import Session
from mailtwist.protocols.imap.extension import Extension


@dataclass(frozen=True, slots=True)
class Idle(Command):
    name: ClassVar[str] = "IDLE"
    states: ClassVar[State] = State.LOGGED_IN

    async def run(self, session: Session) -> Answer:
        if session.state is State.SELECTED:
            await session.selected.mailbox.refresh()
        session.go_on("Idling")
        await session.tell_changes()
        while (line := await session.answer_or_change()) is None:
            await session.tell_changes()
        if line.upper() != b"DONE":
            raise Malformed("Expected DONE")
        return Answer("IDLE completed")


extension = Extension(name="idle", rfc=2177, capabilities=("IDLE",), commands=(Idle,))
