"""Connect, LOGIN with what a mail program has saved, LOGOUT: one after the other."""

from functools import partial

from bench.filling import connected
from bench.operation import Operation, Sample, sampled
from bench.servers.api import Server
from bench.servers.dovecot import Dovecot
from bench.servers.ours import Ours

TIMES = 50


def _sample(server: Server, *, tls: bool) -> Sample:
    def work() -> None:
        for _ in range(TIMES):
            imap = connected(server, tls=tls)
            imap.ask(b"LOGOUT")
            imap.close()

    return sampled(server, work, TIMES)


operations = [
    Operation("imap-login", "connect, LOGIN, LOGOUT, plain", (Ours, Dovecot), partial(_sample, tls=False)),
    Operation("imap-login-tls", "connect, LOGIN, LOGOUT, TLS", (Ours, Dovecot), partial(_sample, tls=True)),
]
