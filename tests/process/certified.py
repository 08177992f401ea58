"""A whole server with every door, whose certificates come from an authority by ACME; its clock can be set."""

import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from subprocess import CalledProcessError
from typing import Any, Protocol

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from mailtwist.app.tap import TWISTD
from mailtwist.testing.serve import words_with_clock
from mailtwist.testing.server import RunningServer
from tests.process.site import TRUSTED, enrolled
from tests.process.talk import DEADLINE, Talker
from tests.tls.acme.pebble import zones
from tests.whole_host import whole_host

NAME = "mail.example.test"
EVERYWHERE = "connections_per_address = 1000000\nconnections_per_network = 1000000\n"
NO_CHECK_TIME = 0x200000
"""OpenSSL's X509_V_FLAG_NO_CHECK_TIME: the server may be elsewhere in time."""


class Authority(Protocol):
    """`Pebble` or `FakeCA`."""

    directory: str
    roots: Path

    def root(self, number: int = 0) -> x509.Certificate: ...


@dataclass(frozen=True)
class Door:
    """A service, and how a client gets to TLS there: by a command, or at once, perhaps saying ALPN."""

    service: str
    number: int
    command: str = ""
    alpn: str = ""


DOORS = (
    Door("smtp", 25, "smtp"),
    Door("submissions", 465),
    Door("submission", 587, "smtp"),
    Door("imap", 143, "imap"),
    Door("imaps", 993),
    Door("pop3", 110, "pop3"),
    Door("pop3s", 995),
    Door("https", 443, alpn="http/1.1"),
    Door("https", 443, alpn="imap"),
    Door("https", 443, alpn="smtp"),
)


class Certified:
    """The server in `folder`, not begun.  `tls` are lines of its [tls:...], `authority` more of each
    [authority:...], `http` and `https` its ports for proofs (0: any).  It looks each second what is due."""

    def __init__(
        self,
        folder: Path,
        authorities: Sequence[Authority],
        tls: str,
        *,
        http: int = 0,
        https: int = 0,
        server: str = "",
        authority: str = "",
        more: str = "",
    ) -> None:
        self.folder, self.authorities = folder, authorities
        state, self.secret = enrolled()
        shutil.copytree(state, folder / "state", dirs_exist_ok=True)
        self._clock, self._ahead = folder / "clock", 0.0
        self.advance(0)
        names = [f"ca{number}" for number in range(len(authorities))]
        lines = [
            "[tls:public]\ntype = acme\nemail = postmaster@example.test\nagree_to_terms = yes",
            f"authorities = {', '.join(names)}\n{tls}",
            f"http_listen = 127.0.0.1:{http}\n" if http else "http_listen = none\n",
            f"[resolver]\nservers = 127.0.0.1:{zones().port}\n",
        ]
        for name, one in zip(names, authorities, strict=True):
            lines.append(f"[authority:{name}]\ndirectory = {one.directory}\nroots = {one.roots}\n{authority}")
        lines.append(
            f"[service:https]\ntype = alpn\ntls = public\nlisten = 127.0.0.1:{https}\n{EVERYWHERE}"
            "services = imaps, submissions, site\n"
            "[service:site]\ntype = web\ntls = public\ntls_mode = implicit\nlisten = 127.0.0.1:0\n"
            "pages = health\n"
        )
        ini = whole_host(f"{TRUSTED}\n{server}", "\n".join(lines))
        ini = ini.replace("[service:imaps]\n", f"[service:imaps]\n{EVERYWHERE}") + more
        self.server = RunningServer(
            folder, ini, program=_program(self._clock), words=words_with_clock(self._clock)
        )

    def start(self) -> "Certified":
        self.server.start()
        return self

    def end(self) -> None:
        if self.server._child is not None:
            self.server.stop()

    # -- time
    @property
    def now(self) -> float:
        return time.time() + self._ahead

    def advance(self, seconds: float) -> None:
        """The server's clock is set on, or back."""
        self._ahead += seconds
        draft = self._clock.with_suffix(".draft")
        draft.write_text(f"{self._ahead}\n")
        draft.rename(self._clock)

    # -- what it shows
    def shown(
        self, door: Door, name: str | None = NAME, trust: ssl.SSLContext | None = None
    ) -> x509.Certificate:
        """The leaf, to who asks for `name`."""
        context = trust or trusting_nobody()
        if door.alpn:
            context.set_alpn_protocols([door.alpn])
        with socket.create_connection(("127.0.0.1", self.server.port(door.service)), DEADLINE) as plain:
            if door.command:
                asked_for_tls(plain, door.command)
            with context.wrap_socket(plain, server_hostname=name) as tls:
                assert not door.alpn or tls.selected_alpn_protocol() == door.alpn
                return x509.load_der_x509_certificate(tls.getpeercert(True) or b"")

    def serial(self, door: Door = DOORS[4]) -> int:
        return self.shown(door).serial_number

    def verified(self, authority: int = 0) -> set[int]:
        """The serial numbers that its doors show, each verified; also to who asks for no name."""
        found = set()
        for door in DOORS:
            trust = trusting(self.authorities[authority].root())
            found.add(self.shown(door, NAME, trust).serial_number)
            found.add(self.shown(door, None).serial_number)
        return found

    def openssl(self, service: str, *arguments: str) -> str:
        """What `openssl s_client` tells of a connection that begins with TLS."""
        command = ["openssl", "s_client", "-connect", f"127.0.0.1:{self.server.port(service)}", *arguments]
        done = subprocess.run(command, input=b"Q\n", capture_output=True, timeout=DEADLINE, check=False)
        return (done.stdout + done.stderr).decode("latin-1")

    # -- what it says
    @property
    def complaints(self) -> list[str]:
        """What has failed in it."""
        bad = ("Traceback", " critical ", "Unhandled")
        return [line for line in self.server.lines if any(one in line for one in bad)]

    def events(self, words: str) -> list[str]:
        """Lines of the log that have them."""
        return [line for line in self.server.lines if words in line]

    def renewed(self, *words: str) -> tuple[int, str]:
        """What `mailtwist tls renew` says, and its status."""
        try:
            return 0, self.server.command("tls", "renew", *words)
        except CalledProcessError as error:
            return error.returncode, f"{error.stdout}{error.stderr}"

    def idle(self) -> Talker:
        """A client of imaps that waits for news."""
        talker = Talker(self.server.port("imaps"), tls=True)
        talker.line()
        for command in (f'LOGIN ann@example.test "{self.secret}"', "SELECT INBOX"):
            answer = talker.imap(command.encode())[-1]
            assert answer.startswith(b"OK "), answer
        talker.send(b"i IDLE\r\n")
        assert talker.line().startswith(b"+ ")
        return talker

    @property
    def store(self) -> Path:
        """Where the certificates are."""
        return self.folder / "state" / "tls" / "public"


def asked_for_tls(plain: socket.socket, protocol: str) -> None:
    """Up to the answer after which TLS begins."""
    said = {
        "smtp": ((b"", b"220 "), (b"EHLO client.example.net\r\n", b"250 "), (b"STARTTLS\r\n", b"220 ")),
        "imap": ((b"", b"* OK"), (b"a STARTTLS\r\n", b"a OK")),
        "pop3": ((b"", b"+OK"), (b"STLS\r\n", b"+OK")),
    }[protocol]
    file = plain.makefile("rb", buffering=0)
    for command, end in said:
        plain.sendall(command)
        while not (line := file.readline()).startswith(end):
            assert line, f"no {end!r}"


def trusting_nobody() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def trusting(root: x509.Certificate, *, timeless: bool = True) -> ssl.SSLContext:
    """As strict as a good client."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=root.public_bytes(Encoding.PEM).decode())
    if timeless:
        flags: Any = NO_CHECK_TIME
        context.verify_flags |= flags
    return context


def _program(clock: Path) -> tuple[str, ...]:
    """What to tell Python in place of twistd."""
    words = f"from tests.process.certified import run; run({str(clock)!r})"
    return ("-P", "-c", words, *TWISTD[3:])


def run(clock: str) -> None:
    """twistd, with a clock that can be set, and less patience between two looks."""
    from twisted.scripts import twistd

    from mailtwist.kit.clock import set_process_clock
    from mailtwist.testing.clock import SettableClock
    from mailtwist.tls.acme import renewal, strangers, wishes

    renewal.WAKE, renewal.SHORTEST = 1.0, 0.5
    strangers.EVERY = wishes.EVERY = 1.0
    set_process_clock(SettableClock(Path(clock)))
    twistd.run()
