"""What a session holds that has logged in, selected INBOX and waits in IDLE."""

from contextlib import ExitStack, closing
from functools import partial

from bench.filling import connected
from bench.machine import memory_of
from bench.operation import Operation, Sample
from bench.servers.api import Server
from bench.servers.dovecot import Dovecot
from bench.servers.ours import Ours

SESSIONS = 500
KB = 1024


def idle(server: Server, *, tls: bool) -> Sample:
    """What each of 500 sessions holds."""
    with ExitStack() as stack:
        stack.enter_context(closing(connected(server, "INBOX", tls=tls)))  # what the first one loads, stays
        before = memory_of(server.pid)
        for _ in range(SESSIONS):
            imap = stack.enter_context(closing(connected(server, "INBOX", tls=tls)))
            imap.send(b"a IDLE\r\n")
            imap.line()
        return Sample((memory_of(server.pid) - before) / SESSIONS / KB)


operations = [
    Operation(
        f"memory{'-tls' if tls else ''}",
        f"memory of an idle IMAP session, {'TLS' if tls else 'plain'}",
        (Ours, Dovecot),
        partial(idle, tls=tls),
        unit="kB",
        rounds=1,
        fresh=True,
    )
    for tls in (False, True)
]
