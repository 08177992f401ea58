"""Services elsewhere, in memory: one that judges codes, a phone that is asked, one that takes both in one."""

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred

from mailtwist.auth.api import LoginUnavailable, Person
from mailtwist.auth.factors.api import NO_STEP, Asked, Proof
from mailtwist.kit.clock import Clock
from mailtwist.kit.steps import step


class Service:
    """What all have in common.  It answers, or is "away", "silent" or "confused"."""

    kind = "service"

    def __init__(self, clock: Clock, domains: tuple[str, ...] = ()) -> None:
        self.state = "answers"
        self.asked: list[Asked] = []
        self.waiting: list[Deferred[Any]] = []
        self.ended = 0
        self._clock = clock
        self._domains = domains

    def serves(self, person: Person) -> bool:
        return not self._domains or person.name.rpartition("@")[2] in self._domains

    async def enrolled(self, account: str) -> bool:
        return True

    async def answered(self, asked: Asked) -> None:
        """A question reached it, and it has answered something."""
        self.asked.append(asked)
        if self.state == "silent":
            await self.wait(asked.seconds)
            raise LoginUnavailable("silent")
        if self.state != "answers":
            raise LoginUnavailable(self.state)
        step("{kind} was asked about {name}", kind=self.kind, name=asked.person.name)

    async def wait(self, seconds: float) -> Any:
        """What the test says it answers; None after so many seconds."""
        waiting: Deferred[Any] = Deferred(self._called_off)
        self.waiting.append(waiting)
        timer = self._clock.later(seconds, waiting.callback, None)
        try:
            return await waiting
        finally:
            self.waiting.remove(waiting)
            if timer.active():
                timer.cancel()

    def _called_off(self, waiting: Deferred[Any]) -> None:
        self.ended += 1


class Codes(Service):
    """Each code is right once, at the service; `right` says which are now."""

    def __init__(self, clock: Clock, domains: tuple[str, ...] = ()) -> None:
        super().__init__(clock, domains)
        self.right: set[tuple[str, str]] = set()
        self.wrong_takes = 0.0

    def looks_like(self, text: str) -> bool:
        return len(text) == 6 and text.isascii() and text.isdigit()

    async def verify(self, asked: Asked, code: str) -> Proof | None:
        await self.answered(asked)
        if (asked.account, code) not in self.right:
            if self.wrong_takes:
                await self.wait(self.wrong_takes)
            return None
        return Proof(f"service:{hash((asked.account, code, 'key')):x}-mark", NO_STEP, self.kind)


class Phone(Service):
    """A person with a phone.  `says`: "yes" or "no" at once; "nothing": the test does, or nobody."""

    kind = "phone"

    def __init__(self, clock: Clock, domains: tuple[str, ...] = ()) -> None:
        super().__init__(clock, domains)
        self.says = "nothing"
        self.longest = 60.0
        self.people: Callable[[str], bool] = lambda account: True

    async def enrolled(self, account: str) -> bool:
        return self.people(account)

    def looks_like(self, text: str) -> bool:
        return False

    async def verify(self, asked: Asked, code: str) -> Proof | None:
        return None

    async def approved(self, asked: Asked) -> Proof | None:
        await self.answered(asked)
        yes = self.says == "yes"
        if self.says == "nothing":
            yes = await self.wait(min(asked.seconds, self.longest)) == "yes"
        return Proof(f"phone:{len(self.asked)}", NO_STEP, self.kind) if yes else None

    def answer(self, what: str) -> None:
        """To the prompt that came last."""
        self.waiting[-1].callback(what)


class Both(Service):
    """Takes password and code in one; `right` are such pairs."""

    kind = "both"

    def __init__(self, clock: Clock, domains: tuple[str, ...] = ()) -> None:
        super().__init__(clock, domains)
        self.right: set[tuple[str, bytes, str]] = set()
        self.everybody = False
        self.lasts = True
        self.changed = 0.0
        self.enabled = {"a1"}
        self.pairs: list[tuple[bytes, str]] = []

    def looks_like(self, text: str) -> bool:
        return len(text) == 6 and text.isascii() and text.isdigit()

    async def verify(self, asked: Asked, code: str) -> Proof | None:
        raise AssertionError("nobody asks it about a code alone")

    async def verify_both(self, asked: Asked, password: bytes, code: str) -> Proof | None:
        if not password:
            return None
        self.pairs.append((password, code))
        await self.answered(asked)
        if not self.everybody and (asked.account, password, code) not in self.right:
            return None
        return Proof(f"both:{hash((asked.account, code)):x}", NO_STEP, self.kind, 0, True, self.lasts)

    async def still_right(self, asked: Asked, since: float) -> bool:
        await self.answered(asked)
        return asked.account in self.enabled and since > self.changed
