"""AUTHENTICATE: login by a SASL mechanism, in one step where the client can.  rfc3501#6.2.2 rfc4959#3"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Self

from mailtwist.auth.api import EncryptionRequired
from mailtwist.protocols.imap.arguments import Arguments
from mailtwist.protocols.imap.command import Answer, Command, No, State
from mailtwist.protocols.imap.door import Session
from mailtwist.protocols.imap.extension import Extension
from mailtwist.protocols.sasl.exchange import converse, signed_in

_INITIAL = re.compile(rb" ([A-Za-z0-9+/=]+)")


@dataclass(frozen=True, slots=True)
class Authenticate(Command):
    name: ClassVar[str] = "AUTHENTICATE"
    states: ClassVar[State] = State.NOT_AUTHENTICATED
    secret: ClassVar[bool] = True
    mechanism: str
    initial: bytes | None = field(repr=False)

    @classmethod
    def parse(cls, arguments: Arguments, *, by_uid: bool) -> Self:
        arguments.space()
        mechanism = arguments.atom().upper()
        found = arguments.match(_INITIAL)
        arguments.end()
        return cls(mechanism, found[1] if found else None)

    async def run(self, session: Session) -> Answer:
        if not session.may_sign_in:
            raise EncryptionRequired()
        mechanism = session.mechanisms.get(self.mechanism)
        if mechanism is None:
            raise No("No such mechanism", "CANNOT")

        async def ask(challenge: bytes) -> bytes:
            session.go_on(challenge.decode("ascii"))
            return await session.answer()

        await signed_in(await converse(mechanism, self.initial, ask), session.sign_in, ask)
        return Answer("Logged in", code=f"CAPABILITY {' '.join(session.capabilities)}")


def _telling(session: Session) -> Sequence[str]:
    if session.state is not State.NOT_AUTHENTICATED or not session.may_sign_in:
        return ()
    return tuple(f"AUTH={name}" for name in session.mechanisms)


extension = Extension(
    name="authenticate",
    rfc=3501,
    commands=(Authenticate,),
    telling=_telling,
)
