"""AUTH: login by a SASL mechanism.  rfc5034#4"""

from collections.abc import AsyncGenerator, Iterable, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Self

from mailtwist.auth.api import EncryptionRequired
from mailtwist.protocols.errors import Malformed
from mailtwist.protocols.pop3.command import Answer, Command, No, State
from mailtwist.protocols.pop3.door import Door
from mailtwist.protocols.pop3.extension import Extension
from mailtwist.protocols.sasl.exchange import converse, signed_in


@dataclass(frozen=True, slots=True)
class Auth(Command):
    """Without a mechanism it lists those there are, as clients from before CAPA expect."""

    name: ClassVar[str] = "AUTH"
    states: ClassVar[State] = State.AUTHORIZATION
    secret: ClassVar[bool] = True
    mechanism: str
    initial: bytes | None = field(repr=False)

    @classmethod
    def parse(cls, arguments: bytes) -> Self:
        words = arguments.split()
        if len(words) > 2:
            raise Malformed("Expected a mechanism and an initial response")
        name = words[0].decode("ascii", "replace").upper() if words else ""
        return cls(name, words[1] if len(words) == 2 else None)

    async def run(self, door: Door) -> Answer:
        if not door.may_sign_in:
            raise EncryptionRequired
        if not self.mechanism:
            return Answer("Mechanisms follow", _lines(door.mechanisms))
        mechanism = door.mechanisms.get(self.mechanism)
        if mechanism is None:
            raise No("No such mechanism")
        await signed_in(await converse(mechanism, self.initial, door.ask), door.sign_in, door.ask)
        return Answer("Logged in")


async def _lines(names: Iterable[str]) -> AsyncGenerator[bytes, None]:
    yield b"".join(b"%b\r\n" % name.encode("ascii") for name in names)


def _told(door: Door) -> Sequence[str]:
    """Also after login (rfc5034#3)."""
    return (" ".join(("SASL", *door.mechanisms)),) if door.may_sign_in and door.mechanisms else ()


extension = Extension(name="auth", rfc=5034, commands=(Auth,), telling=_told)
