"""PASS: the second half of a login; opens the maildrop.  rfc1939#7"""

from dataclasses import dataclass, field
from typing import ClassVar, Self

from mailtwist.auth.api import EncryptionRequired
from mailtwist.protocols.errors import Malformed
from mailtwist.protocols.pop3.command import Answer, Command, No, State
from mailtwist.protocols.pop3.door import Door
from mailtwist.protocols.pop3.extension import Extension
from mailtwist.protocols.sasl.exchange import Credentials


@dataclass(frozen=True, slots=True)
class Password(Command):
    """Everything behind the first space is the password, spaces and all."""

    name: ClassVar[str] = "PASS"
    states: ClassVar[State] = State.AUTHORIZATION
    secret: ClassVar[bool] = True
    password: bytes = field(repr=False)

    @classmethod
    def parse(cls, arguments: bytes) -> Self:
        if not arguments:
            raise Malformed("Expected a password")
        return cls(arguments)

    async def run(self, door: Door) -> Answer:
        if not door.may_sign_in:
            raise EncryptionRequired
        user, door.user = door.user, None
        if user is None:
            raise No("USER comes first")
        await door.sign_in(Credentials(user, self.password))
        return Answer("Logged in")


extension = Extension(name="pass", rfc=1939, commands=(Password,))
