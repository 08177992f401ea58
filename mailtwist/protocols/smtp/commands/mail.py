"""MAIL: a message begins, and this is who sends it.  rfc5321#4.1.1.2"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Self

from mailtwist.mail.address import Address
from mailtwist.protocols.smtp import replies
from mailtwist.protocols.smtp.command import Command, Refusal, Reply, State
from mailtwist.protocols.smtp.door import Door, Mail, Session
from mailtwist.protocols.smtp.extension import Extension
from mailtwist.protocols.smtp.grammar import reverse_path
from mailtwist.protocols.smtp.parameters import checked

OK = Reply(250, "2.1.0", "Sender ok")


@dataclass(frozen=True, slots=True)
class MailFrom(Command):
    name: ClassVar[str] = "MAIL"
    states: ClassVar[State] = State.READY
    usage: ClassVar[str] = "MAIL FROM:<address> [parameters]: who sends"
    sender: Address
    parameters: Mapping[str, str | None]
    ascii: bool

    @classmethod
    def parse(cls, arguments: bytes) -> Self:
        return cls(*reverse_path(arguments), arguments.isascii())

    async def run(self, session: Session) -> Reply:
        door = session.door
        _may_send(door)
        session.mails += 1
        if session.mails > door.limits.mails:
            return replies.TOO_MANY_MAILS
        mail = Mail(self.sender, self.parameters)
        if self.parameters:
            mail.facts = checked(self.parameters, door.dialect.mail_parameters, door)
        if not (self.ascii or mail.utf8):
            return replies.NOT_ASCII
        await door.accept_sender(mail)
        session.mail = mail
        return OK


def _may_send(door: Door) -> None:
    if door.login_required and not door.authenticated:
        raise Refusal(replies.LOGIN_REQUIRED if door.may_sign_in else replies.TLS_REQUIRED)


extension = Extension(name="mail", rfc=5321, commands=(MailFrom,))
