"""Connections of our own that are under way, so that one that comes back to us is known."""

from collections.abc import Callable
from mmap import mmap
from struct import Struct
from zlib import crc32

_ENDS = Struct("!IB3x")
_hops: dict[tuple[str, int], int] = {}
_shared = mmap(-1, 65536 * _ENDS.size)
"""The same for all processes that are forked from this one: by port the last that was made there, its address
as a checksum.  It costs only what is used of it."""


def made(address: str, port: int, hops: int) -> Callable[[], None]:
    """A connection of ours begins at this end, for a client that has then come through so many gateways.
    The answer ends that."""
    end = (address, port)
    mark = crc32(address.encode())
    _hops[end] = hops
    _ENDS.pack_into(_shared, port * _ENDS.size, mark, min(hops, 255))

    def over() -> None:
        _hops.pop(end, None)
        if _ENDS.unpack_from(_shared, port * _ENDS.size)[0] == mark:
            _ENDS.pack_into(_shared, port * _ENDS.size, 0, 0)

    return over


def hops(address: str, port: int) -> int:
    """Through how many gateways of ours, in this process or another worker, a client at this end has come: 0
    for anybody but ourselves."""
    mark, others = _ENDS.unpack_from(_shared, (port & 0xFFFF) * _ENDS.size)
    return max(_hops.get((address, port), 0), others if mark == crc32(address.encode()) else 0)
