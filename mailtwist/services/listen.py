"""Ports: bound while the process still may, served once everything is ready."""

import errno
import os
import socket
import stat
from collections.abc import Sequence
from contextlib import suppress
from functools import lru_cache
from ipaddress import IPv6Address, ip_address
from typing import Any, cast

from twisted.internet.interfaces import IListeningPort, IProtocolFactory

from mailtwist.config.network import Endpoint
from mailtwist.services.sockets import Prompt
from mailtwist.services.unix import adopted

BACKLOG = 511
_NOT_HERE = (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL)


class CannotListen(Exception):
    """One sentence: which address, and why not.  `in_use`: somebody else listens there."""

    def __init__(self, place: Endpoint, error: OSError) -> None:
        super().__init__(f"cannot listen on {place}: {_reason(error)}")
        self.in_use = error.errno == errno.EADDRINUSE


def bind(place: Endpoint, mode: int | None = None, *, several: bool = False) -> list[socket.socket]:
    """Sockets that take connections into their queue; nobody answers before `serve`.  `mode` is that of a
    Unix socket, None is what the umask leaves.  `several`: there will be more at the same place (`another`).
    `CannotListen` when one of them is not to be had, and then none is left open."""
    made: list[socket.socket] = []
    try:
        if place.path is not None:
            made.append(_bound(socket.AF_UNIX, str(place.path), mode))
        for host in place.hosts:
            _bind_one(place, host, made, several)
    except OSError as error:
        for one in made:
            one.close()
        raise CannotListen(place, error) from None
    return made


def another(bound: socket.socket) -> socket.socket:
    """One more at the same place: with a queue of its own, to which the kernel sends each second connection,
    or, for a Unix socket, with the same queue."""
    if bound.family == socket.AF_UNIX:
        return bound.dup()
    return _bound(bound.family, bound.getsockname()[:2], several=True)


def serve(bound: socket.socket, factory: IProtocolFactory, *, lent: bool = False) -> IListeningPort:
    """Connections that wait and those to come are `factory`'s.  `bound` is closed with the port.  `lent`:
    others use the place too, and it stays."""
    from twisted.internet import reactor

    with bound:
        if bound.family == socket.AF_UNIX:
            return cast(IListeningPort, adopted(reactor, bound.fileno(), factory, lent))
        port = cast(Any, reactor).adoptStreamPort(bound.fileno(), bound.family, factory)
    port.transport = Prompt
    served: IListeningPort = port
    return served


def spoken(bound: Sequence[socket.socket]) -> list[str]:
    """Where they really are: `127.0.0.1:2525`, `[::]:25`, `/run/x.sock`."""
    return [_spoken(one) for one in bound]


@lru_cache(4096)
def plain(address: str) -> str:
    """An address as everything compares it: no scope, and IPv4 seen through IPv6 is IPv4."""
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped is not None:
        parsed = parsed.ipv4_mapped
    return str(parsed)


def _bind_one(place: Endpoint, host: str, made: list[socket.socket], several: bool) -> None:
    """One address of `place`; of several, a family that the machine has not is left out."""
    port = made[0].getsockname()[1] if made else place.port
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        one = _bound(family, (host, port))
        if several:  # a port that somebody else shares with himself would have been given to us, too
            address = one.getsockname()[:2]
            one.close()
            one = _bound(family, address, several=True)
        made.append(one)
    except OSError as error:
        last = host == place.hosts[-1] and not made
        if last or len(place.hosts) == 1 or error.errno not in _NOT_HERE:
            raise


def _bound(family: int, address: Any, mode: int | None = None, *, several: bool = False) -> socket.socket:
    made = socket.socket(family, socket.SOCK_STREAM)
    try:
        if family == socket.AF_UNIX:
            _clear(address)
        else:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, several)
        if family == socket.AF_INET6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        made.bind(address)
        if mode is not None:
            os.chmod(address, mode)  # before anybody can connect: nobody listens yet
        made.listen(BACKLOG)
        made.setblocking(False)
    except BaseException:
        made.close()
        raise
    return made


def _clear(path: str) -> None:
    """A socket that a process left behind is removed; one that somebody answers is not."""
    with suppress(FileNotFoundError):
        if not stat.S_ISSOCK(os.stat(path).st_mode):
            return
        with socket.socket(socket.AF_UNIX) as probe:
            try:
                probe.connect(path)
            except ConnectionRefusedError:
                os.unlink(path)


def _spoken(bound: socket.socket) -> str:
    name = bound.getsockname()
    if bound.family == socket.AF_UNIX:
        return str(name)
    return f"[{name[0]}]:{name[1]}" if ":" in name[0] else f"{name[0]}:{name[1]}"


def _reason(error: OSError) -> str:
    if isinstance(error, PermissionError):
        return "permission denied (ports below 1024 need root or CAP_NET_BIND_SERVICE)"
    return error.strerror or str(error)
