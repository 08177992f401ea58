"""LOGOUT: goodbye, and the server closes.  rfc3501#6.1.3"""

from dataclasses import dataclass
from typing import ClassVar

from mailtwist.protocols.imap.command import Answer, Command, State
from mailtwist.protocols.imap.door import Session
from mailtwist.protocols.imap.extension import Extension


@dataclass(frozen=True, slots=True)
class Logout(Command):
    name: ClassVar[str] = "LOGOUT"
    states: ClassVar[State] = State.ANY

    async def run(self, session: Session) -> Answer:
        if session.state is State.SELECTED:
            await session.unselect()
        session.untagged(b"BYE Logging out")
        return Answer("LOGOUT completed", then=session.close)


extension = Extension(name="logout", rfc=3501, commands=(Logout,))
