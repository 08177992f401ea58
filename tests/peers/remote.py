"""A host whose second factor is a service elsewhere, and the service."""

import atexit
import base64
import itertools
import json
import shutil
import sys
import tempfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from mailtwist.testing.server import RunningServer
from tests.backends.certificates import certificate
from tests.backends.processes import Program, eventually
from tests.backends.server import answers
from tests.peers.clients import Login
from tests.peers.host import Host
from tests.peers.programs import free_ports
from tests.whole_host import whole_host

KEY = "whsec_" + base64.b64encode(bytes(range(7, 39))).decode()
OTHER_KEY = "whsec_" + base64.b64encode(bytes(32)).decode()
FACTOR = """\
[factor:company]
type = http
url = https://localhost:{port}/verify
key = {key}
roots = {root}
timeout = 3 s
"""


class Service:
    """At its port, from `start` until `stop`."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="mailtwist-2fa-"))
        atexit.register(shutil.rmtree, self.folder, ignore_errors=True)
        (self.port,) = free_ports(1)
        self.root = certificate(self.folder, "service").root
        self._codes, self._heard = self.folder / "codes", self.folder / "heard"
        self._codes.touch()
        self._heard.touch()
        script = Path(__file__).with_name("judge_of_codes.py")
        self._program = Program(
            [sys.executable, str(script), str(self.folder), str(self.port)], self.folder / "output"
        )

    @property
    def factor(self) -> str:
        """The section that asks it."""
        return FACTOR.format(port=self.port, key=KEY, root=self.root)

    def start(self, key: str = KEY) -> "Service":
        self._program.begin({"MAILTWIST_KEY": key})
        if not eventually(lambda: answers(self.port)):
            raise AssertionError(self._program.said)
        return self

    def stop(self) -> None:
        self._program.end()

    def knows(self, user: str, code: str) -> None:
        """This code of his is right from now on, and as often as he likes."""
        with self._codes.open("a") as codes:
            codes.write(f"{user} {code}\n")

    def heard(self, user: str) -> list[str]:
        """The codes that it was asked about."""
        told = [json.loads(line) for line in self._heard.read_text().splitlines()]
        return [code for name, code in told if name == user]

    @property
    def everything(self) -> str:
        return self._heard.read_text()


class RemoteHost(Host):
    """Mail and passwords are here; codes are judged by the service.  `server` are more lines of [server]."""

    def __init__(self, server: str = "") -> None:
        self.service = Service().start()
        ini = whole_host(server).replace("[factor:totp]\n", self.service.factor)
        super().__init__(Path(tempfile.mkdtemp(prefix="mailtwist-remote-")), ini)

    def end(self) -> None:
        super().end()
        self.service.stop()


class Remote:
    """Somebody whose codes come from the service."""

    def __init__(self, host: Any, name: str, password: str) -> None:
        self.host = host
        self.address = f"{name}@{host.domain}"
        self.password = password
        self._codes = itertools.count(100_001, 7)
        host.admit(self.address, password)
        self.secret = f"{password}@{self.new_code()}"

    def new_code(self) -> str:
        code = str(next(self._codes))
        self.host.service.knows(self.address, code)
        return code

    def login(self, secret: str, user: str | None = None) -> Login:
        server: RunningServer = self.host.server
        services: Sequence[str] = self.host.services
        ports = {service: server.port(service) for service in services}
        return Login(user or self.address, secret, self.host.certificate, ports)


@cache
def remote_host() -> RemoteHost:
    """For all tests that do it no harm."""
    host = RemoteHost()
    atexit.register(host.end)
    return host
