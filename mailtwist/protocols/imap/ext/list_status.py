"""LIST-STATUS: LIST says what is in the mailboxes, too.  rfc5819#2"""

from mailtwist.protocols.imap.arguments import Arguments
from mailtwist.protocols.imap.command import State
from mailtwist.protocols.imap.door import Session
from mailtwist.protocols.imap.extension import Extension
from mailtwist.protocols.imap.list_options import Return, Returned
from mailtwist.protocols.imap.status_items import answer, asked
from mailtwist.store.api import Listed


def _parse(arguments: Arguments) -> Returned:
    arguments.space()
    items = asked(arguments)

    async def status(session: Session, listed: Listed) -> bytes:
        return answer(session, listed.name, items, await session.account.status(listed.name))

    return Returned(answer=status)


extension = Extension(
    name="list_status",
    rfc=5819,
    capabilities=("LIST-STATUS",),
    told_in=State.LOGGED_IN,
    list_returns=(Return("STATUS", _parse),),
)
