"""RCPT: one more who shall get the message.  rfc5321#4.1.1.3"""

from dataclasses import dataclass
from typing import ClassVar, Self

from mailtwist.mail.envelope import Recipient
from mailtwist.protocols.smtp.command import Command, Reply, State
from mailtwist.protocols.smtp.door import Session
from mailtwist.protocols.smtp.extension import Extension
from mailtwist.protocols.smtp.grammar import forward_path
from mailtwist.protocols.smtp.parameters import checked


@dataclass(frozen=True, slots=True)
class Rcpt(Command):
    name: ClassVar[str] = "RCPT"
    states: ClassVar[State] = State.SENDER | State.RECIPIENTS
    recipient: Recipient

    @classmethod
    def parse(cls, arguments: bytes) -> Self:
        return cls(Recipient(*forward_path(arguments)))

    async def run(self, session: Session) -> Reply:
        mail, door = session.mail, session.door
        assert mail is not None
        if len(mail.recipients) >= door.limits.recipients:
            return Reply(452, "4.5.3", "Too many recipients")
        checked(self.recipient.parameters, door.dialect.rcpt_parameters, door)
        taker = await door.accept_recipient(self.recipient)
        mail.recipients.append(self.recipient)
        mail.takers.append(taker)
        return Reply(250, "2.1.5", "Recipient ok")


extension = Extension(name="rcpt", rfc=5321, commands=(Rcpt,))
