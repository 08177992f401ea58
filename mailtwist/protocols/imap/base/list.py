"""LIST: which mailboxes there are.  rfc3501#6.3.8 rfc3348#3 rfc6154#2"""

from collections.abc import Iterator
from typing import ClassVar

from mailtwist.protocols.imap.command import Answer
from mailtwist.protocols.imap.door import Session
from mailtwist.protocols.imap.extension import Extension
from mailtwist.protocols.imap.listing import Lists
from mailtwist.store.api import Listed
from mailtwist.store.names import parents


class List(Lists):
    name: ClassVar[str] = "LIST"

    async def run(self, session: Session) -> Answer:
        if not self.pattern:  # asks for the separator
            session.untagged(self.line("", ["\\Noselect"]))
            return Answer("LIST completed")
        known = {one.name: one for one in await session.account.mailboxes() if one.selectable}
        above = {parent for name in known for parent in parents(name)}
        async for name in self.fitting(session, known.keys() | above):
            session.untagged(self.line(name, _attributes(known.get(name), name in above)))
            await session.drained()
        return Answer("LIST completed")


def _attributes(known: Listed | None, has_children: bool) -> Iterator[str]:
    if known is None:
        yield "\\Noselect"
    yield "\\HasChildren" if has_children else "\\HasNoChildren"
    if known is not None and known.special_use:
        yield known.special_use


extension = Extension(name="list", rfc=3501, commands=(List,))
