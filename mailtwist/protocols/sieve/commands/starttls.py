"""STARTTLS: TLS on a connection that began in clear.  rfc5804#2.2"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from mailtwist.protocols.sieve.command import Answer, Capability, Command, No, State
from mailtwist.protocols.sieve.door import Door
from mailtwist.protocols.sieve.extension import Extension


@dataclass(frozen=True, slots=True)
class StartTls(Command):
    name: ClassVar[str] = "STARTTLS"
    states: ClassVar[State] = State.NOT_AUTHENTICATED

    async def run(self, door: Door) -> Answer:
        if not door.may_start_tls:
            raise No("TLS is spoken already, or not at all")
        return Answer("Begin TLS", then=door.start_tls)


def _told(door: Door) -> Sequence[Capability]:
    early = door.reached is State.NOT_AUTHENTICATED
    return (("STARTTLS", None),) if early and door.may_start_tls else ()


extension = Extension(name="starttls", rfc=5804, commands=(StartTls,), telling=_told)
