"""Mail is taken: 8 sessions, connections kept; every command waits for its answer, if not pipelined."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

from bench.clients import SMTP
from bench.crowd import Work, crowd
from bench.mail import KB, MB, message
from bench.operation import Operation, Sample, sampled
from bench.servers.api import SINK, Server
from bench.servers.nodemailer import Nodemailer
from bench.servers.ours import Ours, OursInMemory
from bench.servers.postfix import Postfix
from bench.servers.python import Aiosmtpd, AiosmtpdMaildir, Stock, StockMaildir

SESSIONS = 8
Kinds = Mapping[str, tuple[str, Callable[[Server], SMTP]]]
KINDS: Kinds = {
    "": ("plain", lambda server: SMTP(server.ports["smtp"])),
    "-tls": ("STARTTLS", lambda server: SMTP(server.ports["smtp"], starttls=True)),
    "-smtps": ("implicit TLS", lambda server: SMTP(server.ports["smtps"], tls=True)),
}
DISK = (Ours, Postfix, AiosmtpdMaildir, StockMaildir)
NO_DISK = (OursInMemory, Aiosmtpd, Nodemailer, Stock)


def _sample(
    server: Server, *, octets: int, each: int, connect: Callable[[Server], SMTP], pipelined: bool = False
) -> Sample:
    text = message(octets)

    def prepare(number: int) -> Work:
        smtp = connect(server)
        send = smtp.pipelined if pipelined else smtp.mail

        def work() -> None:
            for _ in range(each):
                send(SINK.encode(), text)

        return work

    with crowd(SESSIONS, prepare) as clients:
        return sampled(server, clients.work, SESSIONS * each)


def _of(
    size: str, disk: str, servers: Sequence[type[Server]], goals: Mapping[str, float], octets: int, each: int
) -> list[Operation]:
    words = "no disk" if disk else "kept on the disk"
    return [
        Operation(
            f"smtp-{size}{disk}{kind}",
            f"SMTP, {size.upper()} messages, {how}, {words}",
            servers,
            partial(_sample, octets=octets, each=each, connect=connect),
            goals=goals,
        )
        for kind, (how, connect) in KINDS.items()
    ]


def _pipelined(
    disk: str, servers: Sequence[type[Server]], goals: Mapping[str, float], each: int
) -> Operation:
    """twisted.mail as it is does not offer it."""
    return Operation(
        f"smtp-4k{disk}-pipelined",
        f"SMTP, 4K messages, plain, pipelined, {'no disk' if disk else 'kept on the disk'}",
        [one for one in servers if not issubclass(one, Stock)],
        partial(_sample, octets=4 * KB, each=each, connect=KINDS[""][1], pipelined=True),
        goals=goals,
    )


operations = [
    *_of("4k", "", DISK, {"postfix": 2.0}, 4 * KB, 30),
    _pipelined("", DISK, {"postfix": 2.0}, 30),
    *_of("1m", "", DISK, {"postfix": 1.5}, MB, 2),
    *_of("4k", "-nodisk", NO_DISK, {"aiosmtpd": 2.5, "nodemailer": 0.8}, 4 * KB, 60),
    _pipelined("-nodisk", NO_DISK, {"aiosmtpd": 3.0, "nodemailer": 0.8}, 60),
    *_of("1m", "-nodisk", NO_DISK, {"aiosmtpd": 10.0, "nodemailer": 1.2}, MB, 3),
]
