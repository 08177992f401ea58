"""A factor in a state folder of its own, and the same one as the next process finds it."""

from pathlib import Path
from typing import Any

from twisted.trial.unittest import TestCase

from mailtwist.auth.factors.api import Proof
from mailtwist.state.api import Durable
from mailtwist.state.process import durable
from mailtwist.state.records import Use
from mailtwist.testing.assembly import OnePart
from mailtwist.testing.clock import ManualClock
from mailtwist.testing.factor import ENROLLED, about


class FactorCase(TestCase):
    """`part` is the class of the factor; `begin` makes one."""

    part: Any
    settings: Any

    def setUp(self) -> None:
        self.clock = ManualClock()
        self.folder = Path(self.mktemp())
        self.folder.mkdir()
        self.given: Any = None

    async def begin(self, settings: Any = None) -> Any:
        self.given = settings or self.settings()
        return await self.process()

    async def process(self) -> Any:
        """The factor in a new process."""
        self.assembly = OnePart(self.folder, clock=self.clock)
        self.addCleanup(self.assembly.stop)
        self.factor = self.part(self.given, self.assembly)
        await self.assembly.start()
        return self.factor

    async def restarted(self) -> Any:
        await self.assembly.stop()
        return await self.process()

    @property
    def durable(self) -> Durable:
        return durable(self.assembly)

    async def use(self, proof: Proof) -> None:
        used = await self.durable.advance(ENROLLED, proof.token, proof.step, b"x")
        self.assertEqual(used, Use.NEW)

    async def succeeded(self, code: str) -> Proof:
        """What the decision does with a right code."""
        proof = await self.factor.verify(about(ENROLLED), code)
        assert proof is not None, code
        await self.use(proof)
        if hasattr(self.factor, "learned"):
            await self.factor.learned(ENROLLED, proof)
        return proof  # type: ignore[no-any-return]
