"""A house in which it is seen what each guess was charged, and what became of that."""

from collections.abc import Iterator
from typing import Any

from twisted.internet.defer import Deferred

from mailtwist.auth.api import LoginRequest, Person
from mailtwist.auth.limits import Admission, the_limits
from mailtwist.testing.directory import MemoryDirectory
from tests.auth.house import House


class Charged:
    """An admission, watched.  `ended` is what was said to it."""

    def __init__(self, attempt: Any, admission: Admission) -> None:
        self.attempt = attempt
        self.ended: list[str] = []
        self._admission = admission

    async def held(self) -> None:
        await self._admission.held()

    async def failed(self) -> None:
        self.ended.append("failed")
        await self._admission.failed()

    async def forgiven(self) -> None:
        self.ended.append("forgiven")
        await self._admission.forgiven()


class Watching(House):
    """`charged` are all admissions, in order."""

    def build(self, **how: Any) -> None:
        super().build(**how)
        self.charged: list[Charged] = []
        limits = self.assembly.one(the_limits)
        real = limits.admitted

        async def admitted(attempt: Any) -> Any:
            self.charged.append(Charged(attempt, await real(attempt)))
            return self.charged[-1]

        self.patch(limits, "admitted", admitted)

    def ended(self) -> list[list[str]]:
        """What was said to each guess; all are forgotten."""
        ended = [one.ended for one in self.charged]
        self.charged.clear()
        return ended


class Opened:
    """What a login opened."""

    def __init__(self) -> None:
        self.closed = 0

    async def close(self) -> None:
        self.closed += 1


class Gates(MemoryDirectory):
    """Opens something, when the test says so; at once while there are no `gates`."""

    def __init__(self) -> None:
        super().__init__()
        self.gates: list[Deferred[None]] | None = None
        self.opened: list[Opened] = []

    async def open(self, person: Person, password: bytes, request: LoginRequest) -> Opened | None:
        if self.gates is not None:
            self.gates.append(Deferred())
            await self.gates[-1]
        if not await self.accepts(person, password):
            return None
        self.opened.append(Opened())
        return self.opened[-1]

    def left(self) -> Iterator[Deferred[None]]:
        """Those who wait."""
        return (gate for gate in self.gates or () if not gate.called)
