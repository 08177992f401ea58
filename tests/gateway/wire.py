"""The way to a server's port, which a test can cut, hold, reset or close."""

import asyncio
import socket
import struct
import threading
from collections.abc import Coroutine
from functools import cache
from typing import Any

LINGER = struct.pack("ii", 1, 0)
BLOCK = 1 << 16


class Wire:
    """Whoever connects to `host`:`port` speaks with the port `there` of this machine.

    `resets`: new connections are reset as soon as they are there."""

    def __init__(self, there: int, host: str = "127.0.0.1", port: int = 0) -> None:
        self._there = there
        self._host = host
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self.port = port
        self.resets = False
        self._free = asyncio.Event()
        self.mend()

    def mend(self) -> None:
        """All is well: it listens, and whatever comes goes on."""
        self.resets = False
        _done(self._mend())

    def hold(self) -> None:
        """What is said from now on, and who comes from now on, gets no further than here; nor does an end."""
        _done(self._hold())

    def refuse(self) -> None:
        """Nobody listens; connections that there are go on."""
        _done(self._refuse())

    def reset(self) -> None:
        """All connections end by RST."""
        _done(self._reset())

    def stop(self) -> None:
        self.refuse()
        self.reset()

    # -- in the thread of all wires
    async def _mend(self) -> None:
        self._free.set()
        if self._server is None:
            self._server = await asyncio.start_server(self._joined, self._host, self.port)
            self.port = self._server.sockets[0].getsockname()[1]

    async def _hold(self) -> None:
        self._free.clear()

    async def _refuse(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None

    async def _reset(self) -> None:
        for writer in list(self._writers):
            _reset(writer)

    async def _joined(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.resets:
            return _reset(writer)
        self._writers.add(writer)
        await self._free.wait()
        try:
            far, back = await asyncio.open_connection("127.0.0.1", self._there)
        except OSError:
            return _reset(writer)
        self._writers.add(back)
        await asyncio.gather(self._passed(reader, back), self._passed(far, writer))
        self._writers -= {writer, back}

    async def _passed(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(BLOCK):
                await self._free.wait()
                writer.write(data)
                await writer.drain()
            await self._free.wait()
            writer.close()
        except OSError:
            await self._free.wait()
            _reset(writer)


def _reset(writer: asyncio.StreamWriter) -> None:
    bare = writer.get_extra_info("socket")
    if bare is not None and bare.fileno() >= 0:
        bare.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER)
    writer.transport.abort()


def _done(work: Coroutine[Any, Any, None]) -> None:
    asyncio.run_coroutine_threadsafe(work, _loop()).result(20)


@cache
def _loop() -> asyncio.AbstractEventLoop:
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, daemon=True).start()
    return loop
