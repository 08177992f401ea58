"""VRFY: whether a user exists, which we tell nobody unless we are told to.  rfc5321#3.5.3 rfc5321#7.3"""

from typing import ClassVar

from mailtwist.protocols.smtp import replies
from mailtwist.protocols.smtp.asking import Question, allowed
from mailtwist.protocols.smtp.command import Reply
from mailtwist.protocols.smtp.door import Session, SupportsVerify
from mailtwist.protocols.smtp.extension import Extension


class Vrfy(Question):
    name: ClassVar[str] = "VRFY"
    usage: ClassVar[str] = "VRFY name: who that is"

    async def run(self, session: Session) -> Reply:
        wanting = self.wanting(session.door)
        if wanting is not None or not allowed(session.door):
            return wanting or replies.CANNOT_SAY
        reception = await session.door.reception()
        if not isinstance(reception, SupportsVerify):
            return replies.CANNOT_SAY
        found = await reception.verified(self.about)
        if not found:
            return replies.CANNOT_SAY
        if len(found) > 1:
            return self.answer(553, "5.1.4", ["Ambiguous; it may be one of", *found])
        return self.answer(250, "2.1.5", found)


extension = Extension(name="vrfy", rfc=5321, commands=(Vrfy,))
