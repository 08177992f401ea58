"""Prompts over several processes: the answer comes to one, the login waits in another."""

from base64 import urlsafe_b64encode
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import CancelledError, Deferred
from twisted.trial.unittest import TestCase

from mailtwist.auth.api import LoginUnavailable, Person
from mailtwist.auth.factors.api import Asked
from mailtwist.auth.factors.approve.links import Link, Links, Prompt
from mailtwist.auth.factors.approve.prompts import Heard, Prompts
from mailtwist.config.part import installed
from mailtwist.kit.clock import SystemClock
from mailtwist.kit.spawn import started
from mailtwist.state.process import keys
from mailtwist.state.volatile.redis import made
from mailtwist.testing.assembly import OnePart
from tests.auth.factors.approve.house import until
from tests.peers.programs import needs
from tests.state.redis_server import shared_server
from tests.state.volatile.redis.making import settings_for

ANN = Asked(Person("a1", "ann@example.org"), address="192.0.2.7", protocol="imap", client="Phone", login="l1")
BOB = Asked(Person("b1", "bob@example.org"))


class TwoProcesses(TestCase):
    """`self.one` and `self.other` are two of one state."""

    timeout = 20

    async def setUp(self) -> None:
        self.folder = Path(self.mktemp())
        self.folder.mkdir()
        self.one = await self.process()
        self.other = await self.process()

    async def process(self) -> Prompts:
        one = OnePart(self.folder, clock=SystemClock())
        state = await self.state(one)
        await state.start()
        known = keys(one)
        await one.start()

        async def end() -> None:
            await one.stop()
            await state.stop()

        prompts = Prompts(state, known, one.clock, "mail.example.org")
        self.addCleanup(lambda: started(end()))
        return prompts

    async def state(self, one: OnePart) -> Any:
        raise NotImplementedError

    async def asked(self, asked: Asked = ANN, prompts: Prompts | None = None) -> tuple[Prompt, Deferred[Any]]:
        """In the one process: a prompt that waits for its answer."""
        begun: Deferred[Prompt] = Deferred()

        async def wait() -> bool:
            async with (prompts or self.one).begun(asked, 30.0, 10) as prompt:
                hearing = started(self.one.heard(prompt))
                reactor.callLater(0, begun.callback, prompt)
                return await hearing

        login = started(wait())
        login.addErrback(lambda failure: failure if begun.called else begun.errback(failure))
        return await begun, login

    async def gone(self, login: Deferred[Any]) -> None:
        login.cancel()
        await self.assertFailure(login, CancelledError)

    async def test_the_answer_may_come_to_another_process(self) -> None:
        for yes in (True, False):
            prompt, login = await self.asked()
            self.assertIs(await self.other.waits(prompt), True)
            self.assertIs(await self.other.answered(prompt, yes), Heard.COUNTS)
            self.assertIs(await login, yes)
            await until(lambda: self.one.under_way == 0)

    async def test_and_to_this_one(self) -> None:
        prompt, login = await self.asked()
        self.assertIs(await self.one.answered(prompt, True), Heard.COUNTS)
        self.assertIs(await login, True)

    async def test_of_two_answers_in_two_processes_one_counts(self) -> None:
        prompt, login = await self.asked()
        answers = [started(self.one.answered(prompt, True)), started(self.other.answered(prompt, False))]
        heard = [await one for one in answers]
        self.assertEqual(sorted(one.value for one in heard), ["counts", "too late"])
        self.assertIs(await login, heard[0] is Heard.COUNTS)
        self.assertIs(await self.other.answered(prompt, True), Heard.TOO_LATE)
        self.assertIs(await self.other.waits(prompt), False)

    async def test_when_the_client_has_gone_nobody_waits_in_any_process(self) -> None:
        prompt, login = await self.asked()
        await self.gone(login)
        await self.until_over(prompt)
        for one in (self.one, self.other):
            self.assertIs(await one.answered(prompt, True), Heard.TOO_LATE)

    async def until_over(self, prompt: Prompt) -> None:
        over: list[bool] = []
        while not over:
            if not await self.other.waits(prompt):
                over.append(True)

    async def test_who_knows_only_the_name_of_a_prompt_answers_nothing(self) -> None:
        prompt, login = await self.asked()
        fields = {name: getattr(prompt, name) for name in Prompt.__dataclass_fields__}
        forged = Prompt(**{**fields, "leader": "0123456789ab"})
        answer = started(self.other.answered(forged, True))
        self.assertIs(await self.other.waits(forged), False)
        self.assertNoResult(login)
        await self.gone(login)
        self.assertIs(await answer, Heard.TOO_LATE)

    async def test_a_prompt_that_is_too_many(self) -> None:
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(self.one.begun(BOB, 30.0, 1))
            await self.assertFailure(started(self.too_many()), LoginUnavailable)

    async def too_many(self) -> None:
        async with self.one.begun(ANN, 30.0, 1):
            self.fail("one too many")


class SqliteTests(TwoProcesses):
    async def state(self, one: OnePart) -> Any:
        part = installed("mailtwist.state")["sqlite_volatile"].load()
        return part.build(part.settings(), one)


@needs("redis-server")
class RedisTests(TwoProcesses):
    async def setUp(self) -> None:
        self.settings = settings_for(shared_server())
        await super().setUp()

    async def state(self, one: OnePart) -> Any:
        return made(self.settings, one)


class MemoryTests(TwoProcesses):
    """One process, twice."""

    shared: Any = None

    async def state(self, one: OnePart) -> Any:
        if self.shared is None:
            part = installed("mailtwist.state")["memory"].load()
            self.shared = part.build(part.settings(), one)
            self.shared.start = lambda: started(_nothing())
        return self.shared


async def _nothing() -> None: ...


del TwoProcesses


class LinkTests(TestCase):
    async def setUp(self) -> None:
        folder = Path(self.mktemp())
        folder.mkdir()
        one = OnePart(folder)
        self.addCleanup(lambda: started(one.stop()))
        self.keys = keys(one)
        await one.start()
        self.links = Links(self.keys)
        facts = ("ann@example.org", "192.0.2.7", "imap", "Phöne", "mail.example.org", "l1", 1.5, 31.5)
        self.prompt = Prompt("i" * 26, "leader", *facts)

    async def test_what_it_says_is_read_again(self) -> None:
        for yes in (True, False):
            token = self.links.token(Link(self.prompt, yes))
            self.assertRegex(token, r"\A[A-Za-z0-9._-]{100,2000}\Z")
            self.assertEqual(self.links.read(token), Link(self.prompt, yes))

    async def test_two_links_of_one_prompt_have_nothing_in_common(self) -> None:
        tokens = {self.links.token(Link(self.prompt, yes)) for yes in (True, False, True)}
        self.assertEqual(len({token[:40] for token in tokens}), 3)

    async def test_whatever_is_changed_it_is_none(self) -> None:
        token = self.links.token(Link(self.prompt, True))
        for at in range(0, len(token), 7):
            other = "A" if token[at] != "A" else "B"
            self.assertIsNone(self.links.read(token[:at] + other + token[at + 1 :]), at)
        for text in (
            "",
            "1.",
            token[:-8],
            token + "AAAA",
            f"2.{token[2:]}",
            token * 9,
            "\0",
            "1." + "é" * 99,
        ):
            self.assertIsNone(self.links.read(text), text)

    async def test_what_else_was_sealed_is_none(self) -> None:
        version, sealed = self.keys.seal(b'[true, "x"]', "a1", "t1")
        text = urlsafe_b64encode(sealed).decode().rstrip("=")
        self.assertIsNone(self.links.read(f"{version}.{text}"))

    async def test_it_tells_nobody_what_it_lets_do(self) -> None:
        self.assertNotIn("leader", repr(Link(self.prompt, True)).replace("leader=", ""))
