"""Connect, LOGIN, LOGOUT, every time somebody else: nothing that is remembered of the last login helps."""

from collections.abc import Sequence
from functools import partial

from bench.clients import IMAP
from bench.crowd import Work, crowd
from bench.operation import Operation, Sample, sampled
from bench.servers.api import Server
from bench.servers.dovecot import Dovecot
from bench.servers.ours import Ours

SESSIONS, EACH, ROUNDS = 4, 6, 4

_known: dict[Server, list[tuple[str, str]]] = {}
"""(name, what their mail program has saved): each has logged in before the server was started."""


def _codes(server: Server) -> Sample:
    return _logged_in(server, [(name, server.secret_of(name)) for name in server.people(SESSIONS * EACH)])


def _known_devices(server: Server, *, tls: bool) -> Sample:
    known = _known.setdefault(server, [])
    if not known:
        for name in server.people(SESSIONS * EACH * ROUNDS):
            known.append((name, server.secret_of(name)))
            _come_and_go(server, *known[-1], tls=False)
        server.again()
    now, _known[server] = known[: SESSIONS * EACH], known[SESSIONS * EACH :]
    return _logged_in(server, now, tls=tls)


def _logged_in(server: Server, people: Sequence[tuple[str, str]], *, tls: bool = False) -> Sample:
    def prepare(number: int) -> Work:
        def work() -> None:
            for name, secret in people[number::SESSIONS]:
                _come_and_go(server, name, secret, tls=tls)

        return work

    with crowd(SESSIONS, prepare) as clients:
        return sampled(server, clients.work, len(people))


def _come_and_go(server: Server, name: str, secret: str, *, tls: bool) -> None:
    imap = IMAP(server.ports["imaps" if tls else "imap"], tls=tls)
    imap.log_in(name, secret)
    imap.ask(b"LOGOUT")
    imap.close()


operations = [
    Operation("imap-login-code", "connect, LOGIN with a fresh code, LOGOUT, plain", (Ours, Dovecot), _codes),
    *(
        Operation(
            f"imap-login{'-tls' if tls else ''}",
            f"connect, LOGIN from a remembered device, LOGOUT, {'TLS' if tls else 'plain'}",
            (Ours, Dovecot),
            partial(_known_devices, tls=tls),
            rounds=ROUNDS,
        )
        for tls in (False, True)
    ),
]
