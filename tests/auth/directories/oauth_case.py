"""A provider of tokens, and a directory that believes it."""

from pathlib import Path
from typing import Any, ClassVar

from twisted.logger import globalLogPublisher
from twisted.trial.unittest import TestCase

from mailtwist.auth.api import Bearer, LoginUnavailable
from mailtwist.auth.directories.oauthbearer.directory import OAuthBearer
from mailtwist.auth.directories.oauthbearer.settings import Settings, Url
from mailtwist.config.values import File, Names
from mailtwist.kit.spawn import started
from mailtwist.kit.steps import steps_heard
from mailtwist.testing.assembly import OnePart
from mailtwist.testing.clock import ManualClock
from tests.auth.directories.oauth_provider import (
    AUDIENCE,
    NAME,
    Provider,
)


class Case(TestCase):
    """A provider, and a directory that believes it."""

    path = ""
    usual: ClassVar[dict[str, Any]] = {}

    def setUp(self) -> None:
        self.events: list[dict[str, Any]] = []
        globalLogPublisher.addObserver(self.events.append)
        self.addCleanup(globalLogPublisher.removeObserver, self.events.append)
        self.clock = ManualClock()
        self.folder = Path(self.mktemp())
        self.folder.mkdir()
        self.provider = Provider(self.folder, self.clock.now, self.path)
        self.provider.start()
        self.addCleanup(lambda: started(self.provider.stop()))
        self.build()

    def settings(self, **more: Any) -> Settings:
        usual = {
            "issuer": Url(self.provider.issuer),
            "audience": Names((AUDIENCE,)),
            "roots": File(self.provider.certificate.root),
            **self.usual,
        }
        return Settings(**{**usual, **more})

    def build(self, **more: Any) -> OAuthBearer:
        self.assembly = OnePart(self.folder, clock=self.clock, name="idp")
        self.directory = OAuthBearer(self.settings(**more), self.assembly)
        self.addCleanup(lambda directory: started(directory.stop()), self.directory)
        return self.directory

    async def good(self, token: bytes, name: str = NAME) -> Bearer:
        bearer = await self.directory.bearer(name, token)
        self.assertIsNotNone(bearer)
        assert bearer is not None
        return bearer

    async def bad(self, token: bytes, why: str = "") -> None:
        said: list[str] = []
        with steps_heard(said.append):
            self.assertIsNone(await self.directory.bearer(NAME, token))
        self.assertIn(why, said[-1])
        self.assertNotIn(token.decode("latin-1").partition(".")[2][:30] or "no part", "".join(said))

    async def away(self, token: bytes) -> str:
        with self.assertRaises(LoginUnavailable) as raised:
            await self.directory.bearer(NAME, token)
        return raised.exception.reason

    def told(self, event: str) -> int:
        return len([one for one in self.events if one.get("event_id") == event])
