"""Mail is taken: 8 sessions, connections kept, every command waits for its answer."""

from functools import partial

from bench.clients import SMTP
from bench.crowd import Work, crowd
from bench.mail import KB, MB, message
from bench.operation import Operation, Sample, sampled
from bench.servers.api import SINK, Server
from bench.servers.ours import Ours, OursInMemory
from bench.servers.postfix import Postfix
from bench.servers.python import Aiosmtpd, AiosmtpdMaildir, Stock, StockMaildir

SESSIONS = 8


def _sample(server: Server, *, octets: int, each: int, starttls: bool) -> Sample:
    text = message(octets)

    def prepare() -> Work:
        smtp = SMTP(server.ports["smtp"], starttls=starttls)

        def work() -> None:
            for _ in range(each):
                smtp.mail(SINK.encode(), text)

        return work

    with crowd(SESSIONS, prepare) as clients:
        return sampled(server, clients.work, SESSIONS * each)


operations = [
    Operation(
        f"smtp-{size}{kind}",
        f"SMTP, {size.upper()} messages, {words}, kept on the disk",
        (Ours, Postfix, AiosmtpdMaildir, StockMaildir),
        partial(_sample, octets=octets, each=each, starttls=starttls),
        goals={"postfix": goal},
    )
    for size, octets, each, goal in (("4k", 4 * KB, 30, 2.0), ("1m", MB, 2, 1.5))
    for kind, words, starttls in (("", "plain", False), ("-tls", "STARTTLS", True))
] + [
    Operation(
        f"smtp-{size}-nodisk",
        f"SMTP, {size.upper()} messages, plain, no disk",
        (OursInMemory, Aiosmtpd, Stock),
        partial(_sample, octets=octets, each=each, starttls=False),
        goals={"aiosmtpd": goal},
    )
    for size, octets, each, goal in (("4k", 4 * KB, 60, 2.5), ("1m", MB, 3, 10.0))
]
