"""Lines, literals and blocks of a peer that may take its time, but not any time.  rfc5321#4.5.3.2"""

from collections.abc import AsyncIterator, Awaitable, Callable

from mailtwist.protocols.patience import SLOWEST, Patience
from mailtwist.protocols.received import Block, Received


class Reads:
    """`more` waits for octets; `let_go` is called when room was made; `told` says whether something besides
    octets has happened, which ends the wait for a line."""

    def __init__(
        self,
        received: Received,
        patience: Patience,
        more: Callable[[], Awaitable[None]],
        let_go: Callable[[], None],
        told: Callable[[], bool],
    ) -> None:
        self._in = received
        self._patience = patience
        self._more = more
        self._let_go = let_go
        self._told = told

    async def line(self, limit: int, progress: float, idle: float | None) -> bytes | None:
        """The next line; None when `told` comes first."""
        try:
            if (line := self._in.line(limit)) is not None:
                return line
            self._patience.begin(progress)
            while line is None:
                if self._told():
                    return None
                if self._in:
                    self._patience.go_on()
                else:
                    self._patience.watch(idle)
                    self._patience.begin(progress)
                await self._more()
                line = self._in.line(limit)
        finally:
            self._let_go()
        return line

    async def literal(self, count: int, progress: float) -> AsyncIterator[bytes]:
        """The next `count` octets, as they come."""
        self._patience.begin(progress, SLOWEST)
        while count:
            if chunk := self._in.take(count):
                count -= len(chunk)
                self._let_go()
                yield chunk
            else:
                self._patience.go_on()
                await self._more()

    async def block(self, progress: float) -> AsyncIterator[bytes]:
        """The octets up to a dot on a line of its own, as `received.Block` gives them."""
        self._patience.begin(progress, SLOWEST)
        block = Block(self._in)
        while not block.over:
            piece = block.piece()
            self._let_go()
            if piece:
                yield piece
            elif not block.over:
                self._patience.go_on()
                await self._more()
