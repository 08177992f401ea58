"""Messages are looked for, by one session: those that are unseen, and a word that is in none."""

from functools import partial

from bench.filling import connected, fill
from bench.operation import Operation, Sample, sampled
from bench.servers.api import SMALL, Server
from bench.servers.dovecot import Dovecot
from bench.servers.ours import Ours
from bench.servers.pymap import Pymap


def _sample(server: Server, *, keys: bytes, times: int) -> Sample:
    fill(server)
    imap = connected(server, SMALL)
    if server.slow:
        times = 1

    def work() -> None:
        for _ in range(times):
            imap.ask(b"SEARCH " + keys)

    found = sampled(server, work, times)
    imap.close()
    return found


operations = [
    Operation(
        "imap-search",
        "SEARCH UNSEEN in 1,000 messages, plain",
        (Ours, Dovecot, Pymap),
        partial(_sample, keys=b"UNSEEN", times=200),
        goals={"dovecot": 0.3},
    ),
    Operation(
        "imap-search-text",
        "SEARCH BODY of a word in 1,000 messages of 4K, plain",
        (Ours, Dovecot),
        partial(_sample, keys=b'BODY "a word that is nowhere"', times=5),
    ),
]
