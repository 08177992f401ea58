"""A `pop3.IMailbox` of twisted.mail as our maildrop.  rfc1939#5"""

import re
from collections.abc import AsyncGenerator, Callable, Sequence
from typing import Any

from twisted.internet.defer import maybeDeferred

from mailtwist.protocols.pop3.command import NoSuchMessage

CHUNK = 65536
_BARE_LF = re.compile(rb"(?<!\r)\n")


class LegacyMaildrop:
    """Any method of the mailbox may answer with a Deferred.  Its indices begin at 0, a size of 0 says that a
    message has been deleted, and ValueError (or, from old ones, IndexError) that there is none."""

    def __init__(self, mailbox: Any) -> None:
        self.mailbox = mailbox

    async def sizes(self) -> Sequence[int | None]:
        return [int(size) or None for size in await maybeDeferred(self.mailbox.listMessages)]

    async def size(self, number: int) -> int:
        size = int(await _of(self.mailbox.listMessages, number))
        if not size:
            raise NoSuchMessage
        return size

    async def uids(self) -> Sequence[bytes | None]:
        sizes = await self.sizes()
        return [None if size is None else await self._uid(n) for n, size in enumerate(sizes, 1)]

    async def uid(self, number: int) -> bytes:
        await self.size(number)
        return await self._uid(number)

    async def open(self, number: int) -> "LegacyMessage":
        size = await self.size(number)
        return LegacyMessage(await _of(self.mailbox.getMessage, number), size)

    def fetched(self, number: int) -> None:
        """It is theirs to know."""

    async def delete(self, number: int) -> None:
        await self.size(number)
        await _of(self.mailbox.deleteMessage, number)

    async def restore(self) -> None:
        await maybeDeferred(self.mailbox.undeleteMessages)

    async def commit(self) -> None:
        await maybeDeferred(self.mailbox.sync)

    async def close(self) -> None:
        """Its realm's logout does that."""

    async def _uid(self, number: int) -> bytes:
        uid = await _of(self.mailbox.getUidl, number)
        return uid if isinstance(uid, bytes) else str(uid).encode()


class LegacyMessage:
    """A file with lines ended by LF or CRLF; `size` is what the mailbox says."""

    def __init__(self, file: Any, size: int) -> None:
        self.size = size
        self._file = file

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        last = b""
        try:
            while chunk := self._file.read(CHUNK):
                yield _BARE_LF.sub(b"\r\n", last + chunk)[len(last) :]
                last = b"\r" if chunk.endswith(b"\r") else b""
        finally:
            if hasattr(self._file, "close"):
                self._file.close()


async def _of(method: Callable[[int], Any], number: int) -> Any:
    if number < 1:
        raise NoSuchMessage
    try:
        return await maybeDeferred(method, number - 1)
    except (ValueError, IndexError):
        raise NoSuchMessage
