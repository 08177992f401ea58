"""APPEND: a message is put into a mailbox as it comes off the wire.  rfc3501#6.3.11 rfc4315#3 rfc4469#4"""

from dataclasses import dataclass
from typing import ClassVar, Self

from mailtwist.mail.flags import Flags
from mailtwist.protocols.errors import Malformed
from mailtwist.protocols.imap.arguments import Arguments
from mailtwist.protocols.imap.command import Answer, Command, No, State
from mailtwist.protocols.imap.door import Incoming, Session
from mailtwist.protocols.imap.extension import Extension
from mailtwist.store.api import Account, NoSuchMailbox, Stored


@dataclass(frozen=True, slots=True)
class Append(Command):
    name: ClassVar[str] = "APPEND"
    states: ClassVar[State] = State.LOGGED_IN
    mailbox: str
    flags: Flags
    received: float | None
    zone: int

    @classmethod
    def streams(cls, before: bytes) -> bool:
        return before.strip(b" ") != b""  # the first literal may be the name of the mailbox

    @classmethod
    def parse(cls, arguments: Arguments, *, by_uid: bool) -> Self:
        arguments.space()
        mailbox = arguments.mailbox()
        arguments.space()
        flags: Flags = frozenset()
        received, zone = None, 0
        if arguments.peek(b"("):
            flags = arguments.flag_list()
            arguments.space()
        if arguments.peek(b'"'):
            received, zone = arguments.date_time()
            arguments.space()
        arguments.end()
        return cls(mailbox, flags, received, zone)

    async def run(self, session: Session) -> Answer:
        message = session.incoming
        if message is None:
            raise Malformed("Expected a literal")
        if message.size > session.limits.message:
            raise No("The message is too big", "TOOBIG", "5.3.4")
        try:
            stored = await self._store(session.account, message)
        except NoSuchMailbox as missing:
            raise No(missing.public, "TRYCREATE") from None
        code = f"APPENDUID {stored.uid_validity} {stored.uid}" if stored.uid else ""
        return Answer("APPEND completed", code=code)

    async def _store(self, account: Account, message: Incoming) -> Stored:
        if message.waits:
            await account.status(self.mailbox)  # NoSuchMailbox comes before the message does
        upload = account.upload(self.mailbox)
        try:
            async for chunk in message.chunks():
                await upload.write(chunk)
            await message.end()
            return await upload.commit(self.flags, self.received, self.zone)
        finally:
            await upload.abort()


extension = Extension(name="append", rfc=3501, commands=(Append,))
