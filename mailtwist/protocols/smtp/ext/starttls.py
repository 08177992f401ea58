"""STARTTLS: TLS on a connection that began in clear.  rfc3207"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from mailtwist.protocols.smtp.command import Command, Reply, State
from mailtwist.protocols.smtp.door import Door, Session
from mailtwist.protocols.smtp.extension import Extension


@dataclass(frozen=True, slots=True)
class StartTls(Command):
    name: ClassVar[str] = "STARTTLS"
    states: ClassVar[State] = State.READY
    useless: ClassVar[bool] = True
    usage: ClassVar[str] = "STARTTLS: go on with TLS"

    async def run(self, session: Session) -> Reply:
        if not session.door.may_start_tls:
            return Reply(503, "5.5.1", "TLS is spoken already, or not at all")
        return Reply(220, "2.0.0", "Ready to start TLS", then=session.door.start_tls)


def _told(door: Door) -> Sequence[str]:
    return ("STARTTLS",) if door.may_start_tls else ()


extension = Extension(name="starttls", rfc=3207, commands=(StartTls,), telling=_told)
