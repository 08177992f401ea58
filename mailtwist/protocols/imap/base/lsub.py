"""LSUB: which names the user wants to see.  rfc3501#6.3.9"""

from dataclasses import dataclass
from typing import ClassVar, Self

from mailtwist.protocols.imap.arguments import Arguments
from mailtwist.protocols.imap.command import Answer, Command, State
from mailtwist.protocols.imap.door import Session
from mailtwist.protocols.imap.extension import Extension
from mailtwist.protocols.imap.listing import Names, fitting, line, patterns_of
from mailtwist.store.names import above


@dataclass(frozen=True, slots=True)
class Lsub(Command):
    name: ClassVar[str] = "LSUB"
    states: ClassVar[State] = State.LOGGED_IN
    reference: str | None
    pattern: str | None

    @classmethod
    def parse(cls, arguments: Arguments, *, by_uid: bool) -> Self:
        arguments.space()
        reference = arguments.reference()
        arguments.space()
        pattern = arguments.pattern()
        arguments.end()
        return cls(reference, pattern)

    async def run(self, session: Session) -> Answer:
        names = await Names.of(session.account)
        wanted = {one.name for one in names.known.values() if one.subscribed}
        patterns = patterns_of(self.reference, [self.pattern])
        levels = any("%" in pattern for pattern in patterns)  # `%` also finds the levels above a name
        async for name in fitting(session, patterns, wanted | above(wanted) if levels else wanted):
            there = name in wanted and names.get(name).selectable
            session.untagged(line(session, b"LSUB", name, [] if there else ["\\Noselect"]))
            await session.drained()
        return Answer("LSUB completed")


extension = Extension(name="lsub", rfc=3501, commands=(Lsub,))
