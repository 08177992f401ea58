"""DATA: the message itself, up to a dot on a line of its own.  rfc5321#4.1.1.4"""

from dataclasses import dataclass
from typing import ClassVar

from mailtwist.protocols.smtp.command import Command, Reply, State
from mailtwist.protocols.smtp.door import Session
from mailtwist.protocols.smtp.extension import Extension
from mailtwist.protocols.smtp.incoming import Incoming
from mailtwist.protocols.smtp.measure import Measure

GO_ON = Reply(354, text="End data with <CR><LF>.<CR><LF>")
BINARY = Reply(503, "5.5.1", "A binary message comes by BDAT")


@dataclass(frozen=True, slots=True)
class Data(Command):
    name: ClassVar[str] = "DATA"
    states: ClassVar[State] = State.RECIPIENTS
    usage: ClassVar[str] = "DATA: the message follows"

    async def run(self, session: Session) -> Reply:
        door, mail = session.door, session.mail
        assert mail is not None
        if mail.binary:  # rfc3030#3
            return BINARY
        try:
            incoming = Incoming(await door.begin(), Measure(door.limits))
            try:
                door.say(GO_ON)
                await incoming.take(door.block())
                return await incoming.finish(session)
            finally:
                await incoming.abort()
        finally:
            session.mail = None


extension = Extension(name="data", rfc=5321, commands=(Data,))
