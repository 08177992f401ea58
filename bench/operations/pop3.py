"""A maildrop is read, by one session."""

from bench.clients import POP3
from bench.filling import IN_POSTS, fill
from bench.operation import Operation, Sample, sampled
from bench.servers.api import Server
from bench.servers.dovecot import Dovecot
from bench.servers.ours import Ours

TIMES = 5


def _sample(server: Server) -> Sample:
    fill(server)
    pop3 = POP3(server.ports["pop3"], server.user, server.secret)

    def work() -> None:
        for _ in range(TIMES):
            for number in range(1, IN_POSTS + 1):
                pop3.retrieve(number)

    found = sampled(server, work, TIMES * IN_POSTS)
    pop3.ask(b"QUIT")
    pop3.close()
    return found


operations = [Operation("pop3-retr", "RETR, 4K messages, plain", (Ours, Dovecot), _sample)]
