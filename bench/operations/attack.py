"""Logins from remembered devices while nothing happens, and while a thousand addresses guess codes."""

import asyncio
import ssl
import time
from collections.abc import Sequence
from itertools import cycle, islice
from statistics import quantiles

from bench.clients import IMAP
from bench.crowd import Work, crowd
from bench.operation import Operation, Sample
from bench.servers.api import Server
from bench.servers.dovecot import Dovecot
from bench.servers.ours import Ours, OursGuarded, OursWithRedis

PEOPLE, SECONDS = 24, 10.0
ADDRESSES, AT_ONCE = 1_000, 400

_known: dict[Server, list[tuple[str, str]]] = {}


def _people(server: Server) -> Sequence[tuple[str, str]]:
    """Each has logged in once."""
    if server not in _known:
        _known[server] = [(name, server.secret_of(name)) for name in server.people(PEOPLE)]
        for person in _known[server]:
            _log_in(server, *person)
    return _known[server]


def _slowest(server: Server) -> Sample:
    """The hundredth login of a hundred, and how many there were in a second."""
    people, took = _people(server), list[float]()
    ends = time.perf_counter() + SECONDS
    for name, secret in cycle(people):
        began = time.perf_counter()
        if began > ends:
            break
        _log_in(server, name, secret)
        took.append(time.perf_counter() - began)
    return Sample(quantiles(took, n=100)[-1] * 1000, len(took) / SECONDS)


def _slowest_meanwhile(server: Server) -> Sample:
    """The same, while others guess."""
    people = _people(server)
    with crowd(1, lambda number: _attack(server, [name for name, _ in people])) as attackers:
        attackers.begin()
        time.sleep(3)  # until the first answers come
        found = _slowest(server)
        attackers.finish()
    return found


def _attack(server: Server, names: Sequence[str]) -> Work:
    return lambda: asyncio.run(_guess(server.ports["imaps"], names))


async def _guess(port: int, names: Sequence[str]) -> None:
    addresses = cycle(f"127.{1 + n // 250}.{n % 250}.{n % 7 + 1}" for n in range(ADDRESSES))
    ends = time.monotonic() + SECONDS + 4
    lanes = zip(
        range(AT_ONCE), cycle([*names, *(f"nobody{n}@example.test" for n in range(50))]), strict=False
    )
    await asyncio.gather(*(_lane(port, name, number, addresses, ends) for number, name in lanes))


async def _lane(port: int, name: str, number: int, addresses: "cycle[str]", ends: float) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    tries = 0
    while time.monotonic() < ends:
        tries += 1
        (address,) = islice(addresses, 1)
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", port, ssl=context, local_addr=(address, 0)
        )
        writer.write(f'a LOGIN "{name}" "wrong@{number * 1000 + tries:06}"\r\n'.encode())
        await reader.readline()
        await reader.readline()
        writer.close()


def _log_in(server: Server, name: str, secret: str) -> None:
    imap = IMAP(server.ports["imap"])
    imap.log_in(name, secret)
    imap.ask(b"LOGOUT")
    imap.close()


operations = [
    Operation(
        "login-p99",
        "the slowest of a hundred logins from remembered devices, plain",
        (Ours, OursWithRedis, Dovecot),
        _slowest,
        unit="ms",
        rounds=3,
    ),
    Operation(
        "login-p99-attacked",
        f"the same while {ADDRESSES:,} addresses guess, {AT_ONCE} at once",
        (OursGuarded, OursWithRedis),
        _slowest_meanwhile,
        unit="ms",
        rounds=2,
    ),
]
