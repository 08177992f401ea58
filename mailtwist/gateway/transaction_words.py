"""What is said to a server behind us about a mail, and how its answers are told to the client."""

from collections.abc import Callable
from dataclasses import replace

from mailtwist.gateway.api import Session
from mailtwist.kit.events import Event
from mailtwist.kit.trouble import Trouble
from mailtwist.mail.envelope import Envelope
from mailtwist.protocols.smtp.answers import Answer, NotUnderstood, answer
from mailtwist.protocols.smtp.command import Refusal, Reply

REFUSED = Event("gateway.refused", "{where}: {command} is refused: {answer}")
LOST = Event("gateway.mail_lost", "{where}: the session ends within a mail: {trouble}", "warn")

Head = Callable[[Envelope, str], bytes]
"""What stands in front of a message; of its envelope, and the word for "with" (rfc3848)."""

GONE = Reply(421, "4.4.2", "The server behind has ended the session, come again", last=True)

MOST_LINES = 10
"""Of a refusal that a client hears."""

_BETWEEN_US = frozenset({530, 534, 535, 538})
"""Wants a login or TLS from us (rfc4954#6): the client has done its part, and can do nothing more."""


class Dialogue:
    """The dialogue with a server behind us: a command, then its answer.  `in_mail`: MAIL was taken there, and
    nothing has ended that since.  `owes`: an answer is due."""

    def __init__(self, session: Session) -> None:
        self.in_mail = self.owes = False
        self.call = session.call
        self._where = session.where
        self._gone = False

    @property
    def lost(self) -> bool:
        """Something that came unasked is nothing that could be an answer: most often it is 421."""
        return self.call.over or (not self.owes and self.call.unread > 0)

    async def ask(self, command: bytes, patience: float) -> Answer:
        """The answer to `command`, which has no CRLF.  Refusals are logged.  `Refusal` 421 when the session
        has ended before; `Trouble` 4.x when it ends now, and then it is not known what has become of it."""
        if self.lost:
            self.cut()
            raise Refusal(GONE)
        self.owes = True
        self.call.write(command + b"\r\n")
        found = await self.answered(patience)
        if found.code >= 400:
            REFUSED.log(where=self._where, command=command.partition(b" ")[0].decode(), answer=str(found))
        return found

    async def answered(self, patience: float) -> Answer:
        """The next answer.  Whatever keeps it from coming ends the session."""
        self.owes = True
        self._within(patience)
        try:
            found = await answer(self.call)
        except BaseException as error:
            self._ended(error)
            raise
        self.owes = False
        if found.code == 421:
            self.cut()
        return found

    async def room(self, patience: float) -> None:
        """The server has taken what was written, but for what the transport likes to hold, or it has spoken
        up meanwhile.  `Trouble` when it does neither, or has gone without a word."""
        self._within(patience)
        try:
            await self.call.drained()
        except BaseException as error:
            self._ended(error)
            raise

    async def interrupted(self, patience: float) -> None:
        """Nothing has come while nothing was due; else why it is over: who answers before the end of a
        message can only be refusing it."""
        if not (self.call.unread or self.call.over):
            return
        found = await self.answered(patience)
        self.cut()
        raise self.refusal(found)

    def refusal(self, answer: Answer) -> Refusal | Trouble:
        """What the client hears for an `answer` that is none of the good ones.  What is good elsewhere is not
        understood here, nor what comes behind it."""
        if answer.code < 400:
            self.cut()
            return NotUnderstood(f"{self._where}: {answer} where that is no answer")
        if answer.code in _BETWEEN_US:
            return Trouble("4.3.5", "The server behind does not let us in, try again later", str(answer))
        return Refusal(replace(said(answer), last=answer.code == 421))

    def cut(self) -> None:
        """The session is over, at once: what was not finished there is not taken."""
        self.in_mail = False
        self.call.abort()

    def quit(self) -> None:
        """Goodbye, where that can be said; else the end at once."""
        if self.lost or self.owes:
            self.cut()
        else:
            self.call.write(b"QUIT\r\n")

    def _within(self, patience: float) -> None:
        """All of the next answer, however many lines it has."""
        self.call.patience = patience
        self.call.until = self.call.clock.seconds() + patience

    def _ended(self, error: BaseException) -> None:
        if isinstance(error, Trouble) and not self._gone:
            self._gone = True
            LOST.log(where=self._where, trouble=str(error))
        self.cut()


def said(answer: Answer) -> Reply:
    """An answer in the server's own words; `Reply` makes them safe."""
    status = answer.status or f"{answer.code // 100}.0.0"
    return Reply(answer.code, status, "\n".join(answer.lines[:MOST_LINES]))
