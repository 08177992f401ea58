"""AUTH: login by a SASL mechanism.  rfc4954"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

from mailtwist.auth.api import EncryptionRequired
from mailtwist.protocols.errors import LineTooLong, Malformed, Unframed
from mailtwist.protocols.sasl.exchange import (
    Cancelled,
    Credentials,
    Foreign,
    Mechanism,
    ServerFirst,
    converse,
)
from mailtwist.protocols.smtp.command import Command, Refusal, Reply, State
from mailtwist.protocols.smtp.door import Door, Session
from mailtwist.protocols.smtp.extension import Extension
from mailtwist.protocols.smtp.grammar import from_xtext, utf8

LOGGED_IN = Reply(503, "5.5.1", "You are logged in")
NOBODY = Reply(503, "5.5.1", "Nobody can log in here")


@dataclass(frozen=True, slots=True)
class Auth(Command):
    name: ClassVar[str] = "AUTH"
    states: ClassVar[State] = State.READY
    secret: ClassVar[bool] = True
    useless: ClassVar[bool] = True
    usage: ClassVar[str] = "AUTH mechanism [initial response]: log in"
    mechanism: str
    initial: bytes | None = field(repr=False)

    @classmethod
    def parse(cls, arguments: bytes) -> Self:
        words = arguments.split()
        if not 1 <= len(words) <= 2:
            raise Malformed("Expected a mechanism and an initial response")
        return cls(words[0].decode("ascii", "replace").upper(), words[1] if len(words) == 2 else None)

    async def run(self, session: Session) -> Reply:
        door = session.door
        if not door.mechanisms or door.authenticated:
            return LOGGED_IN if door.authenticated else NOBODY
        if not door.may_sign_in:
            raise EncryptionRequired
        mechanism = door.mechanisms.get(self.mechanism)
        if mechanism is None:
            return Reply(504, "5.5.4", "This mechanism is not known")
        await door.sign_in(await self._credentials(mechanism, door))
        return Reply(235, "2.7.0", "Authentication successful")

    async def _credentials(self, mechanism: Mechanism, door: Door) -> Credentials | Foreign:
        try:
            return await converse(mechanism, self.initial, door.ask)
        except Unframed:
            raise
        except LineTooLong:
            raise Refusal(Reply(500, "5.5.6", "The line is too long")) from None
        except Malformed as error:
            status = "5.7.0" if isinstance(error, Cancelled | ServerFirst) else "5.5.2"
            raise Refusal(Reply(501, status, str(error))) from None


def _told(door: Door) -> Sequence[str]:
    return (" ".join(("AUTH", *door.mechanisms)),) if door.may_sign_in and door.mechanisms else ()


def _submitter(value: str | None, door: Door) -> Mapping[str, Any]:
    """Who handed the message in first, says who relays it: not believed of strangers, but allowed to them
    (rfc4954#5)."""
    if value is None:
        raise Malformed("Expected an address")
    said = "" if value == "<>" else utf8(value.encode() if not value.isascii() else from_xtext(value))
    if not said.isprintable():
        raise Malformed("Not printable")
    return {"submitter": said if door.authenticated else ""}


extension = Extension(
    name="auth", rfc=4954, commands=(Auth,), telling=_told, mail_parameters={"AUTH": _submitter}
)
