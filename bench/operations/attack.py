"""Logins from remembered devices, and what guesses cost, while a thousand addresses guess."""

import asyncio
import os
import ssl
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from itertools import cycle
from multiprocessing import Value
from statistics import quantiles

from bench.clients import IMAP
from bench.crowd import crowd
from bench.machine import seconds_of
from bench.operation import Operation, Sample
from bench.servers.api import Server
from bench.servers.dovecot import Dovecot
from bench.servers.ours import OursGuarded, OursUnlimited, OursWithRedis

PEOPLE, SECONDS = 24, 10.0
ADDRESSES, NOBODIES = 1_000, 200
EVERY = 10.0
"""Seconds from one guess of an address to its next: a hundred guesses a second, each with its handshake."""

AT_ONCE = 3
"""Guesses in one connection, of those who do not wait."""

WARMING = 5.0
PATIENCE = 60.0

Names = Sequence[str]

_known: dict[Server, list[tuple[str, str]]] = {}
_answered = Value("q", 0, lock=False)
"""Guesses that were answered; the guessers are one process that writes it."""


# -- who has been here
def _people(server: Server) -> Sequence[tuple[str, str]]:
    """Each has logged in once."""
    if server not in _known:
        _known[server] = [(name, server.secret_of(name)) for name in server.people(PEOPLE)]
        for person in _known[server]:
            _log_in(server, *person)
    return _known[server]


def _log_in(server: Server, name: str, secret: str) -> None:
    imap = IMAP(server.ports["imap"])
    imap.log_in(name, secret)
    imap.ask(b"LOGOUT")
    imap.close()


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


def _slowest_meanwhile(server: Server, every: float) -> Sample:
    with _attacked(server, _both(server), every):
        return _slowest(server)


def _cost(server: Server, names: Callable[[Server], Names]) -> Sample:
    """CPU of a guess with what it needs of connections, and how many are answered in a second."""
    with _attacked(server, names(server), 0.0):
        cpu, answered, began = seconds_of(server.pid), _answered.value, time.perf_counter()
        time.sleep(SECONDS)
        count, took = _answered.value - answered, time.perf_counter() - began
        return Sample((seconds_of(server.pid) - cpu) / max(1, count) * 1e6, count / took)


# -- who guesses
def _both(server: Server) -> Names:
    """Half of the guesses are about people."""
    people = [name for name, _ in _people(server)]
    return [name for number in range(NOBODIES) for name in (people[number % PEOPLE], _nobody(number))]


def _one(server: Server) -> Names:
    return [_people(server)[0][0]]


def _nobody(number: int) -> str:
    return f"nobody{number}@example.test"


@contextmanager
def _attacked(server: Server, names: Names, every: float) -> Iterator[None]:
    """While it lasts, all addresses guess: one guess in `every` seconds each, in a connection of its own; or
    as fast as they are answered, when that is 0."""
    port = server.ports["imaps"]
    with crowd(1, lambda number: partial(_attack, port, names, every)) as attackers:
        attackers.begin()
        time.sleep(WARMING)
        yield
        attackers.finish()


def _attack(port: int, names: Names, every: float) -> None:
    os.nice(10)  # the core belongs to who is measured
    asyncio.run(_guess(port, names, every))


async def _guess(port: int, names: Names, every: float) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    ends = time.monotonic() + WARMING + SECONDS + 1
    lanes = (_lane(port, context, names, number, every, ends) for number in range(ADDRESSES))
    await asyncio.gather(*lanes)


async def _lane(
    port: int, context: ssl.SSLContext, names: Names, number: int, every: float, ends: float
) -> None:
    """Names come at another time in each lane."""
    address = f"127.{1 + number // 250}.{number % 250}.{number % 7 + 1}"
    at = time.monotonic() + (every or 2.0) * number / ADDRESSES
    tries = 0
    while at < ends:
        await asyncio.sleep(at - time.monotonic())
        guesses = [
            f'a LOGIN "{names[(number + tries + n) % len(names)]}" "wrong@{number:03}{(tries + n) % 1000:03}"'
            for n in range(1 if every else AT_ONCE)
        ]
        tries += len(guesses)
        with suppress(OSError, asyncio.TimeoutError):
            await asyncio.wait_for(_guessed(port, context, address, guesses), PATIENCE)
        at = at + every if every else time.monotonic()


async def _guessed(port: int, context: ssl.SSLContext, address: str, guesses: Sequence[str]) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context, local_addr=(address, 0))
    try:
        await reader.readline()
        for guess in guesses:
            writer.write(f"{guess}\r\n".encode())
            while (line := await reader.readline()) and not line.startswith(b"a "):
                pass
            _answered.value += bool(line)
    finally:
        writer.transport.abort()


def _p99(
    name: str, words: str, servers: Sequence[type[Server]], sample: Callable[[Server], Sample]
) -> Operation:
    words = f"the slowest of a hundred logins from remembered devices, plain{words}"
    return Operation(name, words, servers, sample, unit="ms", rounds=2)


operations = [
    _p99("login-p99", "", (OursGuarded, OursWithRedis, Dovecot), _slowest),
    _p99(
        "login-p99-attacked",
        f", while {ADDRESSES:,} addresses guess {ADDRESSES / EVERY:.0f} times a second in TLS",
        (OursGuarded, OursWithRedis),
        partial(_slowest_meanwhile, every=EVERY),
    ),
    _p99(
        "login-p99-flooded",
        f", while {ADDRESSES:,} addresses guess as fast as they are answered",
        (OursGuarded, OursWithRedis),
        partial(_slowest_meanwhile, every=0.0),
    ),
    Operation(
        "login-wrong",
        f"a wrong code, {ADDRESSES:,} addresses, {AT_ONCE} guesses in a connection of TLS, no limit reached",
        (OursUnlimited,),
        partial(_cost, names=_both),
        rounds=2,
    ),
    Operation(
        "login-limited",
        "the same for an account that is locked",
        (OursGuarded,),
        partial(_cost, names=_one),
        rounds=2,
    ),
]
