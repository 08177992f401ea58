"""Messages are put into one mailbox by 4 sessions."""

from bench.crowd import Work, crowd
from bench.filling import connected
from bench.mail import KB, message
from bench.operation import Operation, Sample, sampled
from bench.servers.api import Server
from bench.servers.dovecot import Dovecot
from bench.servers.ours import Ours

SESSIONS, EACH = 4, 40


def _sample(server: Server) -> Sample:
    text = message(4 * KB)
    first = connected(server)
    first.ask(b"CREATE Appended")

    def prepare(number: int) -> Work:
        imap = connected(server)

        def work() -> None:
            for _ in range(EACH):
                imap.ask(b"APPEND Appended", text)

        return work

    with crowd(SESSIONS, prepare) as clients:
        found = sampled(server, clients.work, SESSIONS * EACH)
    first.ask(b"DELETE Appended")
    first.close()
    return found


operations = [
    Operation("imap-append", "APPEND, 4K messages, plain", (Ours, Dovecot), _sample, goals={"dovecot": 1.2})
]
