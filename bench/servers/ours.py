"""mailtwist, as an operator runs it: Maildir with everything synced, argon2, a second factor."""

import json
import shutil
import subprocess
import sys
import time
from typing import ClassVar
from urllib.parse import parse_qs, urlsplit

import pyotp

from bench.machine import SERVERS, on_core
from bench.servers.api import OTHER, SINK, USER, NotHere, Server
from bench.servers.ports import free, wait_for
from mailtwist.testing.server import RunningServer

INI = """\
[server]
hostname = mail.example.test
state = state
trusted_networks = {trusted}

[notices]
send = no

[login]
factor = {factor}
{more}
[directory:people]
type = sqlite

[factor:totp]

[store:mail]
type = {store}

[tls:own]
type = files
certificate = {certificate}
key = {key}

[target:mailboxes]
type = mailbox
store = mail
domains = example.test

[service:smtp]
listen = 127.0.0.1:0
tls = own

[service:smtps]
type = smtp
tls_mode = implicit
listen = 127.0.0.1:0
tls = own

[service:imap]
listen = 127.0.0.1:0
tls = own
store = mail

[service:imaps]
type = imap
tls_mode = implicit
listen = 127.0.0.1:0
tls = own
store = mail

[service:pop3]
listen = 127.0.0.1:0
tls = own
store = mail
"""
SERVICES = ("smtp", "smtps", "imap", "imaps", "pop3")


class Ours(Server):
    """USER has a second factor, and what its mail program has saved is remembered."""

    name: ClassVar[str] = "mailtwist"
    store: ClassVar[str] = "maildir"
    trusted: ClassVar[str] = "127.0.0.0/8"
    factor: ClassVar[str] = "optional"
    more = ""
    password = "a password of some length"

    def start(self) -> None:
        self._seeds: dict[str, str] = {}
        ini = INI.format(
            store=self.store,
            certificate=self.certificate,
            key=self.key,
            trusted=self.trusted,
            factor=self.factor,
            more=self.more,
        )
        self._server = RunningServer(self.folder / "server", ini)
        self._begin()
        for name in (USER, SINK, OTHER):
            self._server.command("user", "add", name, "--password-stdin", typed=f"{self.password}\n")
        self.secret = f"{self.password}@{self._code()}"

    def _begin(self) -> None:
        self._server.start()
        self.ports = {service: self._server.port(service) for service in SERVICES}

    def again(self) -> None:
        self._server.stop()
        with on_core(SERVERS):
            self._begin()

    def people(self, count: int, *, enabled: bool = True) -> list[str]:
        words = ["-m", "bench.programs.people", str(self._server.config), str(count), self.password]
        words += [] if enabled else ["disabled"]
        done = subprocess.run([sys.executable, *words], capture_output=True, text=True)
        if done.returncode:
            raise NotHere(done.stderr)
        made = dict(json.loads(done.stdout))
        self._seeds.update(made)
        return list(made)

    def secret_of(self, person: str) -> str:
        return f"{self.password}@{pyotp.TOTP(self._seeds[person]).now()}"

    def seed_of(self, person: str) -> str:
        return self._seeds[person]

    def _code(self) -> str:
        """One that was not used: the one before it confirms."""
        enrolled = json.loads(self._server.command("otp", "enroll", USER, "--json"))
        totp = pyotp.TOTP(parse_qs(urlsplit(enrolled["uri"]).query)["secret"][0])
        now = time.time()
        self._server.command("otp", "confirm", USER, totp.at(int(now) - 30))
        return totp.at(int(now))

    @property
    def pid(self) -> int:
        return self._server.pid

    def end(self) -> None:
        self._server.stop()


class OursInMemory(Ours):
    """Nothing is written to a disk: beside peers that throw mail away."""

    name = "mailtwist-memory"
    store = "memory"


class OursGuarded(Ours):
    """Clients of 127.0.0.0/24 may log in without TLS, those from elsewhere in 127/8 have all limits;
    everybody needs a second factor, as is usual."""

    name = "mailtwist-guarded"
    trusted = "127.0.0.0/24"
    factor = "required"


class OursUnlimited(OursGuarded):
    """Every guess is judged."""

    name = "mailtwist-unlimited"
    more = "[limits]\n" + "\n".join(
        f"{name} = 1000000 in 1 d"
        for name in ("address", "address_long", "network", "account_address", "account", "account_long")
    )


class OursWithRedis(OursGuarded):
    """What nodes share is in Redis."""

    name = "mailtwist-redis"

    def start(self) -> None:
        program = shutil.which("redis-server")
        if program is None:
            raise NotHere("redis-server is not installed")
        (port,) = free(1)
        words = [program, "--bind", "127.0.0.1", "--port", str(port), "--save", ""]
        self._redis = subprocess.Popen(words, cwd=self.folder, stdout=subprocess.DEVNULL)
        wait_for(port)
        self.more = f"[state:shared]\ntype = redis\nurl = redis://127.0.0.1:{port}/0\n"
        super().start()

    def end(self) -> None:
        super().end()
        self._redis.terminate()
        self._redis.wait(20)
