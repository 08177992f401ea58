"""APPEND: a message is put into a mailbox as it comes off the wire.  rfc3501#6.3.11 rfc4315#3 rfc4469#4"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Self

from mailtwist.mail.flags import Flags
from mailtwist.protocols.errors import Malformed
from mailtwist.protocols.imap.append_data import AppendData
from mailtwist.protocols.imap.arguments import Arguments
from mailtwist.protocols.imap.command import Answer, Command, No, State
from mailtwist.protocols.imap.door import Incoming, Session
from mailtwist.protocols.imap.extension import Extension
from mailtwist.protocols.imap.listing import tell_name
from mailtwist.protocols.imap.try_create import may_be_created
from mailtwist.store.api import Account, Stored


@dataclass(frozen=True, slots=True)
class Append(Command):
    name: ClassVar[str] = "APPEND"
    states: ClassVar[State] = State.LOGGED_IN
    mailbox: str
    flags: Flags
    received: float | None
    zone: int
    data: AppendData

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
        return cls(mailbox, flags, received, zone, _data(arguments))

    async def run(self, session: Session) -> Answer:
        message = session.incoming
        if message is None:
            raise Malformed("Expected a literal")
        if message.size > session.limits.message:
            raise No("The message is too big", "TOOBIG", "5.3.4")
        with may_be_created(self.mailbox):
            stored = await self._store(session.account, message)
        await tell_name(session, self.mailbox)
        code = f"APPENDUID {stored.uid_validity} {stored.uid}" if stored.uid else ""
        return Answer("APPEND completed", code=code)

    async def _store(self, account: Account, message: Incoming) -> Stored:
        if message.waits:  # what cannot be is said before the message comes
            await account.status(self.mailbox)
            (await account.usage()).must_have_room(message.size)
        upload = account.upload(self.mailbox)
        try:
            async for chunk in message.chunks():
                await upload.write(chunk)
            await message.end(self.data.after)
            return await upload.commit(self.flags, self.received, self.zone)
        finally:
            await upload.abort()


def _data(arguments: Arguments) -> AppendData:
    before = arguments.rest().upper()
    rows: Mapping[str, AppendData] = arguments.dialect.append_data
    for row in rows.values():
        if row.before == before:
            return row
    raise Malformed("Expected a literal")


extension = Extension(
    name="append", rfc=3501, commands=(Append,), append_data=(AppendData("LITERAL", before=b""),)
)
