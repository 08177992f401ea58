"""A message on its way to the server behind: lines with dots doubled, or chunks.  rfc5321#4.5.2 rfc3030#2"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

from twisted.internet.defer import Deferred

from mailtwist.gateway.transaction_words import Dialogue, said
from mailtwist.kit.trouble import Trouble
from mailtwist.protocols.pop3.dots import Stuffing
from mailtwist.protocols.smtp.command import Refusal, Reply

FOR_A_BLOCK = 180.0
"""Seconds in which the server takes what was written (rfc5321#4.5.3.2.5)."""

FOR_THE_END = 600.0
"""For the answer to the whole message (rfc5321#4.5.3.2.6): who gives up earlier has it delivered twice."""

CHUNK = 128 * 1024
"""Octets of one BDAT, which is answered before the next but one."""

Outcome = Reply | Refusal | Trouble


class Incoming(Protocol):
    """`protocols.smtp.door.Transfer` and `SupportsOutcomes`."""

    async def write(self, chunk: bytes) -> None: ...

    async def commit(self) -> Reply: ...

    async def commit_each(self) -> Sequence[Outcome]: ...

    async def abort(self) -> None: ...

    async def settled(self) -> None:
        """It is not being decided what becomes of it."""


class _End:
    """The end of a message: as many answers as the server gives (LMTP: one for each recipient)."""

    def __init__(self, dialogue: Dialogue, answers: int) -> None:
        self._dialogue = dialogue
        self._answers = answers
        self._over = False
        self._decided: Deferred[None] | None = None

    async def _last(self) -> bytes:
        """What ends the message, after what was to be said before."""
        raise NotImplementedError

    async def commit(self) -> Reply:
        """The server's own words, when it has said that it has the message."""
        (outcome,) = await self.commit_each()
        if isinstance(outcome, Reply):
            return outcome
        raise outcome

    async def commit_each(self) -> Sequence[Outcome]:
        """For each recipient, in LMTP; the one answer, in SMTP."""
        self._over = True
        self._decided = Deferred()
        try:
            self._dialogue.call.write(await self._last())
            self._dialogue.in_mail = False
            return [await self._outcome() for _ in range(self._answers)]
        finally:
            self._decided.callback(None)

    async def settled(self) -> None:
        if self._decided is not None and not self._decided.called:
            await self._decided

    async def abort(self) -> None:
        """The server cannot take what it has for a message: the session ends within it."""
        if not self._over:
            self._over = True
            self._dialogue.cut()

    async def _outcome(self) -> Outcome:
        """An answer that does not come is for later: the message may come twice, but is not lost."""
        try:
            answer = await self._dialogue.answered(FOR_THE_END)
        except Trouble as trouble:
            return trouble
        return replace(said(answer), code=250) if answer.good else self._dialogue.refusal(answer)

    async def _written(self, octets: bytes) -> None:
        try:
            await self._dialogue.interrupted(FOR_A_BLOCK)
            self._dialogue.call.write(octets)
            await self._dialogue.room(FOR_A_BLOCK)
        except (Trouble, Refusal):
            await self.abort()
            raise


class Dotted(_End):
    """After DATA."""

    def __init__(self, dialogue: Dialogue, answers: int, head: bytes) -> None:
        super().__init__(dialogue, answers)
        self._stuffing = Stuffing()
        self._head = head

    async def write(self, chunk: bytes) -> None:
        head, self._head = self._head, b""
        await self._written(self._stuffing.stuffed(head + chunk if head else chunk))

    async def _last(self) -> bytes:
        await self._dialogue.interrupted(FOR_A_BLOCK)
        head, self._head = self._head, b""
        return self._stuffing.stuffed(head) + self._stuffing.end()


class Chunks(_End):
    """By BDAT.  Each chunk has its answer; one at most is not yet there."""

    def __init__(self, dialogue: Dialogue, answers: int, head: bytes) -> None:
        super().__init__(dialogue, answers)
        self._held = bytearray(head)

    async def write(self, chunk: bytes) -> None:
        self._held += chunk
        if len(self._held) >= CHUNK:
            await self._answered()
            await self._written(b"BDAT %d\r\n%b" % (len(self._held), bytes(self._held)))
            self._dialogue.owes = True
            self._held.clear()

    async def commit_each(self) -> Sequence[Outcome]:
        """What a server thinks after a chunk that it has refused is not known, so it is told (rfc3030#2)."""
        found = await super().commit_each()
        self._dialogue.in_mail = not all(isinstance(outcome, Reply) for outcome in found)
        return found

    async def abort(self) -> None:
        """What the server has is forgotten there by RSET, before the next mail."""
        self._over = True

    async def _last(self) -> bytes:
        await self._answered()
        await self._dialogue.interrupted(FOR_A_BLOCK)
        return b"BDAT %d LAST\r\n%b" % (len(self._held), bytes(self._held))

    async def _answered(self) -> None:
        """The chunk before was taken."""
        if not self._dialogue.owes:
            return
        answer = await self._dialogue.answered(FOR_A_BLOCK)
        if not answer.good:
            self._over = True
            raise self._dialogue.refusal(answer)
