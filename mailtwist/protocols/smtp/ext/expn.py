"""EXPN: who is on a list.  rfc5321#3.5 rfc5321#4.1.1.7"""

from collections.abc import Sequence
from typing import ClassVar

from mailtwist.protocols.smtp import replies
from mailtwist.protocols.smtp.asking import Question, allowed
from mailtwist.protocols.smtp.command import Reply
from mailtwist.protocols.smtp.door import Door, Session, SupportsExpand
from mailtwist.protocols.smtp.extension import Extension

NOT_HERE = Reply(502, "5.5.1", "Nobody is told here who is on a list")


class Expn(Question):
    name: ClassVar[str] = "EXPN"
    usage: ClassVar[str] = "EXPN list: who is on it"

    async def run(self, session: Session) -> Reply:
        door = session.door
        wanting = self.wanting(door)
        if wanting is not None:
            return wanting
        if not allowed(door):
            return NOT_HERE if door.vrfy == "nobody" else replies.LOGIN_REQUIRED
        reception = await door.reception()
        if not isinstance(reception, SupportsExpand):
            return NOT_HERE
        return self.answer(250, "2.1.5", await reception.expanded(self.about) or ["Nobody is on it"])


def _told(door: Door) -> Sequence[str]:
    return ("EXPN",) if allowed(door) else ()


extension = Extension(name="expn", rfc=5321, commands=(Expn,), telling=_told)
