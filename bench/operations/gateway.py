"""IMAP through a proxy, in front of the same Dovecot; CPU and memory are the proxy's alone."""

import time
from functools import partial

from bench.clients import IMAP
from bench.crowd import Work, crowd
from bench.filling import IN_BIG, connected, fill
from bench.operation import Operation, Sample, sampled
from bench.operations import memory
from bench.servers.api import BIG, Server
from bench.servers.behind import behind
from bench.servers.proxies import (
    DovecotProxy,
    DovecotProxyTwoWorkers,
    Gateway,
    Nginx,
    NginxTwoWorkers,
    NginxWide,
    TwoWorkers,
)

SESSIONS, EACH = 8, 40
PINGS = 200

ONE = (Gateway, Nginx, DovecotProxy)
TWO = (TwoWorkers, NginxTwoWorkers, DovecotProxyTwoWorkers)


def _log_in(server: Server, name: str, secret: str, *, tls: bool) -> None:
    imap = IMAP(server.ports["imaps" if tls else "imap"], tls=tls)
    imap.log_in(name, secret)
    imap.ask(b"LOGOUT")
    imap.close()


def _logins(server: Server, *, tls: bool) -> Sample:
    people = [(name, server.secret_of(name)) for name in server.people(SESSIONS)]

    def prepare(number: int) -> Work:
        name, secret = people[number]
        return lambda: [_log_in(server, name, secret, tls=tls) for _ in range(EACH)]

    with crowd(SESSIONS, prepare) as clients:
        return sampled(server, clients.work, SESSIONS * EACH)


def _rate(server: Server, *, tls: bool) -> Sample:
    """By the clock: what the CPU does not tell is who lets others wait."""
    rate = _logins(server, tls=tls).rate
    return Sample(1e6 / rate, rate)


def _bulk(server: Server, *, tls: bool) -> Sample:
    fill(behind.running)
    imap = connected(server, BIG, tls=tls)
    found = sampled(server, lambda: [imap.ask(b"FETCH 1:* BODY.PEEK[]") for _ in range(5)], 5 * IN_BIG)
    imap.close()
    return found


def _longest(server: Server, *, tls: bool) -> Sample:
    """99 of 100 logins take less, while 8 sessions log in all the time."""
    *people, pinger = [(name, server.secret_of(name)) for name in server.people(SESSIONS + 1)]

    def prepare(number: int) -> Work:
        name, secret = people[number]
        return lambda: [_log_in(server, name, secret, tls=tls) for _ in range(EACH * 4)]

    took: list[float] = []
    with crowd(SESSIONS, prepare) as clients:
        clients.begin()
        while clients.busy and len(took) < PINGS:
            began = time.perf_counter()
            _log_in(server, *pinger, tls=tls)
            took.append(time.perf_counter() - began)
        clients.finish()
    return Sample(sorted(took)[int(len(took) * 0.99)] * 1000)


operations = [
    one
    for tls in (False, True)
    for end, how in [("-tls" if tls else "", "TLS" if tls else "plain")]
    for one in (
        Operation(
            f"gateway-login{end}",
            f"login and logout through a proxy, 8 sessions, remembered devices, {how}",
            ONE,
            partial(_logins, tls=tls),
            goals={"nginx": 0.5 if tls else 0.25},
        ),
        Operation(
            f"gateway-rate{end}",
            f"the same by the clock, {how}",
            ONE,
            partial(_rate, tls=tls),
            goals={"nginx": 2.0, "dovecot-proxy": 0.7} if tls else {},
        ),
        Operation(
            f"gateway-rate-2{end}",
            f"the same by the clock, with two workers, {how}",
            TWO,
            partial(_rate, tls=tls),
        ),
        Operation(
            f"gateway-bulk{end}",
            f"1M of mail read through a proxy, {how}",
            (Gateway, Nginx, NginxWide, DovecotProxy),
            partial(_bulk, tls=tls),
            goals={"nginx": 0.7 if tls else 1.0},
        ),
        Operation(
            f"gateway-p99{end}",
            f"the 99th of 100 logins through a proxy while 8 others log in, {how}",
            ONE,
            partial(_longest, tls=tls),
            unit="ms",
        ),
        Operation(
            f"gateway-memory{end}",
            f"memory of an idle IMAP session through a proxy, {how}",
            ONE,
            partial(memory.idle, tls=tls),
            unit="kB",
            rounds=1,
            fresh=True,
        ),
    )
]
