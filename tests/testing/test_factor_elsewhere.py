"""The contracts of factors elsewhere hold for services in memory."""

from typing import Any

from twisted.trial.unittest import TestCase

from mailtwist.kit.clock import SystemClock
from mailtwist.testing.elsewhere import OTHER, PERSON, Elsewhere
from mailtwist.testing.factor_elsewhere import ApprovalContract, BothContract, RemoteFactorContract
from tests.auth.elsewhere import Both, Codes, Phone


class InMemory(Elsewhere):
    factor: Any

    async def kill(self) -> None:
        self.factor.state = "away"

    async def silence(self) -> None:
        self.factor.state = "silent"

    async def confuse(self) -> None:
        self.factor.state = "confused"

    async def revive(self) -> None:
        self.factor.state = "answers"

    def questions(self) -> int:
        return len(self.factor.asked)


class CodesTests(InMemory, RemoteFactorContract, TestCase):
    async def make_factor(self) -> Codes:
        self.factor = Codes(SystemClock())
        return self.factor

    async def code(self, person: Any = PERSON) -> str:
        code = "271828" if person is PERSON else "314159"
        self.factor.right.add((person.account, code))
        return code


class PhoneTests(InMemory, ApprovalContract, TestCase):
    async def make_factor(self) -> Phone:
        self.factor = Phone(SystemClock())
        return self.factor

    async def says(self, answer: str) -> None:
        self.factor.says = answer


class BothTests(InMemory, BothContract, TestCase):
    async def make_factor(self) -> Both:
        self.factor = Both(SystemClock())
        self.factor.enabled = {PERSON.account, OTHER.account}
        return self.factor

    async def code(self, person: Any = PERSON) -> str:
        self.factor.right.add((person.account, self.PASSWORD, "271828"))
        return "271828"

    async def change_password(self) -> float:
        self.factor.changed = 1_800_000_000.0
        return 1_800_000_000.0

    async def disable(self) -> None:
        self.factor.enabled.clear()
