"""How long a session may wait for NOOP while others let the server work: the longest answer."""

import os
import time
from collections.abc import Callable
from functools import partial

from bench.clients import IMAP
from bench.crowd import Work, crowd
from bench.filling import HUGE_OCTETS, connected, fill
from bench.mail import message
from bench.operation import Operation, Sample
from bench.servers.api import HUGE, OTHER, Server
from bench.servers.dovecot import Dovecot
from bench.servers.ours import Ours

EVERY = 0.001


def _sample(server: Server, load: Callable[[Server], Work], sessions: int) -> Sample:
    fill(server)
    pinger = connected(server)
    with crowd(sessions, lambda number: load(server)) as clients:
        clients.begin()
        longest = _ping(pinger)
        while clients.busy:
            longest = max(longest, _ping(pinger))
            time.sleep(EVERY)
        clients.finish()
    pinger.close()
    return Sample(longest * 1000)


def _ping(imap: IMAP) -> float:
    began = time.perf_counter()
    imap.ask(b"NOOP")
    return time.perf_counter() - began


def _nothing(server: Server) -> Work:
    return lambda: time.sleep(1)


def _append(server: Server) -> Work:
    imap, text = connected(server), message(HUGE_OCTETS)
    return lambda: imap.ask(b"APPEND %b" % HUGE.encode(), text)


def _fetch(server: Server) -> Work:
    imap = connected(server, HUGE)
    return lambda: [imap.ask(b"FETCH 1 BODY.PEEK[]") for _ in range(4)]


def _log_in(server: Server) -> Work:
    """Wrong, as only then every one costs a hash."""
    imap = IMAP(server.ports["imap"])

    def work() -> None:
        imap.send(b'a LOGIN "%b" "wrong %d"\r\n' % (OTHER.encode(), os.getpid()))
        imap.until(b"a NO")

    return work


operations = [
    Operation(
        f"stall-{name}",
        f"longest NOOP while {words}",
        (Ours, Dovecot),
        partial(_sample, load=load, sessions=sessions),
        unit="ms",
        rounds=3,
    )
    for name, words, load, sessions in (
        ("nothing", "nothing happens: this machine", _nothing, 1),
        ("append", "48 MB are appended", _append, 1),
        ("fetch", "48 MB are fetched, four times", _fetch, 1),
        ("logins", "20 logins are checked", _log_in, 20),
    )
]
