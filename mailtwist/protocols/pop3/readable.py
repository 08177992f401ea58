"""A message for a client that may know no UTF-8: as it is, or with a header that stands in.  rfc6856#2.1"""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Literal

from mailtwist.kit.events import Event
from mailtwist.kit.trouble import Trouble
from mailtwist.mail import headers, surrogate
from mailtwist.protocols.pop3.command import No
from mailtwist.protocols.pop3.maildrop import InMemory, Message

UNREADABLE = Event("pop3.unreadable", "A message cannot be read: {reason}", "error")

Utf8Headers = Literal["downgrade", "refuse", "as_is"]
"""What a client gets that did not say UTF8."""


class NeedsUtf8(No):
    """rfc6856#5"""

    def __init__(self) -> None:
        super().__init__("This message needs UTF8", "UTF8", "5.6.7")


class Unreadable(Trouble):
    def __init__(self, error: OSError) -> None:
        super().__init__("4.3.0", "The message cannot be read, try again later", str(error))


class Readable:
    """A `Message` whose header is in ASCII.  LIST tells the size of the message itself: to know better
    (rfc6856#2.1 says SHOULD) all headers would have to be read."""

    def __init__(self, size: int, header: bytes, rest: AsyncGenerator[bytes, None]) -> None:
        self.size = size
        self._header = header
        self._rest = rest

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        async with aclosing(self._rest) as rest:
            yield self._header
            async for chunk in rest:
                yield chunk


async def readable(message: Message, how: Utf8Headers) -> Message:
    """`message` for a client that did not say UTF8; `NeedsUtf8` where it cannot have it, and then it is
    closed.  A header larger than `headers.LIMIT` is nobody's, and comes as it is: it must not be what keeps a
    client from its other messages."""
    if how == "as_is" or (isinstance(message, InMemory) and message.octets.isascii()):
        return message
    chunks = message.chunks()
    try:
        begin, end = await _header(chunks)
        if end <= headers.LIMIT and surrogate.wanted(begin[:end]):
            if how == "refuse":
                raise NeedsUtf8
            header = surrogate.made(begin[:end])
            return Readable(message.size - end + len(header), header + begin[end:], chunks)
    except OSError as error:
        UNREADABLE.log(reason=str(error))
        raise Unreadable(error) from None
    except BaseException:
        await chunks.aclose()
        raise
    return Readable(message.size, begin, chunks)


async def _header(chunks: AsyncGenerator[bytes, None]) -> tuple[bytes, int]:
    """(octets, how many of them are the header); of a header without an end at least `headers.LIMIT`."""
    begin = b""
    async for chunk in chunks:
        looked = max(0, len(begin) - 3)
        begin += chunk
        end = headers.end(begin, looked)
        if end >= 0:
            return begin, end
        if len(begin) > headers.LIMIT:
            break
    return begin, len(begin)
