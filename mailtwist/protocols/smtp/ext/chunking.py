"""CHUNKING: a message in chunks of told sizes, so that nobody has to search for its end.  rfc3030#2"""

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import ClassVar, Self

from mailtwist.kit.trouble import Trouble
from mailtwist.protocols.errors import Unframed
from mailtwist.protocols.smtp import replies
from mailtwist.protocols.smtp.command import Command, Refusal, Reply, State
from mailtwist.protocols.smtp.door import Mail, Session
from mailtwist.protocols.smtp.extension import Extension
from mailtwist.protocols.smtp.incoming import Incoming
from mailtwist.protocols.smtp.measure import ChunkMeasure, Measure

_ARGUMENTS = re.compile(rb"([0-9]{1,20})(?: +(LAST))?", re.IGNORECASE)
SMALL = 512
"""Octets of a chunk; of those that are not even as long, a client may send only so many."""

FAILED = Reply(503, "5.5.1", "A chunk was refused; say RSET")


@dataclass(frozen=True, slots=True)
class Bdat(Command):
    """May come at any time: whether or not it is wanted, its octets are no commands."""

    name: ClassVar[str] = "BDAT"
    states: ClassVar[State] = State.ANY
    usage: ClassVar[str] = "BDAT size [LAST]: so many octets of the message follow"
    size: int
    last: bool

    @classmethod
    def parse(cls, arguments: bytes) -> Self:
        """Without a size it cannot be told where the next command begins: `Unframed`."""
        found = _ARGUMENTS.fullmatch(arguments)
        if found is None:
            raise Unframed("Expected the size of a chunk")
        return cls(int(found[1]), found[2] is not None)

    @property
    def vain(self) -> bool:
        return self.size < SMALL and not self.last

    async def run(self, session: Session) -> Reply | None:
        chunk, mail = session.door.chunk(self.size), session.mail
        if mail is None or not mail.recipients:
            return await self._unwanted(chunk, session)
        incoming = mail.incoming = mail.incoming or await _begun(session, mail)
        try:
            await incoming.take(chunk)
            if self.last:
                return await incoming.finish(session)
        except BaseException:
            await incoming.abort()
            raise
        finally:
            if self.last:
                session.mail = None
        if incoming.refused is None:
            return Reply(250, "2.0.0", f"{self.size} octets received")
        await incoming.abort()
        refused = incoming.refused
        if refused.code >= 500:  # else the client, who may look at the last answer alone, shall come again
            incoming.refused = FAILED
        return refused

    async def _unwanted(self, chunk: AsyncIterator[bytes], session: Session) -> Reply | None:
        """Nobody is to get the message; in LMTP the last chunk has no answer then (rfc2033#4.3)."""
        door = session.door
        refused = replies.out_of_order(session.state, door.dialect.hello)
        nowhere = Incoming(None, Measure(door.limits), refused)
        await nowhere.take(chunk)
        waits = door.dialect.protocol == "smtp" or not self.last or session.mail is None or _over(nowhere)
        return nowhere.refused if waits else None


def _over(incoming: Incoming) -> bool:
    return incoming.refused is not None and incoming.refused.last


async def _begun(session: Session, mail: Mail) -> Incoming:
    door = session.door
    measure = Measure(door.limits, lines=False) if mail.binary else ChunkMeasure(door.limits)
    mail.chunked = True
    try:
        return Incoming(await door.begin(), measure)
    except (Refusal, Trouble) as error:
        return Incoming(None, measure, door.refused(error))


extension = Extension(name="chunking", rfc=3030, keywords=("CHUNKING",), commands=(Bdat,))
