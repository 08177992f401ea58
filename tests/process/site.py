"""A whole server in a folder of its own, its person, and what can be seen of it from outside."""

import atexit
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pyotp

from mailtwist.app.tap import TWISTD
from mailtwist.testing.server import RunningServer
from tests.process.hurry import program
from tests.process.talk import Talker
from tests.whole_host import DOMAIN, TLS, whole_host

USER = f"ann@{DOMAIN}"
PASSWORD = "a pass word"
TRUSTED = "trusted_networks = 127.0.0.0/8"


class Site:
    """The server, begun; its clients may log in without TLS.  `pace`: how much faster its timers run; `mail`:
    the folder of another one's mail, to be its own too."""

    def __init__(
        self, folder: Path, *, pace: float = 1, server: str = "", tls: str = TLS, mail: Path | None = None
    ) -> None:
        self.folder = folder
        state, self.secret = enrolled()
        shutil.copytree(state, folder / "state", dirs_exist_ok=True)
        ini = whole_host(f"{TRUSTED}\n{server}", tls)
        if mail is not None:
            ini = ini.replace("type = maildir\n", f"type = maildir\nfolder = {mail}\n")
        self.server = RunningServer(folder, ini, program=TWISTD if pace == 1 else program(pace))
        self.server.start()

    # -- clients
    def connect(self, service: str, *, tls: bool = False, held: int = 0) -> Talker:
        return Talker(self.server.port(service), tls=tls, held=held)

    def smtp(self) -> Talker:
        """Greeted, on port 25."""
        talker = self.connect("smtp")
        assert talker.smtp().startswith(b"220 ")
        assert talker.smtp(b"EHLO client.example.net").startswith(b"250 ")
        return talker

    def imap(self, mailbox: bytes = b"", *, held: int = 0) -> Talker:
        """Logged in, `mailbox` selected."""
        talker = self.connect("imap", held=held)
        assert talker.line().startswith(b"* OK "), "no greeting"
        answer = talker.imap(self.login)
        assert answer[-1].startswith(b"OK "), answer
        if mailbox:
            answer = talker.imap(b"SELECT " + mailbox)
            assert answer[-1].startswith(b"OK "), answer
        return talker

    def pop3(self, *, held: int = 0) -> Talker:
        """Logged in."""
        talker = self.connect("pop3", held=held)
        answers = [talker.pop3(), talker.pop3(b"USER " + USER.encode()), talker.pop3(self.password)]
        assert all(answer.startswith(b"+OK") for answer in answers), answers
        return talker

    @property
    def login(self) -> bytes:
        """The IMAP command."""
        return f'LOGIN {USER} "{self.secret}"'.encode()

    @property
    def password(self) -> bytes:
        """The POP3 command."""
        return f"PASS {self.secret}".encode()

    # -- its folder
    @property
    def maildir(self) -> Path:
        """The INBOX of the person, which has been used."""
        (cur,) = (self.folder / "state" / "mail").glob("*/cur")
        return cur.parent

    def files(self) -> dict[str, list[Path]]:
        """What lies in cur, new and tmp of INBOX."""
        return {name: sorted((self.maildir / name).iterdir()) for name in ("cur", "new", "tmp")}

    # -- its memory
    @property
    def resident(self) -> int:
        """Octets of memory now."""
        return _memory(self.server.pid, "VmRSS")

    def peak_of(self, work: Callable[[], object]) -> int:
        """How many octets the memory grew at most while `work` was done."""
        return memory_peak_of(self.server.pid, work)

    @property
    def open_files(self) -> int:
        """Connections, ports and messages; databases open more files when much is asked of them at once."""
        found = 0
        for link in Path(f"/proc/{self.server.pid}/fd").iterdir():
            with suppress(FileNotFoundError):
                name = os.readlink(link)
                found += name.startswith("socket:") or "/cur/" in name
        return found

    # -- its health
    def healthy(self) -> None:
        """It serves, and nothing has failed in it."""
        with self.imap() as talker:
            assert talker.imap(b"NOOP")[-1].startswith(b"OK ")
        bad = [line for line in self.server.lines if "Traceback" in line or " critical " in line]
        assert not bad, self.server.log

    def end(self) -> None:
        self.server.stop()


def memory_peak_of(pid: int, work: Callable[[], object]) -> int:
    """How many octets the memory of a process grew at most while `work` was done."""
    before = _memory(pid, "VmRSS")
    Path(f"/proc/{pid}/clear_refs").write_text("5")  # the peak begins anew
    work()
    return _memory(pid, "VmHWM") - before


def _memory(pid: int, name: str) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(name + ":"):
            return int(line.split()[1]) * 1024
    raise AssertionError(f"no {name}")


@cache
def enrolled() -> tuple[Path, str]:
    """A state folder to begin with, and the `password@code` that the one person there has saved."""
    folder = Path(tempfile.mkdtemp(prefix="mailtwist-enrolled-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    with RunningServer(folder, whole_host(TRUSTED)) as server:
        server.command("user", "add", USER, "--password-stdin", typed=PASSWORD + "\n")
        made = json.loads(server.command("otp", "enroll", USER, "--json"))
        totp = pyotp.TOTP(parse_qs(urlsplit(made["uri"]).query)["secret"][0])
        now = int(time.time())
        server.command("otp", "confirm", USER, totp.at(now - 30))
        secret = f"{PASSWORD}@{totp.at(now)}"
        with Talker(server.port("imap")) as imap:
            imap.line()
            answer = imap.imap(f'LOGIN {USER} "{secret}"'.encode())[-1]
            assert answer.startswith(b"OK "), answer
    return folder / "state", secret


def eventually(true: Callable[[], bool], seconds: float = 60) -> bool:
    """`true()`, as soon as it is, or at last."""
    deadline = time.monotonic() + seconds
    while not (found := true()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return found


@cache
def site(name: str, pace: float = 1) -> Site:
    """One per test module, which says its `name`; it ends with the tests."""
    folder = Path(tempfile.mkdtemp(prefix=f"mailtwist-{name}-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    made = Site(folder, pace=pace)
    atexit.register(made.end)
    return made
