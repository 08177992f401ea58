"""The services that the docs show: what they are asked they understand, and what they answer counts."""

import importlib
import io
import os
from pathlib import Path
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.protocol import ProcessProtocol
from twisted.python.failure import Failure
from twisted.trial.unittest import TestCase

from mailtwist.auth.factors.signing import SigningKey
from mailtwist.auth.factors.web_service import ServiceUrl
from mailtwist.kit.clock import SystemClock
from mailtwist.testing.elsewhere import PERSON
from tests.auth.factors.services import KEY, OTHER_KEY, Request, Said
from tests.auth.factors.test_http import SignedCase
from tests.hearing import heard
from tests.peers.programs import free_ports, needs, program

HERE = Path(__file__).parent / "receivers"


class PythonTests(SignedCase, TestCase):
    def setUp(self) -> None:
        super().setUp()
        self.patch(os, "environ", {**os.environ, "MAILTWIST_KEY": KEY})
        module = importlib.import_module("tests.auth.factors.receivers.receiver")
        self.receiver: Any = importlib.reload(module)
        self.receiver.right = lambda user, code: (user, code) in self.known

    def judge(self) -> Any:
        return self.by_wsgi

    def by_wsgi(self, request: Request) -> Said:
        facts = {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in request.headers.items()}
        length = request.headers.get("content-length", "0")
        environ = {**facts, "CONTENT_LENGTH": length, "wsgi.input": io.BytesIO(request.body)}
        began: list[tuple[str, Any]] = []
        body = b"".join(self.receiver.application(environ, lambda *start: began.append(start)))
        ((status, headers),) = began
        return int(status[:3]), dict(headers), body

    async def test_it_judges_codes(self) -> None:
        factor = await self.begin()
        self.assertIsNotNone(await factor.verify(self.asked(), "271828"))
        self.assertIsNone(await factor.verify(self.asked(), "000000"))

    async def test_it_believes_nobody_else(self) -> None:
        factor = await self.begin(key=SigningKey(OTHER_KEY))
        self.assertIn("it answers 401", await self.trouble(factor))

    async def test_nor_an_old_question(self) -> None:
        factor = await self.begin()
        self.receiver.time = Later()
        self.assertIn("it answers 401", await self.trouble(factor))


class Later:
    def time(self) -> float:
        return SystemClock().now() + 301


class Running(ProcessProtocol):
    """PHP's own server, which says when it has begun."""

    def __init__(self) -> None:
        self.said = b""
        self.began: Deferred[None] = Deferred()
        self.ended: Deferred[None] = Deferred()

    def errReceived(self, data: bytes) -> None:
        self.said += data
        if b"started" in self.said and not self.began.called:
            self.began.callback(None)

    def processEnded(self, reason: Failure) -> None:
        self.ended.callback(None)
        if not self.began.called:
            self.began.errback(AssertionError(self.said.decode()))


@needs("php")
class PhpTests(SignedCase, TestCase):
    async def test_it_judges_codes(self) -> None:
        events = heard(self)
        factor = await self.php(KEY)
        self.assertIsNotNone(await factor.verify(self.asked(), "271828"))
        self.assertIsNone(await factor.verify(self.asked(), "000000"))
        self.assertEqual([event["event_id"] for event in events], ["factor.plain"])

    async def test_it_believes_nobody_else(self) -> None:
        self.assertIn("it answers 401", await self.trouble(await self.php(OTHER_KEY)))
        self.assertIn("it answers 401", await self.trouble(await self.php("")))

    async def php(self, key: str) -> Any:
        """The factor, with the built-in server of PHP as its service."""
        folder = Path(self.mktemp()).absolute()
        folder.mkdir()
        (folder / "receiver.php").write_text((HERE / "receiver.php").read_text())
        right = f"return $user === '{PERSON.name}' && $code === '271828';"
        (folder / "right.php").write_text(f"<?php function right($user, $code) {{ {right} }}")
        (port,) = free_ports(1)
        arguments = ["php", "-S", f"127.0.0.1:{port}", "receiver.php"]
        environment = {"MAILTWIST_KEY": key, "PATH": os.environ["PATH"]}
        running = Running()
        process = reactor.spawnProcess(running, program("php"), arguments, environment, str(folder))
        self.addCleanup(self.ended, process, running)
        await running.began
        return await self.begin(url=ServiceUrl(f"http://127.0.0.1:{port}/"), roots=None)

    async def ended(self, process: Any, running: Running) -> None:
        process.signalProcess("KILL")
        await running.ended
