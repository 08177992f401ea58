"""LSUB: which names the user wants to see.  rfc3501#6.3.9"""

from typing import ClassVar

from mailtwist.protocols.imap.command import Answer
from mailtwist.protocols.imap.door import Session
from mailtwist.protocols.imap.extension import Extension
from mailtwist.protocols.imap.listing import Lists
from mailtwist.store.names import parents


class Lsub(Lists):
    name: ClassVar[str] = "LSUB"

    async def run(self, session: Session) -> Answer:
        known = {one.name: one for one in await session.account.mailboxes() if one.subscribed}
        levels = "%" in self.pattern or "%" in self.reference  # `%` also finds the levels above a name
        above = {parent for name in known for parent in parents(name)} if levels else set()
        async for name in self.fitting(session, known.keys() | above):
            there = name in known and known[name].selectable
            session.untagged(self.line(name, [] if there else ["\\Noselect"]))
            await session.drained()
        return Answer("LSUB completed")


extension = Extension(name="lsub", rfc=3501, commands=(Lsub,))
