"""A factor that asks a web service, in a process of its own; and the service."""

from pathlib import Path
from typing import Any

from mailtwist.kit.clock import SystemClock
from mailtwist.testing.assembly import OnePart
from mailtwist.testing.elsewhere import Elsewhere
from tests.auth.factors.services import Service, html, silent


class WebCase(Elsewhere):
    """`made` builds the factor of `settings`."""

    timeout = 120
    service: Service

    def settings(self, **others: Any) -> Any:
        raise NotImplementedError

    def made(self, settings: Any, assembly: Any) -> Any:
        raise NotImplementedError

    def judge(self) -> Any:
        raise NotImplementedError

    async def begin(self, **settings: Any) -> Any:
        if not hasattr(self, "service"):
            self.service = Service(self.judge()).begin(self)
        folder = Path(self.mktemp())
        folder.mkdir()
        assembly = OnePart(folder, name="far", clock=SystemClock())
        self.assembly = assembly
        self.addCleanup(assembly.stop)
        factor = self.made(self.settings(**settings), assembly)
        await assembly.start()
        await factor.start()
        self.addCleanup(factor.stop)
        return factor

    async def make_factor(self) -> Any:
        return await self.begin()

    async def kill(self) -> None:
        await self.service.kill()

    async def silence(self) -> None:
        self.service.breaks = silent

    async def confuse(self) -> None:
        self.service.breaks = html

    async def revive(self) -> None:
        self.service.revive()

    def questions(self) -> int:
        return len(self.service.requests)
