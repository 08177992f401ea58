"""A message, opened: its octets in blocks, its header, its parts.  rfc3501#6.4.5"""

from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from mailtwist.mail import headers
from mailtwist.mail.structure import BLOCK, Part, StructureParser
from mailtwist.store.api import Content, Damaged, SupportsFile

AT_A_STRETCH = 2 * BLOCK
"""Octets that are dealt with before other connections have their turn."""

PORTION = BLOCK // 4
"""Octets that are taken apart without a look at the clock."""

SENT = 4 * BLOCK
"""Octets that are read at a time to be sent and nothing else: each read costs a thread its turn."""

EACH = 4096
"""What a message, a read or a part costs besides its octets."""


class Structures:
    """What is known of the parts of messages, by UID: clients ask for one part after the other.  Bounded; the
    last is always kept."""

    MOST = 4_000

    def __init__(self) -> None:
        self._known: OrderedDict[int, tuple[Part, int]] = OrderedDict()
        self._parts = 0

    def get(self, uid: int) -> Part | None:
        found = self._known.get(uid)
        if found is None:
            return None
        self._known.move_to_end(uid)
        return found[0]

    def put(self, uid: int, part: Part) -> None:
        count = part.count()
        self._known[uid] = part, count
        self._parts += count
        while self._parts > self.MOST and len(self._known) > 1:
            self._parts -= self._known.popitem(last=False)[1][1]


class Pace:
    """Lets others have their turn during long work."""

    def __init__(self, breathe: Callable[[], Awaitable[None]]) -> None:
        self._breathe = breathe
        self._done = 0

    async def went(self, octets: int) -> None:
        """So many octets have been dealt with since the last call."""
        self._done += octets
        if self._done >= AT_A_STRETCH:
            self._done = 0
            await self._breathe()


class Reading:
    """Reads a `Content`; who opened that closes it.  A message that is shorter than it said is `Damaged`."""

    def __init__(self, uid: int, content: Content, structures: Structures, pace: Pace) -> None:
        self.size = content.size
        self._uid = uid
        self._content = content
        self._structures = structures
        self.pace = pace
        self.worked_out: dict[Any, Any] = {}  # by one item of a FETCH, for others
        self._head = b""  # what has been read of the beginning, the header at least if that was asked for
        self._header_end = -1

    async def octets(self, start: int, end: int) -> bytes:
        """All of them in one piece."""
        return b"".join([block async for block in self.blocks(start, end)])

    async def blocks(self, start: int, end: int, step: int = BLOCK) -> AsyncIterator[bytes]:
        """From `start` to `end`, which lie in the message; not much more than `step` at a time."""
        if step == BLOCK and start < min(end, BLOCK) and not self._head:
            await self._read_head()
        if start < len(self._head):
            piece = self._head[start:end]
            start += len(piece)
            yield piece
        while start < end:
            piece = await self._read(start, min(end - start, step))
            start += len(piece)
            yield piece

    async def in_file(self, start: int, count: int) -> int | None:
        """The descriptor of the file that holds these octets at the same places, ready to be sent; or None,
        and they are to be read."""
        content = self._content
        return await content.in_file(start, count) if isinstance(content, SupportsFile) else None

    async def header_end(self) -> int:
        """Where the body begins: the size of the message if it has none."""
        if self._header_end < 0:
            self._header_end = await self._find_header_end()
        return self._header_end

    async def header(self) -> bytes:
        """The header with its empty line, but no more of it than `headers.LIMIT`."""
        return await self.part_of_header(0, await self.header_end())

    async def part_of_header(self, start: int, end: int) -> bytes:
        """The same for a header that lies from `start` to `end`."""
        header = await self.octets(start, min(end, start + headers.LIMIT))
        await self.pace.went(len(header))  # it may be in memory, and it is going to be taken apart
        return header

    async def structure(self) -> Part:
        """The parts; a header that was read on the way is not read again."""
        known = self._structures.get(self._uid)
        if known is None:
            parser = StructureParser()
            async for _ in self.fed(parser):
                pass
            known = parser.finish()
            self._structures.put(self._uid, known)
        return known

    async def fed(self, parser: StructureParser) -> AsyncIterator[None]:
        """The whole message goes through `parser`, in portions that take no time worth mentioning."""
        async for block in self.blocks(0, self.size):
            for start in range(0, len(block), PORTION):
                before = parser.count
                parser.feed(block[start : start + PORTION])
                await self.pace.went(EACH * (parser.count - before))
                yield

    async def _find_header_end(self) -> int:
        await self._read_head()
        end = headers.end(self._head)
        while end < 0 and len(self._head) < min(self.size, headers.LIMIT):
            before = len(self._head)
            self._head += await self._read(before, min(self.size - before, BLOCK))
            end = headers.end(self._head, max(0, before - 2))
        at, tail = len(self._head), self._head[-3:]
        while end < 0 and at < self.size:  # longer than anybody wants to keep
            block = tail + await self._read(at, min(self.size - at, BLOCK))
            found = headers.end(block, 1)
            end = found if found < 0 else at - len(tail) + found
            at, tail = at + len(block) - len(tail), block[-3:]
        return self.size if end < 0 else end

    async def _read_head(self) -> None:
        if not self._head and self.size:
            self._head = await self._read(0, min(self.size, BLOCK))

    def too_short(self, end: int) -> Damaged:
        """To be raised: there are octets missing before `end`."""
        return Damaged("The message cannot be read", f"UID {self._uid} ends before {end}")

    async def _read(self, start: int, count: int) -> bytes:
        piece = await self._content.read(start, count)
        if not piece:
            raise self.too_short(start + count)
        await self.pace.went(EACH + len(piece))
        return piece
