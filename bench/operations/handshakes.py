"""TLS handshakes alone, each with new keys; and what ten thousand certificates take."""

import json
import socket
import ssl
import subprocess
import sys
from functools import cache, partial

from bench.crowd import Work, crowd
from bench.operation import Operation, Sample, sampled
from bench.servers.api import Server
from bench.servers.dovecot import Dovecot
from bench.servers.handshakes import Bare, Callback, Hello, Nginx
from bench.servers.ours import Ours

CLIENTS, EACH = 4, 150
NAME = "mail.example.test"


def _shaken(server: Server, version: ssl.TLSVersion) -> Sample:
    port = server.ports["imaps"]

    def prepare(number: int) -> Work:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.minimum_version = context.maximum_version = version

        def work() -> None:
            for _ in range(EACH):
                with socket.create_connection(("127.0.0.1", port)) as plain:
                    context.wrap_socket(plain, server_hostname=NAME).close()

        return work

    with crowd(CLIENTS, prepare) as clients:
        return sampled(server, clients.work, CLIENTS * EACH)


class Nowhere(Server):
    """What is measured needs no server."""

    name = "mailtwist"

    def start(self) -> None: ...

    def end(self) -> None: ...


@cache
def _names() -> dict[str, float]:
    words = [sys.executable, "-m", "bench.programs.many_names"]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    found: dict[str, float] = json.loads(done.stdout)
    return found


def _of_names(server: Server, figure: str) -> Sample:
    return Sample(_names()[figure])


operations = [
    *(
        Operation(
            f"handshake-{name}",
            f"a TLS {words} handshake, ECDSA P-256, and the connection closed",
            (Callback, Bare, Hello, Ours, Nginx, Dovecot),
            partial(_shaken, version=version),
        )
        for name, words, version in (
            ("1.3", "1.3", ssl.TLSVersion.TLSv1_3),
            ("1.2", "1.2", ssl.TLSVersion.TLSv1_2),
        )
    ),
    *(
        Operation(
            f"names-{name}", words, (Nowhere,), partial(_of_names, figure=name), unit, rounds=1, fresh=True
        )
        for name, words, unit in (
            ("memory", "memory of a name's context, of 10,000", "KB"),
            ("load", "10,000 certificates are loaded, in all", "ms"),
            ("longest", "... and the longest that others wait meanwhile", "ms"),
            ("swap", "one of 10,000 certificates changes, in all", "ms"),
            ("swap-longest", "... and the longest that others wait meanwhile", "ms"),
        )
    ),
]
