"""USER: the first half of a login, who it is.  rfc1939#7 rfc6856#2.2"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Self

from mailtwist.auth.api import EncryptionRequired
from mailtwist.protocols.errors import Malformed
from mailtwist.protocols.pop3.command import Answer, Command, State
from mailtwist.protocols.pop3.door import Door
from mailtwist.protocols.pop3.extension import Extension


@dataclass(frozen=True, slots=True)
class User(Command):
    name: ClassVar[str] = "USER"
    states: ClassVar[State] = State.AUTHORIZATION
    user: bytes

    @classmethod
    def parse(cls, arguments: bytes) -> Self:
        if not arguments:
            raise Malformed("Expected a name")
        return cls(arguments)

    async def run(self, door: Door) -> Answer:
        if not door.may_sign_in:
            raise EncryptionRequired
        door.user = self.user
        return Answer("Send PASS")


def _told(door: Door) -> Sequence[str]:
    """Also after login (rfc2449#6.2)."""
    return ("USER",) if door.may_sign_in else ()


extension = Extension(name="user", rfc=1939, commands=(User,), telling=_told)
