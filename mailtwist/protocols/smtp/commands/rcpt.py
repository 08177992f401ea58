"""RCPT: one more who shall get the message.  rfc5321#4.1.1.3"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Self

from mailtwist.kit.trouble import Trouble
from mailtwist.mail.address import Address
from mailtwist.mail.envelope import Recipient
from mailtwist.protocols.smtp import replies
from mailtwist.protocols.smtp.command import Command, Refusal, Reply, State
from mailtwist.protocols.smtp.door import Door, Mail, Session
from mailtwist.protocols.smtp.extension import Extension
from mailtwist.protocols.smtp.grammar import forward_path
from mailtwist.protocols.smtp.limits import Limits
from mailtwist.protocols.smtp.parameters import checked

OK = Reply(250, "2.1.5", "Recipient ok")
TOO_MANY = Reply(452, "4.5.3", "Too many recipients")
TOO_MANY_DOMAINS = Reply(452, "4.5.3", "Too many domains in one mail")


@dataclass(frozen=True, slots=True)
class Rcpt(Command):
    name: ClassVar[str] = "RCPT"
    states: ClassVar[State] = State.SENDER | State.RECIPIENTS
    usage: ClassVar[str] = "RCPT TO:<address> [parameters]: who gets it"
    address: Address
    parameters: Mapping[str, str | None]
    ascii: bool

    @classmethod
    def parse(cls, arguments: bytes) -> Self:
        return cls(*forward_path(arguments), arguments.isascii())

    async def run(self, session: Session) -> Reply:
        mail, door = session.mail, session.door
        assert mail is not None
        refused = _full(mail, self.address.domain, door.limits)
        if refused is None:
            try:
                return await self._taken(mail, door)
            except (Refusal, Trouble) as error:
                refused = door.refused(error)
        mail.put_off += refused.code < 500  # those that are refused for good count as errors
        return refused if mail.put_off <= door.limits.recipients else replies.TOO_MANY_ERRORS

    async def _taken(self, mail: Mail, door: Door) -> Reply:
        meant = checked(self.parameters, door.dialect.rcpt_parameters, door) if self.parameters else {}
        if not (self.ascii or mail.utf8):
            return replies.NOT_ASCII
        recipient = Recipient(self.address, self.parameters, **meant)
        mail.takers.append(await door.accept_recipient(recipient))
        mail.recipients.append(recipient)
        return OK


def _full(mail: Mail, domain: str, limits: Limits) -> Reply | None:
    """rfc5321#4.5.3.1.10"""
    if len(mail.recipients) >= limits.recipients:
        return TOO_MANY
    if len(mail.recipients) < limits.recipient_domains:
        return None
    domains = {one.address.domain for one in mail.recipients}
    return TOO_MANY_DOMAINS if len({*domains, domain}) > limits.recipient_domains else None


extension = Extension(name="rcpt", rfc=5321, commands=(Rcpt,))
