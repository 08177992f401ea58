"""What SELECT and EXAMINE have in common: a mailbox becomes the selected one.  rfc3501#6.3.1"""

from dataclasses import dataclass
from typing import ClassVar, Self

from mailtwist.mail.flags import SEEN
from mailtwist.protocols.imap.abilities import SupportsReadOnly
from mailtwist.protocols.imap.arguments import Arguments
from mailtwist.protocols.imap.changes import CONDSTORE, Selected
from mailtwist.protocols.imap.command import Answer, Command, State
from mailtwist.protocols.imap.door import Session
from mailtwist.protocols.imap.listing import now
from mailtwist.protocols.imap.mod_sequences import highest
from mailtwist.protocols.imap.modifiers import Then, taken


@dataclass(frozen=True, slots=True)
class Open(Command):
    """`read_only`: nothing changes by being opened; \\Recent is seen and stays for the next."""

    states: ClassVar[State] = State.LOGGED_IN
    read_only: ClassVar[bool]
    mailbox: str
    parameters: tuple[Then, ...] = ()

    @classmethod
    def parse(cls, arguments: Arguments, *, by_uid: bool) -> Self:
        arguments.space()
        mailbox = arguments.mailbox()
        parameters = taken(arguments, arguments.dialect.select_parameters) if arguments.take(b" ") else []
        arguments.end()
        return cls(mailbox, tuple(parameters))

    async def run(self, session: Session) -> Answer:
        if session.state is State.SELECTED:
            await session.unselect()  # also when the next one cannot be opened
            session.untagged(b"OK [CLOSED] Nothing more about the mailbox before")  # rfc9051#7.1
        listed = await now(session, self.mailbox) if session.rev2 else b""
        mailbox = await session.account.open(self.mailbox)
        read_only = self.read_only or (isinstance(mailbox, SupportsReadOnly) and mailbox.read_only)
        selected = await session.select(mailbox, read_only=read_only)
        session.untagged(b"FLAGS " + selected.all_flags())
        session.untagged(b"%d EXISTS" % selected.exists)
        if session.rev2:
            session.untagged(listed)
        else:
            session.untagged(b"%d RECENT" % selected.recent_count)
            if unseen := _first_unseen(selected):
                session.untagged(b"OK [UNSEEN %d] First unseen" % unseen)
        session.untagged(b"OK [PERMANENTFLAGS %b] Kept" % selected.permanent_flags())
        session.untagged(b"OK [UIDNEXT %d] Next UID" % mailbox.uid_next)
        session.untagged(b"OK [UIDVALIDITY %d] UIDs are valid" % mailbox.uid_validity)
        if CONDSTORE in session.dialect.enables:
            session.untagged(highest(selected))
        for then in self.parameters:
            await then(session, selected)
        return Answer(f"{self.name} completed", code="READ-ONLY" if read_only else "READ-WRITE")


def _first_unseen(selected: Selected) -> int:
    """Its number; 0 for none."""
    entries = enumerate(selected.mailbox.entries(), 1)
    return next((number for number, entry in entries if SEEN not in entry.flags), 0)
