"""STARTTLS: the connection is encrypted from here on.  rfc3501#6.2.1"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from mailtwist.protocols.errors import Malformed
from mailtwist.protocols.imap.command import Answer, Command, State
from mailtwist.protocols.imap.door import Session
from mailtwist.protocols.imap.extension import Extension


@dataclass(frozen=True, slots=True)
class StartTls(Command):
    name: ClassVar[str] = "STARTTLS"
    states: ClassVar[State] = State.NOT_AUTHENTICATED

    async def run(self, session: Session) -> Answer:
        if not session.may_start_tls:
            raise Malformed("TLS cannot begin now")
        return Answer("Begin TLS now", then=session.start_tls)


def _telling(session: Session) -> Sequence[str]:
    early = session.state is State.NOT_AUTHENTICATED
    return ("STARTTLS",) if early and session.may_start_tls else ()


extension = Extension(name="starttls", rfc=3501, commands=(StartTls,), telling=_telling)
