"""What SELECT and EXAMINE have in common: a mailbox becomes the selected one.  rfc3501#6.3.1"""

from dataclasses import dataclass
from typing import ClassVar, Self

from mailtwist.mail.flags import SEEN
from mailtwist.protocols.imap.abilities import SupportsReadOnly
from mailtwist.protocols.imap.arguments import Arguments
from mailtwist.protocols.imap.changes import Selected
from mailtwist.protocols.imap.command import Answer, Command, State
from mailtwist.protocols.imap.door import Session


@dataclass(frozen=True, slots=True)
class Open(Command):
    """`read_only`: nothing changes by being opened; \\Recent is seen and stays for the next."""

    states: ClassVar[State] = State.LOGGED_IN
    read_only: ClassVar[bool]
    mailbox: str

    @classmethod
    def parse(cls, arguments: Arguments, *, by_uid: bool) -> Self:
        arguments.space()
        mailbox = arguments.mailbox()
        arguments.end()
        return cls(mailbox)

    async def run(self, session: Session) -> Answer:
        await session.unselect()  # also when the next one cannot be opened
        mailbox = await session.account.open(self.mailbox)
        read_only = self.read_only or (isinstance(mailbox, SupportsReadOnly) and mailbox.read_only)
        selected = await session.select(mailbox, read_only=read_only)
        session.untagged(b"FLAGS " + selected.all_flags())
        session.untagged(b"%d EXISTS" % selected.exists)
        session.untagged(b"%d RECENT" % selected.recent_count)
        if unseen := _first_unseen(selected):
            session.untagged(b"OK [UNSEEN %d] First unseen" % unseen)
        session.untagged(b"OK [PERMANENTFLAGS %b] Kept" % selected.permanent_flags())
        session.untagged(b"OK [UIDNEXT %d] Next UID" % mailbox.uid_next)
        session.untagged(b"OK [UIDVALIDITY %d] UIDs are valid" % mailbox.uid_validity)
        return Answer(f"{self.name} completed", code="READ-ONLY" if read_only else "READ-WRITE")


def _first_unseen(selected: Selected) -> int:
    """Its number; 0 for none."""
    entries = enumerate(selected.mailbox.entries(), 1)
    return next((number for number, entry in entries if SEEN not in entry.flags), 0)
