"""XLIMITS: how much this server takes."""

from dataclasses import dataclass
from typing import ClassVar

from mailtwist.protocols.smtp.command import Command, Reply, State
from mailtwist.protocols.smtp.door import Session
from mailtwist.protocols.smtp.extension import Extension


@dataclass(frozen=True, slots=True)
class Xlimits(Command):
    name: ClassVar[str] = "XLIMITS"
    states: ClassVar[State] = State.GREETED

    async def run(self, session: Session) -> Reply:
        limits = session.door.limits
        return Reply(250, "2.0.0", f"SIZE={limits.message} RCPT={limits.recipients}")


extension = Extension(name="xlimits", rfc=0, keywords=("XLIMITS",), commands=(Xlimits,))
