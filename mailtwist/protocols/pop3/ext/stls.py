"""STLS: TLS on a connection that began in clear.  rfc2595#4"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from mailtwist.protocols.pop3.command import Answer, Command, No, State
from mailtwist.protocols.pop3.door import Door
from mailtwist.protocols.pop3.extension import Extension


@dataclass(frozen=True, slots=True)
class Stls(Command):
    name: ClassVar[str] = "STLS"
    states: ClassVar[State] = State.AUTHORIZATION

    async def run(self, door: Door) -> Answer:
        if not door.may_start_tls:
            raise No("TLS is spoken already, or not at all")
        return Answer("Begin TLS", then=door.start_tls)


def _told(door: Door) -> Sequence[str]:
    return ("STLS",) if door.reached is State.AUTHORIZATION and door.may_start_tls else ()


extension = Extension(name="stls", rfc=2595, commands=(Stls,), telling=_told)
