"""Connections of our own that are under way, so that one that comes back to us is known."""

from collections.abc import Callable

_hops: dict[tuple[str, int], int] = {}


def made(address: str, port: int, hops: int) -> Callable[[], None]:
    """A connection of ours begins at this end, for a client that has then come through so many gateways.
    The answer ends that."""
    end = (address, port)
    _hops[end] = hops

    def over() -> None:
        _hops.pop(end, None)

    return over


def hops(address: str, port: int) -> int:
    """Through how many gateways of ours, in this process, a client at this end has come: 0 for anybody but
    ourselves."""
    return _hops.get((address, port), 0)
