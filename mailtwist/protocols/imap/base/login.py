"""LOGIN: user name and password.  rfc3501#6.2.3 rfc5530#3"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Self

from mailtwist.auth.api import EncryptionRequired
from mailtwist.protocols.imap.arguments import Arguments
from mailtwist.protocols.imap.command import Answer, Command, State
from mailtwist.protocols.imap.door import Session
from mailtwist.protocols.imap.extension import Extension
from mailtwist.protocols.sasl.exchange import Credentials


@dataclass(frozen=True, slots=True)
class Login(Command):
    name: ClassVar[str] = "LOGIN"
    states: ClassVar[State] = State.NOT_AUTHENTICATED
    secret: ClassVar[bool] = True
    user: bytes
    password: bytes = field(repr=False)

    @classmethod
    def parse(cls, arguments: Arguments, *, by_uid: bool) -> Self:
        arguments.space()
        user = arguments.astring()
        arguments.space()
        password = arguments.astring()
        arguments.end()
        return cls(user, password)

    async def run(self, session: Session) -> Answer:
        if not session.may_sign_in:
            raise EncryptionRequired()
        await session.sign_in(Credentials(self.user, self.password))
        return Answer("Logged in", code=f"CAPABILITY {' '.join(session.capabilities)}")


def _telling(session: Session) -> Sequence[str]:
    open_door = session.may_sign_in or session.state is not State.NOT_AUTHENTICATED
    return () if open_door else ("LOGINDISABLED",)


extension = Extension(name="login", rfc=3501, commands=(Login,), telling=_telling)
