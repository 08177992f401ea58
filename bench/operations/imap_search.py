"""The unseen messages are looked for, by one session."""

from bench.filling import connected, fill
from bench.operation import Operation, Sample, sampled
from bench.servers.api import SMALL, Server
from bench.servers.dovecot import Dovecot
from bench.servers.ours import Ours

TIMES = 200


def _sample(server: Server) -> Sample:
    fill(server)
    imap = connected(server, SMALL)

    def work() -> None:
        for _ in range(TIMES):
            imap.ask(b"SEARCH UNSEEN")

    found = sampled(server, work, TIMES)
    imap.close()
    return found


operations = [
    Operation(
        "imap-search",
        "SEARCH UNSEEN in 1,000 messages, plain",
        (Ours, Dovecot),
        _sample,
        goals={"dovecot": 0.3},
    )
]
