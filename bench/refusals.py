"""`python -m bench.refusals [TRIES] [optional]`: does the time of a refusal tell its reason?"""

import random
import socket
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import combinations
from math import exp, sqrt
from pathlib import Path
from statistics import median, quantiles

import pyotp

from bench.machine import CLIENTS, on_core
from bench.servers.ours import Ours
from bench.servers.tls import certified

TRIES = 200
PEOPLE = 20
"""Who are tried at the same time, so that their codes are still those of the moment."""

HOME, AWAY = "127.0.0.1", "127.0.9.9"
PATIENCE = 30.0


class Required(Ours):
    """As by default: whoever has no second factor does not get in, so no name costs a password hash."""

    name = "mailtwist-required"
    factor = "required"


@dataclass(frozen=True)
class Try:
    """A login that is refused, and why."""

    reason: str
    user: str
    secret: str
    address: str = HOME


@dataclass(frozen=True)
class Refusal:
    reason: str
    seconds: float
    words: bytes


def main(argv: Sequence[str]) -> int:
    tries = int(argv[0]) if argv else TRIES
    found: list[Refusal] = []
    with (
        running(Ours if "optional" in argv else Required) as server,
        on_core(CLIENTS),
        ThreadPoolExecutor(PEOPLE * 6) as pool,
    ):
        for begin in range(0, tries, PEOPLE):
            prepared = list(attempts(server, min(PEOPLE, tries - begin)))
            random.Random(begin).shuffle(prepared)
            found += pool.map(lambda one: refused(server, one), prepared)
    return report(found)


@contextmanager
def running(kind: type[Ours]) -> Iterator[Ours]:
    with tempfile.TemporaryDirectory(prefix="bench-tls-") as folder:
        server = kind(*certified(Path(folder)))
        try:
            server.start()
            yield server
        finally:
            server.stop()


def attempts(server: Ours, count: int) -> Iterator[Try]:
    """`count` for each reason, each at an account that has hardly failed yet."""
    for person in server.people(count):
        seed = pyotp.TOTP(server.seed_of(person))
        now = int(time.time())
        saved = f"{server.password}@{seed.at(now)}"
        assert refused(server, Try("", person, saved)).words.startswith(b"OK"), person
        yield Try("saved string, elsewhere", person, saved, AWAY)
        yield Try("used code", person, f"another{saved}")
        yield Try("wrong password", person, f"another@{seed.at(now + 30)}")
        yield Try("wrong code", person, f"{server.password}@{_wrong(seed, now)}")
        yield Try("nobody", f"nobody-{person}", f"{server.password}@{_wrong(seed, now)}")
    for person in server.people(count, enabled=False):
        yield Try("disabled", person, server.secret_of(person))


def _wrong(seed: pyotp.TOTP, now: int) -> str:
    near = {seed.at(now + 30 * step) for step in range(-10, 11)}
    return next(code for number in range(100) if (code := f"{number:06}") not in near)


def refused(server: Ours, one: Try) -> Refusal:
    """How long LOGIN took, and what it said without its tag."""
    with socket.create_connection((HOME, server.ports["imap"]), PATIENCE, (one.address, 0)) as line:
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        hear = line.makefile("rb")
        hear.readline()
        command = f'a LOGIN "{one.user}" "{one.secret}"\r\n'.encode()
        began = time.perf_counter()
        line.sendall(command)
        words = hear.readline()
        while not words.startswith(b"a "):
            words = hear.readline()
        return Refusal(one.reason, time.perf_counter() - began, words[2:])


# -- the report
def report(found: Sequence[Refusal]) -> int:
    """0 when the octets are the same, and no pair's times are told apart."""
    times: dict[str, list[float]] = {}
    for one in found:
        times.setdefault(one.reason, []).append(one.seconds)
    words = {one.words for one in found}
    for reason, its in times.items():
        print(
            f"{reason:24} {len(its):4} tries, median {_ms(median(its))}, 95 % {_ms(quantiles(its, n=20)[-1])}"
        )
    print(f"replies: {words}")
    probabilities = {pair: by_chance(times[pair[0]], times[pair[1]]) for pair in combinations(times, 2)}
    pair, least = min(probabilities.items(), key=lambda item: item[1])
    print(f"least likely by chance: {pair[0]} / {pair[1]}: p = {least:.3f} among {len(probabilities)} pairs")
    told_apart = least * len(probabilities) < 0.01
    print("the times tell the reason" if told_apart else "the times do not tell the reason")
    return int(told_apart or len(words) > 1)


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.2f} ms"


def by_chance(one: Sequence[float], other: Sequence[float]) -> float:
    """Kolmogorov and Smirnov: the probability that two samples of the same thing differ as much as these."""
    size = len(one) * len(other) / (len(one) + len(other))
    reached = (sqrt(size) + 0.12 + 0.11 / sqrt(size)) * _distance(one, other)
    if reached < 0.2:  # the sum below converges no more, and it is 1
        return 1.0
    return min(1.0, max(0.0, 2 * sum((-1) ** (k - 1) * exp(-2 * (k * reached) ** 2) for k in range(1, 101))))


def _distance(one: Sequence[float], other: Sequence[float]) -> float:
    """The farthest that their distribution functions are apart."""
    steps = sorted([(at, 1 / len(one)) for at in one] + [(at, -1 / len(other)) for at in other])
    apart = farthest = 0.0
    for number, (at, step) in enumerate(steps):
        apart += step
        if number + 1 == len(steps) or steps[number + 1][0] != at:
            farthest = max(farthest, abs(apart))
    return farthest


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
