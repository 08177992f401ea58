"""What COPY and MOVE have in common: messages for another mailbox, and their new UIDs.  rfc4315#3"""

from dataclasses import dataclass
from typing import ClassVar, Self

from mailtwist.protocols.imap.arguments import Arguments
from mailtwist.protocols.imap.command import Command, State
from mailtwist.protocols.imap.message_set import MessageSet, written
from mailtwist.store.api import Copied


@dataclass(frozen=True, slots=True)
class Copies(Command):
    """`messages` of the selected mailbox, for `target`."""

    states: ClassVar[State] = State.SELECTED
    takes_uid: ClassVar[bool] = True
    messages: MessageSet
    target: str
    by_uid: bool

    @classmethod
    def parse(cls, arguments: Arguments, *, by_uid: bool) -> Self:
        arguments.space()
        messages = arguments.message_set()
        arguments.space()
        target = arguments.mailbox()
        arguments.end()
        return cls(messages, target, by_uid)


def copy_uid(copied: Copied) -> str:
    """The response code; "" where nothing was copied or the new UIDs are not known."""
    if not copied.pairs:
        return ""
    old = written(old for old, _ in copied.pairs).decode("ascii")
    new = written(new for _, new in copied.pairs).decode("ascii")
    return f"COPYUID {copied.uid_validity} {old} {new}"
