"""CAPABILITY: what the server can do, now.  rfc3501#6.1.1"""

from dataclasses import dataclass
from typing import ClassVar

from mailtwist.protocols.imap.command import Answer, Command, State
from mailtwist.protocols.imap.door import Session
from mailtwist.protocols.imap.extension import Extension


@dataclass(frozen=True, slots=True)
class Capability(Command):
    name: ClassVar[str] = "CAPABILITY"
    states: ClassVar[State] = State.ANY

    async def run(self, session: Session) -> Answer:
        session.untagged(f"CAPABILITY {' '.join(session.capabilities)}".encode("ascii"))
        return Answer("CAPABILITY completed")


extension = Extension(name="capability", rfc=3501, commands=(Capability,))
