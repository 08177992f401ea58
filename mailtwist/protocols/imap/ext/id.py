"""ID: which program speaks, for logs and the user's list of devices.  rfc2971"""

from dataclasses import dataclass
from typing import ClassVar, Self

from mailtwist.protocols.errors import Malformed
from mailtwist.protocols.imap.arguments import Arguments
from mailtwist.protocols.imap.command import Answer, Command, State
from mailtwist.protocols.imap.door import Session
from mailtwist.protocols.imap.extension import Extension

PAIRS, NAME, VALUE = 30, 30, 1024  # rfc2971#3.3


@dataclass(frozen=True, slots=True)
class Id(Command):
    name: ClassVar[str] = "ID"
    states: ClassVar[State] = State.ANY
    fields: dict[str, str | None]

    @classmethod
    def parse(cls, arguments: Arguments, *, by_uid: bool) -> Self:
        arguments.space()
        fields: dict[str, str | None] = {}
        if not arguments.take(b"NIL"):

            def pair() -> None:
                name = arguments.string()
                arguments.space()
                value = arguments.nstring()
                if len(name) > NAME or len(value or b"") > VALUE:
                    raise Malformed("A field is too long")
                fields[_text(name).lower()] = None if value is None else _text(value)

            arguments.list_of(pair, least=0, most=PAIRS)
        arguments.end()
        return cls(fields)

    async def run(self, session: Session) -> Answer:
        session.introduced(self.fields)
        session.untagged(b'ID ("name" "mailtwist")')
        return Answer("ID completed")


def _text(octets: bytes) -> str:
    return octets.decode("utf-8", "replace")


extension = Extension(name="id", rfc=2971, capabilities=("ID",), commands=(Id,))
