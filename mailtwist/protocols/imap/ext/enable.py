"""ENABLE: the client says which changes of the protocol it knows.  rfc5161 rfc9051#6.3.1"""

from dataclasses import dataclass
from typing import ClassVar, Self

from mailtwist.protocols.errors import Malformed
from mailtwist.protocols.imap.arguments import Arguments
from mailtwist.protocols.imap.command import Answer, Command, State
from mailtwist.protocols.imap.door import Session
from mailtwist.protocols.imap.extension import Extension

NAMES = 64


@dataclass(frozen=True, slots=True)
class Enable(Command):
    """Names nobody knows here do not matter; what is on stays on."""

    name: ClassVar[str] = "ENABLE"
    states: ClassVar[State] = State.LOGGED_IN
    names: tuple[str, ...]

    @classmethod
    def parse(cls, arguments: Arguments, *, by_uid: bool) -> Self:
        arguments.space()
        names = [arguments.atom().upper()]
        while arguments.take(b" "):
            names.append(arguments.atom().upper())
            if len(names) > NAMES:
                raise Malformed("Too many names")
        arguments.end()
        return cls(tuple(dict.fromkeys(names)))

    async def run(self, session: Session) -> Answer:
        table = session.dialect.enables
        rows = [table[name] for name in self.names if name in table and name not in session.enabled]
        for row in rows:
            session.enabled.add(row.name)
            if row.then is not None:
                row.then(session)
        words = "".join(f" {row.written or row.name}" for row in rows)
        session.untagged(b"ENABLED" + words.encode("ascii"))
        return Answer("ENABLE completed")


# Told before login too: imaplib, for one, does not ask again afterwards.
extension = Extension(name="enable", rfc=5161, capabilities=("ENABLE",), commands=(Enable,))
