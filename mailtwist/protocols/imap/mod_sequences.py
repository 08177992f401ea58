"""Mod-sequences: a client that asks for them once is told of them from then on.  rfc7162#3.1"""

from mailtwist.protocols.errors import Malformed
from mailtwist.protocols.imap.changes import CONDSTORE, Selected
from mailtwist.protocols.imap.command import State
from mailtwist.protocols.imap.door import Session


def aware(session: Session) -> None:
    """The client knows what they are; with a mailbox selected it is told the highest (rfc7162#3.1)."""
    if CONDSTORE not in session.enabled:
        session.enabled.add(CONDSTORE)
        tell_highest(session)


def tell_highest(session: Session) -> None:
    """Of the selected mailbox, if there is one."""
    if session.state is State.SELECTED:
        session.untagged(highest(session.selected))


def needed(session: Session) -> None:
    """The same for a command that cannot do without (rfc7162#3.1.2.2)."""
    if not session.selected.mailbox.highest_modseq:
        raise Malformed("This mailbox has no mod-sequences")
    aware(session)


def highest(selected: Selected) -> bytes:
    """For SELECT, and whoever asks first (rfc7162#3.1.2)."""
    if not selected.mailbox.highest_modseq:
        return b"OK [NOMODSEQ] This mailbox has no mod-sequences"
    return b"OK [HIGHESTMODSEQ %d] Highest" % selected.highest_modseq


def after(session: Session) -> str:
    """The response code of a command by which messages have gone, for who wants it: all that is up to now is
    told before its tagged answer (rfc7162#3.2.7)."""
    known = session.selected.mailbox.highest_modseq
    return f"HIGHESTMODSEQ {known}" if known and CONDSTORE in session.enabled else ""
