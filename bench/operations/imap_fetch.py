"""A mailbox is read, by one session: flags, envelopes, whole messages."""

from functools import partial

from bench.filling import IN_BIG, connected, fill
from bench.operation import Operation, Sample, sampled
from bench.servers.api import BIG, IN_SMALL, SMALL, Server
from bench.servers.dovecot import Dovecot
from bench.servers.ours import Ours
from bench.servers.pymap import Pymap


def _sample(server: Server, *, mailbox: str, what: bytes, times: int, count: int, tls: bool) -> Sample:
    fill(server)
    imap = connected(server, mailbox, tls=tls)
    if server.slow:
        times = 1

    def work() -> None:
        for _ in range(times):
            imap.ask(b"FETCH 1:* (%b)" % what)

    found = sampled(server, work, times * count)
    imap.close()
    return found


operations = [
    Operation(
        f"imap-{item.decode().lower()}",
        f"FETCH 1:* ({item.decode()}) of 1,000 messages, plain",
        (Ours, Dovecot, Pymap),
        partial(_sample, mailbox=SMALL, what=item, times=times, count=1, tls=False),
        goals=goals,
    )
    for item, times, goals in (
        (b"FLAGS", 100, {"dovecot": 0.5, "pymap": 500.0}),
        (b"ENVELOPE", 5, {}),
    )
] + [
    Operation(
        f"imap-body-{size}{'-tls' if tls else ''}",
        f"BODY.PEEK[], each of {count:,} messages of {size.upper()}, {'TLS' if tls else 'plain'}",
        (Ours, Dovecot),
        partial(_sample, mailbox=mailbox, what=b"BODY.PEEK[]", times=times, count=count, tls=tls),
        goals={"dovecot": goal},
    )
    for size, mailbox, count, times, tls, goal in (
        ("4k", SMALL, IN_SMALL, 8, False, 1.0),
        ("4k", SMALL, IN_SMALL, 8, True, 2.0),
        ("1m", BIG, IN_BIG, 5, False, 1.2),
        ("1m", BIG, IN_BIG, 4, True, 1.8),
    )
]
