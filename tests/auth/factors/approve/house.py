"""The factor with real servers that ask, in a process of memory; and a person who answers."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import deferLater
from twisted.logger import globalLogPublisher
from twisted.trial.unittest import TestCase

from mailtwist.auth.factors.api import Asked
from mailtwist.auth.factors.approve.part import Approve
from mailtwist.auth.factors.approve.prompts import the_prompts
from mailtwist.auth.factors.approve.settings import Settings, WebAddress
from mailtwist.auth.factors.signing import SigningKey
from mailtwist.config.part import installed
from mailtwist.config.values import Duration, File
from mailtwist.kit.clock import SystemClock
from mailtwist.kit.spawn import spawn, started
from mailtwist.testing.assembly import OnePart
from mailtwist.testing.elsewhere import PERSON
from mailtwist.web.api import Answer
from mailtwist.web.api import Asked as Request
from tests.auth.factors.approve.rigs import KEY, ROOT, NtfyServer, Receiver, ended

URL = "https://mail.example.org/mail"


class ApproveCase(TestCase):
    """`self.factor`, `self.page`, and the `self.rig` that it asks."""

    timeout = 60
    rig: Any

    def setUp(self) -> None:
        self.folder = Path(self.mktemp())
        self.folder.mkdir()
        roots = self.folder / "roots.pem"
        roots.write_bytes(ROOT.pem)
        self.roots = File(roots)
        self.events: list[dict[str, Any]] = []
        observed: Any = self.events.append
        globalLogPublisher.addObserver(observed)
        self.addCleanup(globalLogPublisher.removeObserver, observed)
        self.assembly = self.process()

    def process(self, clock: Any = None) -> OnePart:
        state: dict[str, Any] = {}
        one = OnePart(self.folder, clock=clock or SystemClock(), parts={"state": state}, name="phone")
        part = installed("mailtwist.state")["memory"].load()
        state["shared"] = part.build(part.settings(), one)
        self.addCleanup(lambda: started(one.stop()))
        return one

    async def begin(self, **settings: Any) -> Approve:
        """With a server of ntfy, or whatever `by` says."""
        by = settings.pop("by", "ntfy")
        self.rig = NtfyServer() if by == "ntfy" else Receiver()
        self.rig.begin()
        self.addCleanup(ended(self.rig))
        rest: dict[str, Any] = {"server": WebAddress(self.rig.url)}
        if by == "webhook":
            rest = {"webhook": WebAddress(self.rig.url), "key": SigningKey.parse(KEY)}
        known: dict[str, Any] = {"url": WebAddress(URL), "roots": self.roots, "timeout": Duration(5)}
        return await self.built(Settings(by=by, **{**known, **rest, **settings}))

    async def built(self, settings: Settings) -> Approve:
        self.factor = Approve(settings, self.assembly)
        part = installed("mailtwist.page")["approve"].load()
        self.page = part.build(part.settings(), self.assembly)
        self.prompts = self.assembly.one(the_prompts)
        await self.assembly.start()
        await self.factor.start()
        self.addCleanup(lambda: started(self.factor.stop()))
        return self.factor

    # -- a person
    def answers(self, word: str) -> None:
        """Whoever is asked says so, at once."""
        self.rig.person = lambda message: spawn(self.post(self.link(message, word)), "answering")

    @staticmethod
    def link(message: dict[str, Any], word: str) -> str:
        """The one for `word`: approve or deny."""
        if word in message:
            return str(message[word])
        return next(str(one["url"]) for one in message["actions"] if one["label"].lower() == word)

    async def post(self, url: str) -> Answer:
        return await self.visit(url, "POST")

    async def visit(self, url: str, method: str = "GET") -> Answer:
        query = url.removeprefix(f"{URL}/approve?")
        self.assertNotEqual(query, url)
        return await self.page.answer(Request(method, "/approve", f"/approve?{query}", address="203.0.113.5"))

    async def message(self) -> dict[str, Any]:
        """The next one that comes to the phone."""
        come: Deferred[dict[str, Any]] = Deferred()
        before = self.rig.person

        def person(message: dict[str, Any]) -> None:
            self.rig.person = before
            come.callback(message)

        self.rig.person = person
        return await come

    def asked(self, **more: Any) -> Asked:
        facts = {
            "address": "192.0.2.7",
            "protocol": "imap",
            "client": "Phone",
            "login": "l1",
            "seconds": 30.0,
        }
        return Asked(more.pop("person", PERSON), **{**facts, **more})

    def login(self, **more: Any) -> Deferred[Any]:
        return started(self.factor.approved(self.asked(**more)))

    def told(self, event: str) -> list[dict[str, Any]]:
        return [one for one in self.events if one.get("event_id") == event]

    async def gone(self, login: Deferred[Any]) -> None:
        """The client has."""
        login.cancel()
        await self.assertFailure(login, CancelledError)


async def until(what: Callable[[], object]) -> None:
    """True in a moment; the test's timeout ends it otherwise."""
    while not what():
        await deferLater(reactor, 0.01)
