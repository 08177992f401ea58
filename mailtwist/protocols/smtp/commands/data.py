"""DATA: the message itself.  rfc5321#4.1.1.4"""

from dataclasses import dataclass
from typing import ClassVar

from mailtwist.kit.trouble import Trouble
from mailtwist.protocols.smtp import replies
from mailtwist.protocols.smtp.command import Command, Refusal, Reply, State
from mailtwist.protocols.smtp.door import Door, Session, Transfer
from mailtwist.protocols.smtp.extension import Extension
from mailtwist.protocols.smtp.measure import Measure


@dataclass(frozen=True, slots=True)
class Data(Command):
    name: ClassVar[str] = "DATA"
    states: ClassVar[State] = State.RECIPIENTS

    async def run(self, session: Session) -> Reply:
        try:
            return await _taken(session.door)
        finally:
            session.mail = None


async def _taken(door: Door) -> Reply:
    transfer = await door.begin()
    committing = False
    try:
        door.say(Reply(354, text="End data with <CR><LF>.<CR><LF>"))
        refused = await _received(door, transfer)
        if refused is not None:
            return refused
        committing = True
        name = await door.commit(transfer)
        return Reply(250, "2.0.0", f"Taken as {name}" if name else "Taken")
    finally:
        if not committing:
            await transfer.abort()


async def _received(door: Door, transfer: Transfer) -> Reply | None:
    """All of the message is with `transfer`; or why not, and then the rest of it was read and dropped: it is
    never taken for commands.  Who sends without end hears so without having ended."""
    measure = Measure(door.limits)
    refused: Reply | None = None
    async for chunk in door.block():
        refused = refused or measure.see(chunk) or await _written(transfer, chunk)
        if refused and measure.is_flood(chunk):
            return Reply(refused.code, refused.status, refused.text, last=True)
    return refused


async def _written(transfer: Transfer, chunk: bytes) -> Reply | None:
    try:
        await transfer.write(chunk)
    except Trouble as trouble:
        return replies.refusal(trouble)
    except Refusal as refusal:
        return refusal.reply
    return None


extension = Extension(name="data", rfc=5321, commands=(Data,))
