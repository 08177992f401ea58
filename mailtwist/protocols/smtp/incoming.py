"""One message while it comes in, in one piece or in chunks, up to the answer.  rfc5321#4.1.1.4 rfc3030#2"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace

from mailtwist.kit.trouble import Trouble
from mailtwist.protocols.smtp import replies
from mailtwist.protocols.smtp.command import Refusal, Reply
from mailtwist.protocols.smtp.door import Session, Transfer
from mailtwist.protocols.smtp.measure import Measure


class Incoming:
    """`refused` says why the message is not taken; what comes of it then is read and dropped: it is never
    taken for commands.  Without a `transfer` it is refused from the beginning."""

    def __init__(self, transfer: Transfer | None, measure: Measure, refused: Reply | None = None) -> None:
        self.refused = refused
        self._measure = measure
        self._transfer = transfer

    async def take(self, octets: AsyncIterator[bytes]) -> None:
        """All of `octets` is with the transfer, or was dropped.  Who sends without end is refused without
        having ended, and that is the last he hears."""
        async for piece in octets:
            if self.refused is None:
                self.refused = self._measure.see(piece) or await self._written(piece)
            if self.refused is not None and self._measure.is_flood(piece):
                self.refused = replace(self.refused, last=True)
                return

    async def finish(self, session: Session) -> Reply:
        """The message has ended, its last line too if that had no end; the answer, or to LMTP the last of one
        for each recipient, after the others (rfc2033#4.2)."""
        if self.refused is None and not self._measure.ended:
            self.refused = self._measure.unended() or await self._written(b"\r\n")
        answers = await self._answers(session)
        for answer in answers[:-1]:
            session.door.say(replace(answer, last=False), blames=False)
        return answers[-1]

    async def abort(self) -> None:
        """Nothing is left of it, unless `finish` has begun."""
        transfer, self._transfer = self._transfer, None
        if transfer is not None:
            await transfer.abort()

    async def _answers(self, session: Session) -> Sequence[Reply]:
        if self.refused is not None:
            await self.abort()
            return session.door.for_each(self.refused)
        transfer, self._transfer = self._transfer, None
        assert transfer is not None, "finished twice"
        return await session.door.commit(transfer)

    async def _written(self, piece: bytes) -> Reply | None:
        assert self._transfer is not None
        try:
            await self._transfer.write(piece)
        except Trouble as trouble:
            return replies.refusal(trouble)
        except Refusal as refusal:
            return refusal.reply
        return None
