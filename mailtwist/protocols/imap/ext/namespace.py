"""NAMESPACE: where an account's mailboxes, other users' and shared ones begin.  rfc2342"""

from dataclasses import dataclass
from typing import ClassVar

from mailtwist.protocols.imap.abilities import Namespace, Namespaces, SupportsNamespaces
from mailtwist.protocols.imap.command import Answer, Command, State
from mailtwist.protocols.imap.door import Session
from mailtwist.protocols.imap.extension import Extension
from mailtwist.protocols.imap.mailbox_name import quoted


@dataclass(frozen=True, slots=True)
class NamespaceCommand(Command):
    name: ClassVar[str] = "NAMESPACE"
    states: ClassVar[State] = State.LOGGED_IN

    async def run(self, session: Session) -> Answer:
        account = session.account
        known = await account.namespaces() if isinstance(account, SupportsNamespaces) else Namespaces()
        groups = (known.personal, known.others, known.shared)
        written = [_written(group, session.utf8_names) for group in groups]
        session.untagged(b"NAMESPACE " + b" ".join(written))
        return Answer("NAMESPACE completed")


def _written(group: Namespace, utf8: bool) -> bytes:
    if not group:
        return b"NIL"
    pairs = ((quoted(prefix, utf8=utf8), quoted(mark, utf8=utf8)) for prefix, mark in group)
    return b"(%b)" % b"".join(b"(%b %b)" % pair for pair in pairs)


extension = Extension(
    name="namespace",
    rfc=2342,
    capabilities=("NAMESPACE",),
    commands=(NamespaceCommand,),
    told_in=State.LOGGED_IN,
)
