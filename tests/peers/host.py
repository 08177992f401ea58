"""One mailtwist host for all of these tests: started once, on loopback, with a clock that tests set."""

import atexit
import imaplib
import json
import shutil
import ssl
import tempfile
import time
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pyotp

from mailtwist.testing.serve import program_with_clock, words_with_clock
from mailtwist.testing.server import RunningServer
from tests.peers.clients import Login
from tests.whole_host import DOMAIN, SERVICES, whole_host


class Person:
    """An account with an authenticator.  `secret` is what a program of this person has saved."""

    def __init__(self, host: "Host", name: str, password: str) -> None:
        self.host = host
        self.address = name if "@" in name else f"{name}@{host.domain}"
        self.password = password
        host.admit(self.address, password)
        enrolled = json.loads(host.server.command("otp", "enroll", self.address, "--json"))
        query = parse_qs(urlsplit(enrolled["uri"]).query)
        self._totp = pyotp.TOTP(query["secret"][0])
        host.server.command("otp", "confirm", self.address, self.new_code())
        self._secret = ""

    @property
    def secret(self) -> str:
        if not self._secret:
            self._secret = f"{self.password}@{self.new_code()}"
        return self._secret

    def saves(self, password: str) -> None:
        """Another one, with a new code."""
        self.password, self._secret = password, ""

    def new_code(self) -> str:
        """One that was never used: the clock goes on by a step."""
        self.host.advance(30)
        return self.code()

    def code(self) -> str:
        """What the phone shows now."""
        return self._totp.at(int(self.host.now()))

    def wrong_code(self) -> str:
        """One that is none of this hour's."""
        now = int(self.host.now())
        near = {self._totp.at(now + 30 * n) for n in range(-120, 121)}
        return next(code for n in range(1_000_000) if (code := f"{n:06}") not in near)

    def login(self, secret: str | None = None, user: str | None = None) -> Login:
        host = self.host
        saved = self.secret if secret is None else secret
        ports = {service: host.server.port(service) for service in host.services}
        return Login(user or self.address, saved, host.certificate, ports)


class Host:
    """The running server, its people, its clock."""

    services: Sequence[str] = SERVICES
    domain = DOMAIN

    def __init__(self, folder: Path, ini: str = "") -> None:
        self.folder = folder
        self._clock = folder / "clock"
        self._offset = 0.0
        self.advance(0)
        clock = self._clock
        self.server = RunningServer(
            folder, ini or whole_host(), program=self.program(clock), words=words_with_clock(clock)
        )
        self.server.start()
        self._people: dict[str, Person] = {}
        self.certificate = folder / "ca.pem"
        encrypted = next(name for name in self.services if name in ("imaps", "pop3s", "submissions"))
        self.certificate.write_text(ssl.get_server_certificate(("127.0.0.1", self.server.port(encrypted))))

    def program(self, clock: Path) -> Sequence[str]:
        """What Python is told to run."""
        return program_with_clock(clock)

    @property
    def state(self) -> Path:
        return self.folder / "state"

    def now(self) -> float:
        return time.time() + self._offset

    def advance(self, seconds: float) -> None:
        """The server's clock goes on."""
        self._offset += seconds
        draft = self._clock.with_suffix(".draft")
        draft.write_text(f"{self._offset}\n")
        draft.rename(self._clock)

    def person(self, name: str, fill: Sequence[bytes] = (), password: str = "it's a pass% w@rd+") -> Person:
        """The account `name` (a whole address for another domain), made at first; `fill` are the messages of
        its INBOX then."""
        if name not in self._people:
            person = Person(self, name, password)
            if fill:
                self._fill(person, fill)
            self._people[name] = person
        return self._people[name]

    def admit(self, address: str, password: str) -> None:
        """Somebody has an account."""
        self.server.command("user", "add", address, "--password-stdin", typed=password + "\n")

    def maildir(self, person: Person) -> Path:
        """Where the mail of `person` is."""
        accounts = json.loads(self.server.command("user", "list", "--json"))
        (account,) = (one["account"] for one in accounts if one["name"] == person.address)
        return self.state / "mail" / str(account)

    def end(self) -> None:
        """No process is left, nor a file."""
        self.server.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _fill(self, person: Person, messages: Sequence[bytes]) -> None:
        login = person.login()
        tls = ssl.create_default_context(cafile=str(self.certificate))
        with imaplib.IMAP4_SSL("localhost", login.ports["imaps"], ssl_context=tls) as imap:
            imap.login(login.user, login.secret)
            for message in messages:
                imap.append("INBOX", "", None, message)


@cache
def shared_host() -> Host:
    """Stopped when the tests end."""
    return _until_the_end()


@cache
def host_of_months() -> Host:
    """Another one, for tests that let months go by."""
    return _until_the_end()


def _until_the_end() -> Host:
    host = Host(Path(tempfile.mkdtemp(prefix="mailtwist-peers-")))
    atexit.register(host.end)
    return host
