"""The program of the docs that hears whom to ask: it asks what we say, and nobody else has it ask."""

import importlib
import io
import os
from typing import Any

from twisted.web.server import NOT_DONE_YET

from mailtwist.auth.api import LoginUnavailable
from mailtwist.auth.factors.signing import SigningKey
from mailtwist.kit.clock import SystemClock
from mailtwist.kit.spawn import spawn
from tests.auth.factors.approve.house import URL, ApproveCase
from tests.auth.factors.approve.rigs import KEY, OTHER_KEY


class AskerTests(ApproveCase):
    def setUp(self) -> None:
        super().setUp()
        self.patch(os, "environ", {**os.environ, "MAILTWIST_KEY": KEY})
        module = importlib.import_module("tests.auth.factors.receivers.asker")
        self.asker: Any = importlib.reload(module)
        self.heard: list[tuple[str, ...]] = []
        self.asker.ask = lambda *told: self.heard.append(told)

    async def by_asker(self, **more: Any) -> None:
        await self.begin(by="webhook", **more)
        self.rig.answered = self.by_wsgi

    def by_wsgi(self, request: Any) -> int:
        headers = self.rig.headers[-1]
        facts = {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in headers.items()}
        body = io.BytesIO(self.rig.raw[-1])
        environ = {**facts, "CONTENT_LENGTH": headers["content-length"], "wsgi.input": body}
        began: list[str] = []
        self.asker.application(environ, lambda status, fields: began.append(status))
        request.setResponseCode(int(began[0][:3]))
        request.finish()
        return NOT_DONE_YET

    async def test_it_asks_and_the_answer_counts(self) -> None:
        await self.by_asker()

        def ask(*told: str) -> None:
            self.heard.append(told)
            spawn(self.post(told[2]), "saying yes")

        self.asker.ask = ask
        self.assertIsNotNone(await self.login())
        ((user, words, link),) = self.heard
        self.assertEqual((user, words), ("ann@example.org", "Phone from 192.0.2.7"))
        self.assertTrue(link.startswith(f"{URL}/approve?"))

    async def test_nobody_else_has_it_ask(self) -> None:
        await self.by_asker(key=SigningKey.parse(OTHER_KEY))
        await self.assertFailure(self.login(), LoginUnavailable)
        self.assertEqual(self.heard, [])

    async def test_nor_an_old_question(self) -> None:
        await self.by_asker()
        self.asker.time = Later()
        await self.assertFailure(self.login(), LoginUnavailable)
        self.assertEqual(self.heard, [])


class Later:
    def time(self) -> float:
        return SystemClock().now() + 301
